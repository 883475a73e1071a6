// The board and my work: the page is true when it arrives, and stays so.

import { flushQueue, own } from "./act.js";
import { showConnection } from "./connection.js";
import { Counts } from "./counts.js";
import { allowDragging } from "./drag.js";
import { icon, parse, parsePage } from "./fragment.js";
import { Keys } from "./keys.js";
import { Places } from "./place.js";
import * as presence from "./presence.js";
import { alarm, hear, hearAsked, say } from "./say.js";
import { Selection } from "./select.js";
import { allowSheet, mark } from "./beside.js";
import { Live } from "./socket.js";
import { askDuty, hearShift, keepDuty } from "./duty.js";
import { countHour, keepStanding, showStanding } from "./standing.js";
import { Store, facts } from "./store.js";
import * as time from "./time.js";
import { allowNext } from "./next.js";
import { keepLoads, openMenu, run } from "./verbs.js";
import { heardVisits, showVisits } from "./visit.js";
import { t } from "./words.js";

const FLUSH = 200; // milliseconds between others' changes: what comes sooner is taken together
const OWN = 10_000; // an answer to what we did comes within this

export const root = document.getElementById("board");
const columns = [...root.querySelectorAll("[data-column]")].map((node) => node.dataset.column);
const store = new Store(JSON.parse(root.dataset.rule), columns, root.dataset.by);
export const places = new Places(root, store);
const selection = new Selection(places);
const keys = new Keys(places, selection);
const queue = new Map(); // reference -> entry, what happened since the last flush taken together
let timer = 0;
let flushed = 0;
let pausedAt = 0;
const follows = [];

const counts = new Counts(root, store, places);
counts.read(document);
current(places.card(root.dataset.current));
me();
time.start();
time.atMidnight(() => live.reset());
chooseColumns();
if (root.matches(".board")) allowDragging(places), allowSheet(root);
root.addEventListener("click", clicked);
document.getElementById("view-choice")?.addEventListener("change", (event) => event.target.value && (location.href = event.target.value));
document.getElementById("filters")?.addEventListener("formdata", join);
document.getElementById("density")?.addEventListener("submit", changeDensity);
pauseButton();
keepStanding();
keepDuty();
allowNext();
if (document.body.dataset.may.includes("work")) keepLoads();

/** A page with a thread: its entries, and every change of a conversation it follows. */
export function follow(heard) {
  follows.push(heard);
}

const threads = [...document.querySelectorAll("#desk[data-reference]")].map((desk) => desk.dataset.reference);
export const live = new Live(root.dataset.epoch, Number(root.dataset.position), threads, {
  batch(entries) {
    for (const entry of entries) {
      if (entry.k === "msg") follows.forEach((heard) => heard(entry));
      else if (entry.k === "channel") showStanding(entry);
      else if (entry.k === "shift") hearShift(entry);
      else if (entry.k === "ask") hearAsked(entry);
      else enqueue(entry);
    }
    countHour();
    askDuty();
  },
  presence: presence.hear,
  reset,
  visits: heardVisits,
  state(name) {
    showConnection(name);
    if (!["live", "catching"].includes(name)) presence.forget();
    if (name === "live") flushQueue();
  },
});

function enqueue(entry) {
  const before = queue.get(entry.id);
  queue.delete(entry.id);
  queue.set(entry.id, before ? { ...entry, b: before.b } : entry);
  if (isOwn(entry.id)) flush(new Map([[entry.id, queue.get(entry.id)]]));
  else timer ||= setTimeout(() => flush(), Math.max(0, flushed + FLUSH - performance.now()));
}

/** After cards came, went or changed. */
function tidy() {
  keys.tidy();
  selection.tidy();
  if (root.matches(".board")) mark();
  presence.drawAll();
}

const isOwn = (id) => performance.now() - (own.get(id) ?? -Infinity) < OWN;

function flush(which = queue) {
  if (which === queue) [timer, flushed] = [0, performance.now()];
  if (pausedAt && which === queue) return showPause();
  for (const [id, entry] of [...which]) {
    queue.delete(id);
    take(entry);
  }
  tidy();
  counts.summary();
}

