// By keyboard: one stop of Tab per column, arrows over cards and columns, single letters for the verbs.

import { undoLast } from "./act.js";
import { ask, isOpen } from "./menu.js";
import { make } from "./fragment.js";
import { say } from "./say.js";
import { openSheet } from "./beside.js";
import { takeNext } from "./next.js";
import { run } from "./verbs.js";
import { t } from "./words.js";

const VERBS = { i: "claim", a: "assign", t: "team", m: "move", d: "department", f: "label", p: "urgent", e: "close" };
const TABBABLE = "h3 a, .deeds button";
const WAYS = { arrowup: [0, -1], k: [0, -1], arrowdown: [0, 1], j: [0, 1], arrowleft: [-1, 0], h: [-1, 0], arrowright: [1, 0], l: [1, 0] };
const PAGES = { b: "/bord", w: "/werk", k: "/kanalen", q: "/wachtrij", s: "/spam" }; // after G
const GO = 1500; // milliseconds for the letter after G
const HELP = [["← ↑ → ↓  H K L J", "keys.walk"], ["Enter", "keys.open"], ["X", "keys.select"], ["Shift ↑ ↓", "keys.extend"], ["I", "keys.claim"], ["A", "keys.assign"], ["T", "keys.team"], ["M", "keys.move"], ["D", "keys.department"],
  ["F", "keys.labels"], ["P", "keys.priority"], ["E", "keys.close"], ["R", "keys.reply"], ["C", "keys.note"], ["Z", "keys.undo"], ["N", "keys.fresh"], ["V", "keys.next"], ["Q", "entry.new"], ["/", "keys.search"], ["Esc", "keys.escape"], ["?", "keys.help"]];

/** Whether a key press belongs to a field, a menu or the browser. */
export function isTaken(event) {
  return event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || event.isComposing || isOpen()
    || event.target.closest?.("input, textarea, select, [contenteditable], summary, dialog") !== null && event.target !== document.body;
}

export const singleKeys = () => document.documentElement.dataset.singleKeys !== "off";

/** The list of keys. */
export function help() {
  const go = Object.entries(PAGES).map(([letter, path]) => [letter, document.querySelector(`.nav a[href="${path}"] > span`)?.textContent]).filter(([, name]) => name);
  const rows = [...HELP.map(([keys, text]) => [keys, t(text)]), ...go.map(([letter, page]) => [`G ${letter.toUpperCase()}`, t("keys.go", { page })])]
    .flatMap(([keys, text]) => [make("dt", {}, make("kbd", {}, keys)), make("dd", {}, text)]);
  return ask(t("keys.title"), [...(singleKeys() ? [] : [make("p", {}, t("keys.off"))]), make("dl", { className: "kv" }, ...rows)]);
}

export class Keys {
  /** `selection` is the cards that are ticked. */
  constructor(places, selection) {
    this.places = places;
    this.selection = selection;
    this.going = -GO; // when G was pressed
    this.current = new Map(); // column -> card that Tab comes to
    places.root.addEventListener("focusin", (event) => this.focused(event.target));
    document.addEventListener("keydown", (event) => this.pressed(event));
    this.tidy();
  }

  list(column) {
    return [...this.places.cards(column).querySelectorAll(":scope > article")];
  }

  /** Exactly one card of each column is in the order of Tab. */
  tidy() {
    for (const column of this.places.columns.keys()) {
      const cards = this.list(column);
      const kept = this.current.get(column);
      const chosen = cards.includes(kept) ? kept : cards[0];
      this.current.set(column, chosen);
      for (const card of cards) reach(card, card === chosen);
    }
  }

  focused(target) {
    const card = target.closest("article.card");
    const column = card?.closest("[data-column]")?.dataset.column;
    if (!column || this.current.get(column) === card) return;
    const before = this.current.get(column);
    if (before) reach(before, false);
    this.current.set(column, card);
    reach(card, true);
  }

  pressed(event) {
    if (event.key === "Escape" && !isOpen()) {
      this.places.settleAll();
      if (this.selection.active) this.selection.stop();
    }
    if (isTaken(event)) return;
    const card = document.activeElement.closest?.("article.card");
    if (event.key === "?") return help();
    const letter = event.key.toLowerCase();
    const way = (event.key.length > 1 || singleKeys()) && performance.now() - this.going > GO && WAYS[letter];
    if (way && (card || document.activeElement === document.body)) {
      event.preventDefault();
      if (event.shiftKey && card) this.selection.toggle(card, true);
      return this.walk(card, ...way, event.shiftKey && card !== null);
    }
    if (singleKeys() && !event.repeat) this.letter(event, letter, card);
  }

  letter(event, letter, card) {
    if (performance.now() - this.going <= GO) {
      this.going = -GO;
      return document.querySelector(`.nav a[href="${PAGES[letter]}"]`)?.click();
    }
    const free = { "/": search, z: undoLast, v: document.getElementById("next") && takeNext, n: () => this.fresh(card), g: () => (this.going = performance.now()) }[letter];
    const verb = document.body.dataset.may.includes("work") && VERBS[letter];
    if (free || verb && (card || this.selection.cards.length)) event.preventDefault();
    if (free) free();
    else if (verb && this.selection.cards.length) this.selection.run(verb);
    else if (card && (letter === "x" || letter === " ")) event.preventDefault(), this.selection.toggle(card);
    else if (card && verb) run(this.places, card, verb);
    else if (card && (letter === "r" || letter === "c")) reply(card.querySelector("h3 a"), letter === "r" ? "#answer" : "#note");
  }

  /** The cards behind a pill: those of this column, else of the first that has any. */
  fresh(card) {
    const here = card?.closest("[data-column]").dataset.column;
    const name = [here, ...this.places.fresh.keys()].find((one) => this.places.fresh.get(one)?.length);
    if (name) this.places.showFresh(name);
  }

  walk(card, across, along, extend = false) {
    // the cards of a team stand beside each other, the teams below each other
    const [sideways, down] = this.places.store.by === "team" ? [along, across] : [across, along];
    const names = [...this.places.columns.keys()].filter((name) => this.places.columns.get(name).offsetParent && this.list(name).length);
    if (!names.length) return;
    if (!card) return this.go(this.current.get(names[0]));
    const here = card.closest("[data-column]").dataset.column;
    const cards = this.list(here);
    const at = cards.indexOf(card);
    const next = cards[Math.min(Math.max(at + down, 0), cards.length - 1)];
    if (down && extend) this.selection.toggle(next, true);
    if (down && next === card && this.places.root.matches(".as-list")) return this.go(this.list(names[names.indexOf(here) + down] ?? here).at(down > 0 ? 0 : -1));
    if (down) return this.go(next);
    const other = this.list(names[Math.min(Math.max(names.indexOf(here) + sideways, 0), names.length - 1)]);
    if (other !== cards) this.go(other[Math.min(at, other.length - 1)]);
  }

  go(card) {
    card?.querySelector("h3 a").focus();
    card?.scrollIntoView({ block: "nearest" });
    if (!card) say(t("board.empty.new"));
  }
}

function reply(link, hash) {
  if (!openSheet(link, hash)) location.href = link.href + hash;
}

function search() {
  const box = document.getElementById("q");
  if (box?.checkVisibility()) box.select();
  else document.querySelector('.top a[href="/zoek"]')?.click();
}

function reach(card, reachable) {
  for (const node of card.querySelectorAll(TABBABLE)) node.tabIndex = reachable ? 0 : -1;
}
