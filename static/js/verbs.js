// The verbs on a card: what each asks before it acts, and which of them a card offers.

import { act, ready } from "./act.js";
import { ask, choose, field, tick } from "./menu.js";
import { make } from "./fragment.js";
import { facts } from "./store.js";
import { t } from "./words.js";

const choices = JSON.parse(document.getElementById("choices")?.textContent || "{}");

/** Who may work here: [id, name]. */
export const colleagues = choices.people ?? [];
const me = Number(document.body.dataset.me);
const LOADS = 30_000; // milliseconds between two questions what everybody has
let known = { norm: Infinity, loads: {} };
const PRIORITIES = ["low", "normal", "high", "urgent"];
const MOVES = ["new", "open", "department", "waiting", "closed"];
const pairs = (list, chosen) => list.map(([id, text]) => ({ value: id, text, checked: id === chosen }));

/** What can be done with a card, in the order of the menu. */
export function offered(card) {
  const { state, assignee, asked } = facts(card);
  if (state === "closed") return ["reopen", "label", "priority"];
  const over = asked && assignee === me ? ["allow_takeover", "keep_takeover"] : assignee && assignee !== me && !asked ? ["ask_takeover"] : [];
  return [...(assignee ? [] : ["claim"]), ...over, "assign", "team", "move", "priority", "label", "close", "spam"];
}

const ICONS = { claim: "me", assign: "me", team: "people", move: "swap", priority: "flag", label: "pin", close: "check", reopen: "redo", spam: "shield",
  ask_takeover: "swap", allow_takeover: "check", keep_takeover: "me" };

/** Open a card's menu and do what is chosen. */
export async function openMenu(places, card, anchor) {
  const verb = await choose(anchor, t("conversation.do"), offered(card).map((name) => ({ value: name, text: t(`verb.${name}`), icon: ICONS[name] })));
  if (verb) await run(places, card, verb, anchor);
}

/** Do a verb on a card, after asking what it needs. */
export async function run(places, card, verb, anchor = card.querySelector(".menu")) {
  await ready(card);
  if (!offered(card).includes(verb) && !["move", "department", "reopen", "urgent"].includes(verb)) return;
  await RUN[verb](places, card, anchor);
}

const RUN = {
  claim: (places, card) => act(places, card, "claim", {}, { column: facts(card).state === "new" ? "open" : null, text: t("say.claimed") + ownOver() }),

  async assign(places, card, anchor) {
    const to = await chooseAssignee(anchor, facts(card).assignee ?? 0);
    if (to !== undefined) await giveTo(places, card, to);
  },

  ask_takeover: (places, card) => act(places, card, "ask_takeover", { to: facts(card).assignee }, { text: t("say.asked") }),
  allow_takeover: (places, card) => act(places, card, "allow_takeover", { to: facts(card).asked }),
  keep_takeover: (places, card) => act(places, card, "keep_takeover", { to: facts(card).asked }),

  async team(places, card, anchor) {
    const to = await chooseTeam(anchor, facts(card).team ?? 0);
    if (to !== undefined) await giveTeam(places, card, to);
  },

  async move(places, card, anchor) {
    const { state } = facts(card);
    const to = await chooseState(anchor, state);
    if (to) await moveTo(places, card, to, anchor);
  },

  department: (places, card, anchor) => moveTo(places, card, "department", anchor),

  async priority(places, card, anchor) {
    const { priority } = facts(card);
    const to = await choose(anchor, t("verb.priority"), PRIORITIES.map((name, n) => ({ value: n, text: t(`priority.${name}`), checked: n === priority })).reverse());
    if (to !== undefined && to !== priority) await act(places, card, "priority", { to });
  },

  urgent: (places, card) => act(places, card, "priority", { to: facts(card).priority === 3 ? 1 : 3 }),

  async label(places, card, anchor) {
    const { labels } = facts(card);
    const wanted = await chooseLabels(anchor, labels);
    if (!wanted) return;
    const add = wanted.filter((id) => !labels.includes(id));
    const remove = labels.filter((id) => !wanted.includes(id));
    if (add.length || remove.length) await act(places, card, "label", { add, remove });
  },

  async close(places, card, anchor) {
    const reason = await chooseReason(anchor);
    if (reason) await act(places, card, "close", { reason, last: facts(card).last }, { column: "closed", text: t("say.moved", { state: "closed" }) });
  },

  reopen: (places, card) => act(places, card, "reopen", {}, { column: facts(card).assignee ? "open" : "new", text: t("verb.reopen") }),

  async spam(places, card) {
    const form = await ask(t("verb.spam"), [make("label", { className: "check" }, make("input", { type: "checkbox", name: "block", value: "1" }), ` ${t("spam.block")}`)], t("verb.spam"));
    if (form) await act(places, card, "spam", { block: form.get("block") ?? "" });
  },
};

