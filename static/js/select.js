// Several cards at once: ticked by mouse, by finger or with X, and changed in one request.

import { remember, send } from "./act.js";
import { isOnline } from "./connection.js";
import { make } from "./fragment.js";
import { alarm } from "./say.js";
import { facts } from "./store.js";
import { askDepartment, chooseAssignee, chooseLabels, chooseReason, chooseState, chooseTeam } from "./verbs.js";
import { t } from "./words.js";

const URGENT = 3;
const NORMAL = 1;

// what each verb asks once, for all: {verb, args, each(facts)}, or nothing when it was called off
const ASK = {
  claim: () => ({}),
  async assign(anchor) {
    const to = await chooseAssignee(anchor);
    return to !== undefined && { args: { to }, each: ({ assignee }) => ({ was: assignee }) };
  },
  async team(anchor) {
    const to = await chooseTeam(anchor);
    return to !== undefined && { args: { to }, each: ({ team }) => ({ was: team }) };
  },
  async move(anchor) {
    const to = await chooseState(anchor);
    if (to === "closed") return ASK.close(anchor);
    const asked = to === "department" ? await askDepartment() : {};
    return to && asked && { args: { to, ...asked }, each: ({ state }) => ({ was: state }) };
  },
  async department() {
    const asked = await askDepartment();
    return asked && { verb: "move", args: { to: "department", ...asked }, each: ({ state }) => ({ was: state }) };
  },
  async label(anchor) {
    const add = await chooseLabels(anchor, []);
    return add?.length && { args: { add } };
  },
  urgent: (anchor, cards) => ({ verb: "priority", args: { to: cards.every((card) => facts(card).priority === URGENT) ? NORMAL : URGENT } }),
  async close(anchor) {
    const reason = await chooseReason(anchor);
    return reason && { verb: "close", args: { reason }, each: ({ last }) => ({ last }) };
  },
};

export class Selection {
  constructor(places) {
    this.places = places;
    this.root = places.root;
    this.bar = document.getElementById("bulk");
    this.button = document.getElementById("select");
    if (!this.bar || !document.body.dataset.may.includes("work")) return;
    this.button.hidden = false;
    this.button.addEventListener("click", () => this.start());
    this.bar.addEventListener("click", (event) => this.clicked(event.target.closest("button")));
    this.root.addEventListener("change", (event) => event.target.matches(".pick input") && this.toggle(event.target.closest("article"), event.target.checked));
  }

  get cards() {
    return [...this.root.querySelectorAll("article.card.selected")];
  }

  get active() {
    return this.root.classList.contains("selecting");
  }

  start() {
    this.root.classList.add("selecting");
    this.bar.hidden = false;
    document.getElementById("filters").hidden = true;
    this.tidy();
    if (document.activeElement === document.body || document.activeElement === this.button) this.bar.querySelector('[data-bulk="stop"]').focus();
  }

  stop() {
    const back = this.bar.contains(document.activeElement);
    for (const card of this.cards) this.mark(card, false);
    this.root.classList.remove("selecting");
    this.bar.hidden = true;
    document.getElementById("filters").hidden = false;
    if (back) this.button.focus();
  }

  toggle(card, on = !card.classList.contains("selected")) {
    if (!this.bar || this.button.hidden) return;
    if (!this.active) this.start();
    this.mark(card, on);
    this.tidy();
  }

  mark(card, on) {
    card.classList.toggle("selected", on);
    const box = card.querySelector(":scope > .pick input");
    if (box) box.checked = on;
  }

  /** Each card has its box, and the bar says how many are ticked. */
  tidy() {
    if (!this.active) return;
    for (const card of this.root.querySelectorAll("article.card:not(:has(> .pick))")) {
      const box = make("input", { type: "checkbox", tabIndex: -1, aria: { label: t("bulk.pick", { title: card.querySelector("h3").textContent.trim() }) } });
      card.append(make("label", { className: "pick" }, box));
    }
    const n = this.cards.length;
    const words = n ? t("bulk.n", { n }) : t("bulk.hint");
    const place = this.bar.querySelector("#bulk-n");
    if (place.textContent !== words) place.textContent = words;
    for (const button of this.bar.querySelectorAll("[data-bulk]:not([data-bulk=stop])")) button.disabled = !n;
  }

  clicked(button) {
    if (button?.dataset.bulk === "stop") this.stop();
    else if (button) this.run(button.dataset.bulk);
  }

  /** Do a verb on all that are ticked, in one request; what fails stays ticked, with the reason on it. */
  async run(verb) {
    const anchor = this.bar.querySelector(`[data-bulk="${verb === "department" ? "move" : verb}"]`);
    const cards = this.cards;
    if (!anchor || !cards.length) return;
    if (!isOnline()) return alarm(t("say.failed"));
    const wanted = await ASK[verb](anchor, cards);
    if (!wanted) return;
    const each = Object.fromEntries(cards.map((card) => [card.dataset.id, wanted.each?.(facts(card)) ?? {}]));
    for (const card of cards) card.classList.add("pending");
    const answer = await send(wanted.verb ?? verb, Object.keys(each), wanted.args, each);
    for (const card of cards) card.classList.remove("pending");
    if (!answer.results?.length) return alarm(answer.error);
    this.told(wanted.verb ?? verb, answer);
  }

  told(verb, { key, results }) {
    const failed = results.filter((one) => !one.ok);
    for (const one of results) {
      const card = this.places.card(one.id);
      if (!card) continue;
      if (one.ok) this.mark(card, false);
      else this.places.strip(card, one.error);
    }
    const n = results.length - failed.length;
    remember(verb, key, results.filter((one) => one.ok).map((one) => one.id), failed.length ? t("say.bulk", { n, failed: failed.length }) : t("say.bulk_done", { n }));
    if (failed.length) this.tidy();
    else this.stop();
  }
}
