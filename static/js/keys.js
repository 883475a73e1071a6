// By keyboard: one stop of Tab per column, arrows over cards and columns, single letters for the verbs.

import { ask, isOpen } from "./menu.js";
import { make } from "./fragment.js";
import { say } from "./say.js";
import { run } from "./verbs.js";
import { t } from "./words.js";

const VERBS = { i: "claim", a: "assign", t: "team", m: "move", f: "label", p: "urgent", e: "close" };
const TABBABLE = "h3 a, .deeds button";
const HELP = [["← ↑ → ↓", "keys.walk"], ["Enter", "keys.open"], ["I", "keys.claim"], ["A", "keys.assign"], ["T", "keys.team"], ["M", "keys.move"],
  ["F", "keys.labels"], ["P", "keys.priority"], ["E", "keys.close"], ["R", "keys.reply"], ["C", "keys.note"], ["/", "keys.search"], ["?", "keys.help"]];

/** Whether a key press belongs to a field, a menu or the browser. */
export function isTaken(event) {
  return event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || event.isComposing || isOpen()
    || event.target.closest?.("input, textarea, select, [contenteditable], summary, dialog") !== null && event.target !== document.body;
}

export const singleKeys = () => document.documentElement.dataset.singleKeys !== "off";

/** The list of keys. */
export function help() {
  const rows = HELP.flatMap(([keys, text]) => [make("dt", {}, make("kbd", {}, keys)), make("dd", {}, t(text))]);
  return ask(t("keys.title"), [...(singleKeys() ? [] : [make("p", {}, t("keys.off"))]), make("dl", { className: "kv" }, ...rows)], t("menu.close"));
}

export class Keys {
  constructor(places) {
    this.places = places;
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
    if (event.key === "Escape" && !isOpen()) this.places.settleAll();
    if (isTaken(event)) return;
    const card = document.activeElement.closest?.("article.card");
    if (event.key === "?") return help();
    const way = { ArrowUp: [0, -1], ArrowDown: [0, 1], ArrowLeft: [-1, 0], ArrowRight: [1, 0] }[event.key];
    if (way && (card || document.activeElement === document.body)) {
      event.preventDefault();
      return this.walk(card, ...way);
    }
    if (!singleKeys() || event.repeat) return;
    if (event.key === "/") {
      event.preventDefault();
      return document.getElementById("q").checkVisibility() ? document.getElementById("q").select() : document.querySelector('a[href="/zoek"]').click();
    }
    if (!card) return;
    const letter = event.key.toLowerCase();
    if (VERBS[letter] && document.body.dataset.may.includes("work")) {
      event.preventDefault();
      run(this.places, card, VERBS[letter]);
    } else if (letter === "r" || letter === "c") {
      location.href = `${card.querySelector("h3 a").href}#${letter === "r" ? "answer" : "note"}`;
    }
  }

  walk(card, sideways, down) {
    const names = [...this.places.columns.keys()].filter((name) => this.places.columns.get(name).offsetParent && this.list(name).length);
    if (!names.length) return;
    if (!card) return this.go(this.current.get(names[0]));
    const here = card.closest("[data-column]").dataset.column;
    const cards = this.list(here);
    const at = cards.indexOf(card);
    if (down) return this.go(cards[Math.min(Math.max(at + down, 0), cards.length - 1)]);
    const other = this.list(names[Math.min(Math.max(names.indexOf(here) + sideways, 0), names.length - 1)]);
    if (other !== cards) this.go(other[Math.min(at, other.length - 1)]);
  }

  go(card) {
    card?.querySelector("h3 a").focus();
    card?.scrollIntoView({ block: "nearest" });
    if (!card) say(t("board.empty.new"));
  }
}

function reach(card, reachable) {
  for (const node of card.querySelectorAll(TABBABLE)) node.tabIndex = reachable ? 0 : -1;
}
