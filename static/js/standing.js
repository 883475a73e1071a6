// How the channels are: the badge in the menu and two tiles of the board. The socket tells when a channel changed; how
// many came in the last sixty minutes is asked, for that changes by the clock too.

import { t } from "./words.js";

const EVERY = 60_000; // milliseconds between two questions about the last hour
const SOON = 4000; // after messages came in
let timer = 0;

/** What the socket told: how many channels work, of how many. */
export function showStanding({ ok, all }) {
  for (const badge of document.querySelectorAll("[data-trouble]")) {
    badge.hidden = ok === all;
    badge.querySelector("[data-trouble-n]").textContent = all - ok;
  }
  const tile = document.querySelector('[data-tile="channels"]');
  if (!tile) return;
  tile.querySelector(".n").textContent = ok;
  tile.querySelector("small").textContent = t("tile.of", { all });
}

/** Messages came in: ask soon how many in the last hour. */
export function countHour() {
  if (tile()) timer ||= setTimeout(ask, SOON);
}

/** Ask now and then. */
export function keepStanding() {
  if (tile()) setInterval(ask, EVERY);
}

const tile = () => document.querySelector('[data-tile="hour"]');

async function ask() {
  clearTimeout(timer);
  timer = 0;
  try {
    const answer = await fetch("/kanalen/stand", { headers: { Accept: "application/json" } });
    if (!answer.ok) return;
    const told = await answer.json();
    showStanding(told);
    tile().querySelector(".n").textContent = told.hour;
    tile().querySelector("small").textContent = told.normal === null ? t("tile.no_normal") : t("tile.normal", { n: told.normal });
  } catch {
    // the socket says what is wrong with the connection
  }
}
