// What the page knows: the facets of the cards that are loaded, and counts that the server's changes keep true.

import { matches } from "./filter.js";

export const LIVE = ["new", "open", "department", "waiting"];
const TEAM = "team-"; // begins the name of a column by team
const number = (text) => (text === "" || text === undefined ? null : Number(text));

/** The facts of a card as its element carries them. */
export function facts(card) {
  const d = card.dataset;
  return {
    id: d.id, v: Number(d.v), order: Number(d.order), state: d.state, class: d.class, team: number(d.team),
    assignee: number(d.assignee), channel: Number(d.channel), priority: Number(d.priority),
    labels: d.labels ? d.labels.split(",").map(Number) : [], lateness: Number(d.lateness), waiting: number(d.waiting),
    due: number(d.due), closed: number(d.closed), last: number(d.last), asked: number(d.asked),
  };
}

const later = (a, b) => (a === b ? 0 : a === null ? 1 : b === null ? -1 : a - b);

/** The order of cards in a column: oldest first; what is finished, newest first; my work by its term. */
export function compare(a, b, sort) {
  const first = sort === "due" ? later(a.due, b.due) : a.state === "closed" ? b.closed - a.closed : later(a.waiting, b.waiting);
  return first || a.order - b.order;
}

export class Store {
  /** `rule` is the page's filter, `columns` the states it shows, or with `by` "team" the teams. */
  constructor(rule, columns, by = "state") {
    this.rule = rule;
    this.by = by;
    this.columns = columns;
    this.cards = new Map();
    this.counters = [];
  }

  /** Keep a number true: conversations in `states` that pass `rule`. `show(n)` is called when it changes. `column`:
   * it is what this column has. */
  count(rule, states, n, show, column = "") {
    this.counters.push({ rule, states, n, show, column });
  }

  /** Keep true how many cards a column has; of a column by team also those of one `lateness`. */
  countColumn(column, n, show, lateness = null) {
    const states = this.by === "team" ? LIVE : [column];
    const rule = this.by === "team" ? { ...this.rule, teams: [Number(column.slice(TEAM.length))] } : this.rule;
    const asked = this.rule.lateness;
    if (lateness === null) this.count(rule, states, n, show, column);
    else if (!asked?.length || asked.includes(lateness)) this.count({ ...rule, lateness: [lateness] }, states, n, show);
  }

  /** A conversation went from facets to facets; null: not in sight. */
  changed(id, before, after) {
    const known = this.cards.get(id);
    for (const counter of this.counters) {
      // finished conversations are counted for today only: one that was not among the cards was not counted
      const was = before && !(before.state === "closed" && known?.state !== "closed") && hit(counter, before);
      const step = (after && hit(counter, after) ? 1 : 0) - (was ? 1 : 0);
      if (step) {
        counter.n = Math.max(counter.n + step, 0);
        counter.show(counter.n);
      }
    }
  }

  /** The column of a card here, or null. */
  column(facets) {
    if (!facets || !matches(this.rule, facets)) return null;
    const column = this.by !== "team" ? facets.state : LIVE.includes(facets.state) ? `${TEAM}${facets.team ?? 0}` : "";
    return this.columns.includes(column) ? column : null;
  }
}

function hit(counter, facets) {
  return counter.states.includes(facets.state) && matches(counter.rule, facets);
}