/** To a person; 0 is nobody. */
export async function giveTo(places, card, to) {
  await ready(card);
  const { assignee, state } = facts(card);
  if (to === (assignee ?? 0)) return;
  const column = to && state === "new" ? "open" : !to && state === "open" ? "new" : null;
  const [n, name] = [over(to), personName(to)];
  const text = n ? t("say.assigned_over", { name, n, norm: known.norm }) : t("say.assigned", { name });
  await act(places, card, "assign", { to, was: assignee }, { column, text });
}

/** To a team; 0 is none. */
export async function giveTeam(places, card, to) {
  await ready(card);
  const { team } = facts(card);
  if (to === (team ?? 0)) return;
  const name = choices.teams.find(([id]) => id === to)?.[1] ?? t("filter.no_team");
  await act(places, card, "team", { to, was: team }, { text: t("say.assigned", { name }) });
}

/** To another column: what is finished needs a reason, a department a name and a day. */
export async function moveTo(places, card, to, anchor = card.querySelector(".menu")) {
  await ready(card);
  const { state } = facts(card);
  if (to === state && to !== "department") return;
  if (to === "closed") return RUN.close(places, card, anchor);
  const args = { to, was: state };
  if (to === "department") {
    const asked = await askDepartment();
    if (!asked) return;
    Object.assign(args, asked);
  }
  await act(places, card, "move", args, { column: to, text: t("say.moved", { state: to }) });
}

/** Colleagues, with who looks first: taking it oneself is what happens most. */
function mineFirst() {
  return [...choices.people].sort(([a], [b]) => (b === me) - (a === me));
}

/** Colleagues, each with what they have to do; who has enough is named so. It warns and forbids nothing. */
export function chooseAssignee(anchor, chosen) {
  const { norm, loads } = known;
  const named = mineFirst().map(([id, name]) => [id, id in loads ? t(loads[id] < norm ? "load.of" : "load.full", { name, n: loads[id], norm }) : name]);
  askLoads();
  return choose(anchor, t("verb.assign"), pairs([[0, t("card.nobody")], ...named], chosen));
}

/** How many somebody has with one more, when that is over the norm; else 0. */
function over(id) {
  const n = (known.loads[id] ?? 0) + 1;
  known.loads[id] = n; // until it is asked again
  return n > known.norm ? n : 0;
}

/** What to say more when this person takes one over the norm. */
export function ownOver() {
  const n = over(me);
  return n ? ` ${t("say.own_over", { n, norm: known.norm })}` : "";
}

/** What everybody has now; nothing waits for it: a menu opens at once, with what was known last. */
async function askLoads() {
  try {
    const answer = await fetch("/bord/werklast", { headers: { Accept: "application/json" } });
    if (answer.ok) known = await answer.json();
  } catch {
    // the names are enough
  }
}

/** Keep what the menus tell of colleagues fresh. */
export function keepLoads() {
  askLoads();
  setInterval(() => document.hidden || askLoads(), LOADS);
}

export const chooseTeam = (anchor, chosen) => choose(anchor, t("verb.team"), pairs([[0, t("filter.no_team")], ...choices.teams], chosen));
export const chooseState = (anchor, chosen) => choose(anchor, t("verb.move"), MOVES.map((name) => ({ value: name, text: t(`state.${name}`), checked: name === chosen })));
export const chooseReason = (anchor) => choose(anchor, t("verb.close"), choices.reasons.map(([id, text]) => ({ value: id, text })));
export const chooseLabels = (anchor, chosen) => tick(anchor, t("verb.label"), choices.labels.map(([id, text]) => ({ value: id, text, checked: chosen.includes(id) })));
export const personName = (wanted) => choices.people.find(([id]) => id === wanted)?.[1] ?? t("card.nobody");

/** Whose answer is awaited, and before which day; undefined when it was called off. */
export async function askDepartment() {
  const soon = new Date(Date.now() + 5 * 86_400_000).toISOString().slice(0, 10);
  const form = await ask(t("verb.department"), [field("department", t("field.department"), { maxLength: 200 }), field("until", t("field.until"), { type: "date", value: soon })], t("verb.department"));
  return form && Object.fromEntries(form);
}
