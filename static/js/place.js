// Cards in their columns: where each belongs, how a change reaches its element, and when it may move.
//
// A card that is hovered, focused, dragged or has its menu open keeps its place; a strip inside it says what happened,
// and it settles two seconds after the last of these ends, or on Escape.

import { icon, make } from "./fragment.js";
import { compare, facts } from "./store.js";
import { show } from "./time.js";
import { t } from "./words.js";

const MOST = 150; // elements in one column
const SETTLE = 2000; // milliseconds after it was let go
const STRIP = 12_000; // how long a strip stays when nobody looks at its card
const JUST_MOVED = 300; // a click this soon after its target moved was meant for another card
const ROWS = ["meta", "h3", "deeds", "ask"];

export class Places {
  /** `root` holds the columns, `store` the facts; `sort` is "due" for my own work. */
  constructor(root, store) {
    this.root = root;
    this.store = store;
    this.sort = root.dataset.sort;
    this.columns = new Map([...root.querySelectorAll("[data-column]")].map((node) => [node.dataset.column, node]));
    this.restless = new Map(); // card -> since when nothing holds it
    this.strips = new Map(); // card -> until when its strip stays
    this.fresh = new Map([...this.columns.keys()].map((name) => [name, []])); // behind the pill
    this.moved = new WeakMap(); // card -> when it last changed place
    for (const card of root.querySelectorAll("article.card")) store.cards.set(card.dataset.id, facts(card));
    root.addEventListener("click", (event) => this.guard(event), true);
    for (const [name, column] of this.columns) column.querySelector(".fresh button")?.addEventListener("click", () => this.showFresh(name));
    setInterval(() => this.rest(), 250);
  }

  card(id) {
    return document.getElementById(`c-${id}`);
  }

  cards(name) {
    return this.columns.get(name)?.querySelector(".cards");
  }

  /** Put a card where it belongs now. `fresh` is its new element, `column` null when it belongs nowhere here. */
  put(id, fresh, column, { own = false, why = "" } = {}) {
    const card = this.card(id);
    const behind = this.unqueue(id);
    if (column === null) {
      this.store.cards.delete(id);
      if (card) this.leave(card, own, why || t("card.left"));
      return;
    }
    this.store.cards.set(id, facts(fresh));
    if (!card) return this.arrive(fresh, column, own || behind);
    const here = card.closest("[data-column]").dataset.column;
    this.patch(card, fresh);
    if (here === column && this.sorted(card)) return this.calm(card);
    if (own || !this.held(card)) return this.settle(card);
    if (here !== column) this.strip(card, why || t("card.moved", { state: column }));
    this.restless.set(card, 0);
    card.classList.add("ghost");
  }

  /** A new card: at the end at once, above what somebody looks at behind the pill. */
  arrive(card, name, own) {
    const list = this.cards(name);
    show(card);
    for (const node of card.querySelectorAll("a, button")) node.tabIndex = -1;
    const before = this.next(list, card);
    if (!before && (list.querySelector(".more-cards") || list.childElementCount > MOST)) return this.offerMore(list);
    if (before && !own && this.busy(list)) {
      this.fresh.get(name).push(card);
      return this.pill(name);
    }
    list.insertBefore(card, before ?? list.querySelector(".more-cards"));
  }

  /** More cards than a column holds: the rest is one click away. */
  offerMore(list) {
    if (list.querySelector(".more-cards") || this.root.dataset.sort) return;
    const column = list.closest("[data-column]").dataset.column;
    const query = new URLSearchParams(location.search);
    query.set("kolom", column);
    query.set("na", list.querySelector("article:last-of-type").dataset.id);
    list.append(make("a", { className: "btn s q more-cards", href: `/bord/nog?${query}` }, t("board.more", { n: 40 })));
  }

  pill(name) {
    const waiting = this.fresh.get(name).length;
    const box = this.columns.get(name).querySelector(".fresh");
    box.hidden = waiting === 0;
    box.firstElementChild.textContent = t("board.fresh", { n: waiting });
  }

