// What this person does: shown at once, asked of the server, taken back when the server says no, and undone on request.

import { isOnline, connectionName } from "./connection.js";
import { make } from "./fragment.js";
import { alarm, say } from "./say.js";
import { facts } from "./store.js";
import { t } from "./words.js";

const PATIENCE = 8000; // milliseconds for an answer
const PER_ONE = 100; // milliseconds more for each conversation of one request
const UNDO_SHOWN = 10_000; // milliseconds that the button is there; the key Z works for as long as the server allows
const FINAL = new Set(["undo", "seal", "remove", "join", "not_spam"]); // these have no undo
const QUEUE = 5; // actions that wait for a connection
const waiting = [];
const done = []; // what can be undone, newest last: {key, ids}
let shown = 0;
const busy = new Map(); // reference -> the answer that is awaited
export const own = new Map(); // reference -> when this person last acted on it

/** A fresh idempotency key. */
export const key = () => crypto.randomUUID();

/** Ask the server. `each` has arguments by id. Gives {ok, key, results, error, conflict}; never raises. */
export async function send(verb, ids, args = {}, each = {}) {
  const named = key();
  const body = JSON.stringify({ key: named, ids, verb, args, each });
  ids.forEach((id) => own.set(id, performance.now()));
  try {
    const answer = await fetch("/acties", { method: "POST", headers: { "Content-Type": "application/json", Accept: "application/json" }, body, signal: AbortSignal.timeout(PATIENCE + PER_ONE * ids.length) });
    const told = await answer.json();
    const results = told.results ?? [];
    const failed = results.find((one) => !one.ok);
    if (answer.ok && !failed) return { ok: true, key: named, results, version: Math.max(...results.map((one) => one.version)) };
    if (answer.status === 401) return { ok: false, error: t("connection.signed_out") };
    return { ok: false, key: named, results, conflict: failed?.status === 409, why: failed?.key, error: failed?.error ?? (typeof told.error === "string" ? told.error : t("say.failed")) };
  } catch {
    return { ok: false, error: t("say.failed") };
  }
}

/** What was done can be taken back: with the button for a moment, with Z for longer. */
export function remember(verb, named, ids, text) {
  say(text);
  const box = document.getElementById("undo");
  if (FINAL.has(verb) || !ids.length || !box) return;
  done.push({ key: named, ids });
  const button = make("button", { type: "button", className: "btn s", onclick: undoLast }, t("verb.undo"), ...(document.documentElement.dataset.singleKeys === "off" ? [] : [" ", make("kbd", { aria: { hidden: "true" } }, "Z")]));
  box.replaceChildren(make("span", {}, text), button);
  box.hidden = false;
  clearTimeout(shown);
  shown = setTimeout(hideUndo, UNDO_SHOWN);
}

function hideUndo() {
  const box = document.getElementById("undo");
  if (box.matches(":hover, :focus-within")) shown = setTimeout(hideUndo, UNDO_SHOWN);
  else box.hidden = true;
}

/** Take back the last thing that this person did on this page. */
export async function undoLast() {
  const last = done.pop();
  document.getElementById("undo").hidden = true;
  if (!last) return say(t("wrong.undo"));
  const answer = await send("undo", last.ids, { key: last.key });
  if (answer.ok) say(t("say.undone"));
  else alarm(answer.error);
}

/** Do a verb on one card. `column` is where it will stand; `text` the sentence for when it worked. */
export async function act(places, card, verb, args, { column = null, text = t("say.done") } = {}) {
  const id = card.dataset.id;
  await busy.get(id); // one after the other: the second sees what the first made
  if (!card.isConnected) return;
  if (!isOnline()) return later(() => act(places, card, verb, args, { column, text }));
  const before = facts(card);
  card.classList.add("pending");
  places.unstrip(card);
  if (column && column !== before.state) preview(places, card, { ...before, state: column, closed: column === "closed" ? Date.now() / 1000 : null });
  const answered = send(verb, [id], args);
  busy.set(id, answered.then((told) => seen(places, id, told.version)));
  busy.get(id).then(() => busy.delete(id));
  const result = await answered;
  const there = places.card(id);
  there?.classList.remove("pending");
  if (result.ok) return remember(verb, result.key, [id], text);
  if (there && places.store.cards.get(id)?.v === before.v) preview(places, there, before);
  if (result.conflict && there) places.strip(there, result.error, result.why === "conflict.taken");
  if (result.conflict) say(result.error);
  else alarm(result.error);
}

/** Wait until what was last done to a card stands on it. */
export const ready = (card) => busy.get(card.dataset.id);

/** The change that we made came back over the socket, or the card is not here. */
async function seen(places, id, version = 0) {
  const until = performance.now() + PATIENCE / 4;
  while (performance.now() < until && places.store.cards.get(id)?.v < version) await new Promise((resume) => setTimeout(resume, 20));
}

/** Show a card where it will be, before the server confirms it. */
function preview(places, card, facets) {
  if (places.store.column(facets) === null) return;
  places.store.cards.set(card.dataset.id, facets);
  places.settle(card);
}

function later(run) {
  if (connectionName() !== "unsteady" || waiting.length >= QUEUE) return alarm(t("say.failed"));
  waiting.push(run);
  say(t("say.queued"));
}

/** The connection is back: what was asked in between goes out. */
export function flushQueue() {
  waiting.splice(0).forEach((run) => run());
}
