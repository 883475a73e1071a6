// Who else is here: on the cards, and above the composer of the conversation that is open.

import { icon, make } from "./fragment.js";
import { t } from "./words.js";

const TYPING = 6000; // milliseconds after the last key
const RENEW = 15_000;
const me = Number(document.body.dataset.me);
const places = new Map(); // reference -> colleagues who are there

/** What the server says of one conversation. */
export function hear({ id, w }) {
  const others = w.filter((one) => one.u !== me);
  if (others.length) places.set(id, others);
  else places.delete(id);
  draw(document.getElementById(`c-${id}`), others);
  if (document.getElementById("desk")?.dataset.reference === id) warn(others);
}

/** The connection was lost: nobody is known to be anywhere. */
export function forget() {
  for (const id of [...places.keys()]) hear({ id, w: [] });
}

/** On cards that just came. */
export function drawAll() {
  for (const [id, others] of places) draw(document.getElementById(`c-${id}`), others);
}

const words = ({ name, st }) => t(st === "typt" ? "presence.types" : "presence.looks", { name });

function draw(card, others) {
  const box = card?.querySelector(".here");
  if (!box || box.textContent === others.map((one) => one.av + words(one)).join("")) return;
  box.replaceChildren(...others.slice(0, 2).map((one) => make("span", { className: `chip ${one.st}`, title: words(one) },
    icon(one.st === "typt" ? "pen" : "eye"), make("span", { aria: { hidden: "true" } }, one.av), make("span", { className: "sr" }, words(one)))));
}

function warn(others) {
  const box = document.getElementById("presence");
  if (!box) return;
  const types = others.filter((one) => one.st === "typt");
  box.hidden = !others.length;
  box.classList.toggle("looks", !types.length);
  const text = (types.length ? types : others).map(words).join(" ");
  if (box.textContent !== text) box.replaceChildren(icon(types.length ? "pen" : "eye"), make("span", {}, text));
}

/** Say for this page where its person is: looking while it is in sight, writing for a moment after each key. */
export function beHere(live, reference) {
  let said = "";
  let typed = -TYPING;
  const state = () => (document.hidden ? "" : performance.now() - typed < TYPING ? "typt" : "kijkt");
  const tell = (again = false) => {
    const now = state();
    if (now === said && !again) return;
    said = now;
    live.say({ ids: [reference], st: now });
  };
  document.addEventListener("input", (event) => event.target.matches(".composer textarea") && ((typed = performance.now()), tell()));
  document.addEventListener("visibilitychange", () => tell());
  setInterval(tell, 1000);
  setInterval(() => tell(true), RENEW);
  tell();
}
