// Every number on the page, kept true: the tiles, the columns, the views, and what each team and person has.

import { make } from "./fragment.js";
import { countRail } from "./rail.js";
import { LIVE } from "./store.js";
import * as time from "./time.js";
import { t } from "./words.js";

export class Counts {
  constructor(root, store, places) {
    this.root = root;
    this.store = store;
    this.places = places;
  }

  /** Read the counts of a page, and show them on this one. */
  read(page) {
    const { store } = this;
    countRail(store, page);
    const tiles = JSON.parse(page.getElementById("board").dataset.tiles);
    const nothing = {};
    const tile = (name) => document.querySelector(`[data-tile="${name}"]`);
    const write = (node) => (n) => node && (node.textContent = n);
    store.count({ lateness: [2] }, LIVE, tiles.late, (n) => (tile("late")?.classList.toggle("late", n > 0), write(tile("late")?.querySelector(".n"))(n)));
    store.count({ lateness: [1] }, LIVE, tiles.soon, (n) => (tile("soon")?.classList.toggle("soon", n > 0), write(tile("soon")?.querySelector(".n"))(n)));
    this.all = tiles.open;
    store.count(nothing, LIVE, this.all, (n) => (this.all = n));
    for (const node of page.querySelectorAll("[data-column]")) {
      const name = node.dataset.column;
      const places = document.querySelectorAll(`[data-n="${name}"]`);
      store.countColumn(name, Number(node.querySelector("[data-n]").textContent), (n) => places.forEach((one) => (one.textContent = n)));
      this.lane(name, node);
    }
    this.loads(page);
    for (const node of page.querySelectorAll("[data-count]")) {
      const mine = document.querySelector(`[data-count][href="${CSS.escape(node.getAttribute("href"))}"]`);
      if (!mine) continue;
      store.count(JSON.parse(node.dataset.count), LIVE, Number(node.querySelector(".cnt").textContent), (n) => {
        mine.querySelector(".cnt").textContent = n;
        const option = document.querySelector(`#view-choice option[value="${CSS.escape(mine.getAttribute("href"))}"]`);
        if (option) option.textContent = option.textContent.replace(/\(\d+\)$/, `(${n})`);
      });
    }
  }

  /** How many of a team's cards are late, and almost. */
  lane(name, node) {
    const lane = this.places.columns.get(name)?.querySelector(".lane");
    const words = { late: (n) => t("lane.late", { n }), soon: (n) => t("lane.soon", { n }) };
    for (const [kind, lateness] of lane ? [["late", 2], ["soon", 1]] : []) {
      const chip = lane.querySelector(`[data-${kind}]`);
      const show = (n) => {
        chip.hidden = n === 0;
        chip.lastElementChild.textContent = words[kind](n);
      };
      const n = Number(node.querySelector(`[data-${kind}]`).dataset[kind]);
      show(n);
      this.store.countColumn(name, n, show, lateness);
    }
  }

  /** What each person of a team has in hand, against what one person should have. */
  loads(page) {
    const norm = Number(this.root.dataset.norm);
    const loads = new Map([...page.querySelectorAll("[data-worker]")].map((one) => [one.dataset.worker, Number(one.querySelector("[data-load]").dataset.load)]));
    for (const [id, load] of loads) {
      const show = (n) => {
        for (const chip of this.root.querySelectorAll(`[data-worker="${id}"]`)) {
          chip.querySelector(".load").textContent = t("lane.load", { n, norm });
          chip.classList.toggle("over", n > norm);
        }
      };
      show(load);
      this.store.count({ assignees: [Number(id)] }, ["new", "open", "department"], load, show);
    }
  }

  /** What is said about the cards as a whole: the longest wait, the first terms, how many are shown. */
  summary() {
    const { store } = this;
    const all = [...store.cards.values()].filter((one) => one.state !== "closed");
    const shown = store.counters.filter((one) => one.column && one.column !== "closed").reduce((sum, one) => sum + one.n, 0);
    const place = document.getElementById("shown");
    if (place) place.textContent = t("filter.shown", { shown, all: this.all });
    const work = document.querySelector('[data-n="live"]');
    if (work) work.textContent = shown;
    this.first("oldest", all.filter((one) => one.waiting), "waiting");
    this.first("late", all.filter((one) => one.lateness === 2 && one.due), "due");
    this.first("soon", all.filter((one) => one.lateness === 1 && one.due), "due");
  }

  first(name, cards, field) {
    const tile = document.querySelector(`[data-tile="${name}"]`);
    if (!tile) return;
    const found = cards.reduce((best, one) => (!best || one[field] < best[field] ? one : best), null);
    const moment = found && make("time", { data: { [name === "soon" ? "clock" : "since"]: found[field] } });
    const small = tile.querySelector("small");
    if (name === "oldest") {
      tile.querySelector(".n").replaceChildren(moment ?? "–");
      tile.href = found ? `/gesprek/${found.id}` : "/bord";
      small.textContent = found ? this.places.card(found.id)?.querySelector(".channel").textContent ?? "" : "";
    } else {
      small.replaceChildren(...(moment ? [t(name === "soon" ? "tile.first" : "tile.oldest"), " ", moment] : []));
    }
    time.show(tile);
  }
}