/** One conversation changed: counts first, which do not depend on what is on the page, then its card. */
function take(entry) {
  const known = store.cards.get(entry.id);
  const before = entry.b ?? null;
  const after = entry.a ?? null;
  store.changed(entry.id, before, after);
  follows.forEach((heard) => heard(entry));
  if (entry.k !== "card") return lose(entry.id);
  if (known && entry.v <= known.v) return;
  tell(known, before, entry);
  const today = entry.f.closed && time.dayOf(entry.f.closed) === time.dayOf(time.now());
  const column = entry.f.state === "closed" && !today ? null : store.column(entry.f);
  const fresh = parse(entry.h);
  showVisits(fresh);
  if (fresh.dataset.id === root.dataset.current) current(fresh);
  places.put(entry.id, fresh, column, { own: isOwn(entry.id), why: reason(fresh, entry.f, column) });
}

/** Out of sight: at once, also under somebody's eyes, and without a trace. */
function lose(id) {
  if (places.card(id)?.contains(document.activeElement)) say(t("board.gone"));
  places.put(id, null, null, { own: true });
}

function tell(known, before, entry) {
  if (isOwn(entry.id)) return;
  if (!before && entry.f.state === "new") hear("arrived");
  if (entry.f.lateness === 2 && before?.lateness !== 2) hear("late");
  if (entry.f.lateness === 1 && before?.lateness === 0) hear("soon");
}

/** Why a card moves under somebody's eyes. */
function reason(fresh, facets, column) {
  if (store.by === "team" && column) return t("card.moved_to", { name: places.columns.get(column).querySelector("h2").textContent });
  const name = fresh.querySelector(".av")?.title;
  return facets.state === "open" && name ? t("card.moved_by", { name }) : t("card.moved", { state: facets.state });
}

/** The page is asked again and taken over card by card: scroll and focus stay. */
async function reset() {
  queue.clear();
  try {
    const answer = await fetch(location.href, { headers: { Accept: "text/html" }, redirect: "manual" });
    if (answer.type === "opaqueredirect") return live.tell("out");
    if (!answer.ok) throw new Error(answer.status);
    const page = parsePage(await answer.text());
    take_over(page.getElementById("board"), page);
    follows.forEach((heard) => heard({ k: "page", page }));
    const now = page.getElementById("board").dataset;
    live.resume(now.epoch, Number(now.position));
  } catch {
    live.stale = true;
    live.later();
  }
}

function take_over(board, page) {
  const wanted = new Map([...board.querySelectorAll("article.card")].map((card) => [card.dataset.id, card]));
  for (const lane of board.querySelectorAll(".lane")) places.columns.get(lane.parentElement.dataset.column)?.querySelector(".lane").replaceWith(document.importNode(lane, true));
  for (const id of [...store.cards.keys()]) if (!wanted.has(id)) places.put(id, null, null);
  for (const waiting of places.fresh.values()) waiting.length = 0;
  for (const name of columns) {
    places.cards(name).querySelector(".more-cards")?.remove();
    places.columns.get(name).querySelector(".fresh")?.setAttribute("hidden", "");
  }
  for (const [id, card] of wanted) {
    const known = store.cards.get(id);
    const column = card.closest("[data-column]").dataset.column;
    if (!known || known.v < Number(card.dataset.v) || !places.card(id)) places.put(id, document.importNode(card, true), column);
  }
  for (const more of board.querySelectorAll(".more-cards")) places.cards(more.closest("[data-column]").dataset.column).append(document.importNode(more, true));
  store.counters = [];
  counts.read(page);
  store.counters.forEach((counter) => counter.show(counter.n));
  tidy();
  askDuty();
  time.show();
  showVisits(root);
  counts.summary();
}

