// A page without cards: only the counts in its menu are live.

import { countEntries, countRail, showBadge } from "./rail.js";
import { Live } from "./socket.js";
import { showStanding } from "./standing.js";
import { Store } from "./store.js";

const AGAIN = 30_000; // milliseconds until the next try when the counts could not be asked
let live = null;
let store = new Store({}, []);

ask();

/** Ask the counts and where they belong; the socket goes on from there. */
async function ask() {
  try {
    const answer = await fetch("/bord/stand", { headers: { Accept: "application/json" } });
    if (!answer.ok) throw new Error(answer.status);
    const { epoch, position, todo } = await answer.json();
    store = new Store({}, []);
    Object.entries(todo).forEach(([name, n]) => showBadge(name, n));
    countRail(store);
    if (live) live.resume(epoch, position);
    else live = follow(epoch, position);
  } catch {
    hide();
    setTimeout(ask, AGAIN);
  }
}

function follow(epoch, position) {
  return new Live(epoch, position, [], {
    batch(entries) {
      countEntries(store, entries);
      entries.filter((entry) => entry.k === "channel").forEach(showStanding);
    },
    presence() {},
    reset: ask,
    // no number is better than an old one
    state: (name) => (["live", "catching"].includes(name) ? store.counters.forEach((one) => one.show(one.n)) : hide()),
  });
}

function hide() {
  for (const badge of document.querySelectorAll(".nav [data-rail]")) badge.hidden = true;
}
