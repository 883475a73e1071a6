// Who is there now: the tile and the chef dag in the top row. The socket tells when somebody else took over; how many
// are there changes by the clock too, and is asked.

import { make } from "./fragment.js";
import { alarm, say } from "./say.js";
import { t } from "./words.js";

const EVERY = 60_000; // milliseconds between two questions
const SOON = 2000; // after something changed
const ENOUGH = 5; // new conversations with nobody free: then the tile warns
const me = Number(document.body.dataset.me);
const tile = () => document.querySelector('[data-tile="duty"]');
let timer = 0;

/** Something changed: ask soon who is there and has nothing in hand. */
export function askDuty() {
  if (tile()) timer ||= setTimeout(ask, SOON);
}

/** Ask now and then. */
export function keepDuty() {
  if (tile()) setInterval(ask, EVERY);
}

/** Shifts changed, or somebody else is chef dag; who was it is told. */
export async function hearShift({ chief, was }) {
  const told = await ask();
  if (!chief || chief === me || !told?.chief) return;
  if (was === me) alarm(t("duty.taken_over", { name: told.chief.name }));
  else say(t("duty.chief_is", { name: told.chief.name }));
}

async function ask() {
  clearTimeout(timer);
  timer = 0;
  try {
    const answer = await fetch("/dienst/stand", { headers: { Accept: "application/json" } });
    if (!answer.ok) return null;
    const told = await answer.json();
    show(told);
    return told;
  } catch {
    return null; // the socket says what is wrong with the connection
  }
}

function show({ there, free, chief }) {
  for (const one of document.querySelectorAll("[data-worker]")) one.classList.toggle("off", !there.includes(Number(one.dataset.worker)));
  if (!tile()) return;
  tile().querySelector(".n").textContent = there.length;
  tile().querySelector("small").textContent = t("tile.free", { n: free });
  const waiting = Number(document.querySelector('[data-column="new"] [data-n]')?.textContent ?? 0);
  tile().classList.toggle("soon", free === 0 && waiting > ENOUGH);
  const place = document.getElementById("chief");
  const words = [chief ? t("duty.chief_until", { time: chief.until }) : t("role.chef_dag"), chief?.name ?? t("duty.no_chief_short")];
  if (!place || words.every((one) => place.textContent.includes(one))) return;
  place.dataset.who = chief?.id ?? "";
  place.replaceChildren(...(chief ? [make("span", { className: "av", aria: { hidden: "true" } }, chief.initials)] : []),
    make("span", { className: "name" }, make("small", {}, words[0]), " ", make("b", {}, words[1])));
}