  showFresh(name) {
    const list = this.cards(name);
    const cards = this.fresh.get(name).splice(0);
    for (const card of cards) list.insertBefore(card, this.next(list, card) ?? list.querySelector(".more-cards"));
    this.pill(name);
    show(list);
    cards.sort((a, b) => this.compare(a, b))[0]?.querySelector("h3 a").focus();
  }

  unqueue(id) {
    for (const [name, waiting] of this.fresh) {
      const at = waiting.findIndex((card) => card.dataset.id === id);
      if (at >= 0) {
        waiting.splice(at, 1);
        this.pill(name);
        return true;
      }
    }
    return false;
  }

  /** Somebody is in this column, or it is scrolled: nothing appears above what they see. */
  busy(list) {
    return list.scrollTop > 0 || this.root.scrollTop > 0 || list.contains(document.activeElement) || (matchMedia("(hover: hover)").matches && list.matches(":hover"));
  }

  held(card) {
    return card.contains(document.activeElement) || card.classList.contains("dragged") || card.classList.contains("open")
      || card.classList.contains("selected") || (matchMedia("(hover: hover)").matches && card.matches(":hover"));
  }

  compare(a, b) {
    return compare(this.store.cards.get(a.dataset.id) ?? facts(a), this.store.cards.get(b.dataset.id) ?? facts(b), this.sort);
  }

  /** The card in `list` that comes after `card`, by binary search; null: it is the last. */
  next(list, card) {
    const cards = [...list.querySelectorAll(":scope > article")].filter((one) => one !== card && !this.restless.has(one));
    let low = 0;
    let high = cards.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.compare(cards[middle], card) < 0) low = middle + 1;
      else high = middle;
    }
    return cards[low] ?? null;
  }

  sorted(card) {
    const before = card.previousElementSibling;
    const after = card.nextElementSibling;
    return !(before?.matches("article") && this.compare(before, card) > 0) && !(after?.matches("article") && this.compare(card, after) > 0);
  }

  /** To where it belongs, or away. */
  settle(card) {
    this.calm(card);
    const known = this.store.cards.get(card.dataset.id);
    if (!known) return this.remove(card);
    const list = this.cards(this.store.column(known));
    const before = this.next(list, card) ?? list.querySelector(".more-cards");
    const focused = card.contains(document.activeElement) ? document.activeElement : null;
    if (before === card.nextElementSibling && list === card.parentElement) return;
    const heir = this.heir(card);
    if (list.moveBefore) list.moveBefore(card, before);
    else list.insertBefore(card, before), focused?.focus();
    if (focused && !card.checkVisibility()) heir.focus();
    this.moved.set(card, performance.now());
  }

  calm(card) {
    this.restless.delete(card);
    card.classList.remove("ghost");
  }

  leave(card, own, why) {
    if (own || !this.held(card)) return this.remove(card);
    this.strip(card, why);
    card.classList.add("ghost");
    this.restless.set(card, 0);
  }

  /** Take a card away; who was on it goes to the next one, else to the column's heading. */
  remove(card) {
    const focused = card.contains(document.activeElement);
    const heir = this.heir(card);
    this.restless.delete(card);
    this.strips.delete(card);
    card.remove();
    if (focused) heir.focus();
  }

  /** What gets the focus when a card goes: the next one, else the one before, else the column's heading. */
  heir(card) {
    const other = [card.nextElementSibling, card.previousElementSibling].find((one) => one?.matches("article"));
    return other?.querySelector("h3 a") ?? card.closest("[data-column]").querySelector("h2, h3");
  }

  /** Say on the card itself what happened to it. */
  strip(card, text, taken = false) {
    card.querySelector(".strip")?.remove();
    const { holder, asked } = { holder: card.dataset.assignee, asked: card.dataset.asked };
    const other = this.store.cards.has(card.dataset.id) && card.dataset.state !== "closed" && !asked && (taken || (holder && holder !== document.body.dataset.me));
    const over = other && document.body.dataset.may.includes("work") ? [make("button", { type: "button", className: "btn s ask-over" }, t("verb.ask_takeover"))] : [];
    card.append(make("p", { className: "strip" }, icon("alert"), make("span", {}, text), ...over));
    this.strips.set(card, performance.now() + STRIP);
  }

  /** Four times a second: what was let go long enough settles, old strips go. */
  rest() {
    const now = performance.now();
    for (const [card, since] of this.restless) {
      if (this.held(card)) this.restless.set(card, 0);
      else if (!since) this.restless.set(card, now);
      else if (now - since >= SETTLE) this.unstrip(card), this.settle(card);
    }
    for (const [card, until] of this.strips) if (now > until && !this.held(card)) this.unstrip(card);
  }

  /** Escape: everything goes where it belongs, now. */
  settleAll() {
    for (const card of [...this.restless.keys()]) this.unstrip(card), this.settle(card);
  }

  unstrip(card) {
    this.strips.delete(card);
    card.querySelector(".strip")?.remove();
  }

  guard(event) {
    const card = event.target.closest?.("article.card");
    const at = card && this.moved.get(card);
    if (!at || event.detail === 0 || performance.now() - at > JUST_MOVED) return;
    event.preventDefault();
    event.stopPropagation();
    this.moved.delete(card);
    card.classList.add("flash");
    setTimeout(() => card.classList.remove("flash"), 600);
  }

  /** Bring an element up to date without touching what did not change, nor what holds the focus. */
  patch(card, fresh) {
    show(fresh);
    const stay = ["open", "dragged", "pending", "current", "selected"].filter((name) => card.classList.contains(name));
    for (const { name, value } of fresh.attributes) if (card.getAttribute(name) !== value) card.setAttribute(name, value);
    card.classList.add(...stay);
    for (const row of ROWS) {
      const [old, young] = [card, fresh].map((one) => one.querySelector(row === "h3" ? row : `.${row}`));
      copyState(old, young);
      if (!old.isEqualNode(young)) patchRow(old, young, card);
    }
  }
}