function clicked(event) {
  const button = event.target.closest("button, a.more-cards");
  const card = event.target.closest("article.card");
  if (!button) return;
  if (button.matches(".claim")) {
    event.preventDefault();
    run(places, card, "claim");
  } else if (card && button.matches(".ask-over, .allow, .keep")) {
    event.preventDefault();
    run(places, card, button.matches(".allow") ? "allow_takeover" : button.matches(".keep") ? "keep_takeover" : "ask_takeover");
  } else if (button.matches(".menu")) {
    openMenu(places, card, button);
  } else if (button.matches(".more-cards")) {
    event.preventDefault();
    more(button);
  } else if (button.matches(".open-closed, .fold")) {
    root.classList.toggle("with-closed");
    root.querySelector(root.matches(".with-closed") ? ".fold" : ".open-closed").focus();
  }
}

async function more(link) {
  const answer = await fetch(link.href).catch(() => null);
  if (!answer?.ok) return;
  const page = parsePage(await answer.text());
  const list = link.parentElement;
  const cards = [...page.querySelectorAll("[data-more] article.card")].map((card) => document.importNode(card, true)).filter((card) => !places.card(card.dataset.id));
  const following = page.querySelector("[data-more] .more-cards");
  link.remove();
  for (const card of cards) store.cards.set(card.dataset.id, facts(card));
  list.append(...cards, ...(following ? [document.importNode(following, true)] : []));
  time.show(list);
  tidy();
  cards[0]?.querySelector("h3 a").focus();
}

/** The conversation that stands beside the list. */
function current(card) {
  card?.classList.add("current");
  card?.querySelector("h3 a").setAttribute("aria-current", "true");
}

/** Which cards are mine, and which questions are for me: rules of our own, for fragments are the same for everybody. */
function me() {
  const sheet = new CSSStyleSheet();
  const id = Number(document.body.dataset.me);
  sheet.replaceSync(`.av[data-account="${id}"] { background: var(--nr-primary); color: var(--nr-primary-ink); }
    .card .ask[data-holder="${id}"] .answers { display: flex; }`);
  document.adoptedStyleSheets = [...document.adoptedStyleSheets, sheet];
}

/** On a narrow screen one column at a time. */
function chooseColumns() {
  document.querySelector('#columns [aria-pressed="true"]')?.scrollIntoView({ block: "nearest", inline: "nearest" });
  document.getElementById("columns")?.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (!button) return;
    for (const one of button.parentElement.children) one.setAttribute("aria-pressed", one === button);
    for (const [name, column] of places.columns) column.classList.toggle("chosen", name === button.dataset.to);
  });
}

/** Several ticks of one filter are one parameter: kanaal=1,2. */
function join(event) {
  for (const name of new Set(event.formData.keys())) event.formData.set(name, event.formData.getAll(name).join(","));
}

/** Room for each card: at once here, and kept in the profile. */
async function changeDensity(event) {
  event.preventDefault();
  const chosen = event.submitter;
  document.documentElement.dataset.density = chosen.value;
  for (const one of chosen.parentElement.children) one.setAttribute("aria-pressed", one === chosen);
  const answer = await fetch(event.target.action, { method: "POST", headers: { Accept: "application/json" }, body: new URLSearchParams({ density: chosen.value }) }).catch(() => null);
  if (!answer?.ok) alarm(t("say.failed"));
}

function pauseButton() {
  const button = document.getElementById("pause");
  if (!button) return;
  button.hidden = false;
  button.addEventListener("click", () => {
    pausedAt = pausedAt ? 0 : time.now();
    button.setAttribute("aria-pressed", pausedAt > 0);
    button.replaceChildren(icon(pausedAt ? "chev" : "pause"), t(pausedAt ? "board.resume" : "board.pause"));
    showPause();
    if (!pausedAt) flush();
  });
}

function showPause() {
  const banner = document.getElementById("banner");
  if (pausedAt) banner.dataset.paused = "yes";
  else delete banner.dataset.paused;
  banner.hidden = !pausedAt;
  if (pausedAt) banner.textContent = t("connection.paused", { n: queue.size, time: time.clock(pausedAt) });
}
