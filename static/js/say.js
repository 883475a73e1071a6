// The one voice of the page: own results at once, others' changes at most one sentence per ten seconds.

import { make, icon, parsePage } from "./fragment.js";
import { t } from "./words.js";

const QUIET = 10_000; // milliseconds between two sentences about others
const SAID = { mentioned: "say.mentioned", takeover_asked: "say.takeover_asked", takeover_allowed: "say.takeover_allowed", takeover_kept: "say.takeover_kept" };
const heard = { arrived: 0, late: 0, soon: 0 };
let timer = 0;
let last = -QUIET;

/** Say something at once: the result of what this person did. */
export function say(text) {
  const voice = document.getElementById("say");
  voice.textContent = "";
  voice.textContent = text;
}

/** Something happened by others: counted, and said with what else happened. */
export function hear(what) {
  heard[what] += 1;
  if (!timer) timer = setTimeout(speak, Math.max(0, last + QUIET - performance.now()));
}

function speak() {
  timer = 0;
  last = performance.now();
  const parts = [];
  if (heard.arrived) parts.push(t("say.arrived", { n: heard.arrived }));
  if (heard.late) parts.push(t("say.late", { n: heard.late }));
  if (heard.soon) parts.push(t("say.soon", { n: heard.soon }));
  heard.arrived = heard.late = heard.soon = 0;
  if (parts.length) say(parts.join(" "));
}

/** A colleague asks something of this person, or answered: the words lead to the conversation. */
export function hearAsked({ id, what, to, name, title }) {
  if (to !== Number(document.body.dataset.me)) return;
  const link = make("a", { href: `/gesprek/${id}` }, title || id);
  show("asked", icon(what === "mentioned" ? "bell" : "swap"), make("p", {}, t(SAID[what], { name }), " ", link));
  if (what === "mentioned") listMentions();
}

/** What names this person, on the list of their own work. */
async function listMentions() {
  const old = document.querySelector("[data-mentions]");
  const answer = old && await fetch("/werk", { headers: { Accept: "text/html" } }).catch(() => null);
  const fresh = answer?.ok && parsePage(await answer.text()).querySelector("[data-mentions]");
  if (fresh) old.replaceWith(document.importNode(fresh, true));
}

/** An action of this person failed. Stays until it is closed or another takes its place. */
export function alarm(text) {
  show("", icon("alert"), make("p", {}, text));
}

function show(kind, ...content) {
  const box = document.getElementById("alert");
  box.classList.toggle("asked", kind === "asked");
  const close = make("button", { type: "button", className: "ib", onclick: () => (box.hidden = true), aria: { label: t("menu.close") } }, icon("x"));
  box.hidden = false;
  box.replaceChildren(...content, close);
}