/** What the browser put on the old elements stays on the new ones. */
function copyState(old, young) {
  const here = old.querySelector(".here");
  young.querySelector(".here")?.replaceChildren(...[...(here?.childNodes ?? [])].map((one) => one.cloneNode(true)));
  const tabbed = old.querySelectorAll("a, button");
  for (const node of young.querySelectorAll("a, button")) {
    const twin = [...tabbed].find((one) => one.className === node.className);
    const index = twin ? twin.getAttribute("tabindex") : tabbed[0]?.getAttribute("tabindex");
    if (index !== null && index !== undefined) node.setAttribute("tabindex", index);
    if (twin?.hasAttribute("aria-expanded")) node.setAttribute("aria-expanded", twin.getAttribute("aria-expanded"));
    if (twin?.draggable === false) node.draggable = false;
  }
}

function patchRow(old, young, card) {
  const focused = old.contains(document.activeElement) ? document.activeElement : null;
  if (!focused) return old.replaceWith(young);
  const twin = [...young.querySelectorAll("a, button")].find((one) => one.className === focused.className);
  if (!twin) {
    old.replaceWith(young);
    return card.querySelector("h3 a").focus();
  }
  for (const { name, value } of twin.attributes) focused.setAttribute(name, value);
  if (focused.textContent !== twin.textContent) focused.replaceChildren(...twin.childNodes);
  for (const child of [...old.childNodes]) if (!child.contains(focused)) child.remove();
  const kept = old.firstChild;
  let after = false;
  for (const child of [...young.childNodes]) {
    if (child.contains(twin)) after = true;
    else if (after) old.append(child);
    else old.insertBefore(child, kept);
  }
}
