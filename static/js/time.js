// What the clock does to the screen: ages, terms, and cards that become late, by the server's clock.

import { t } from "./words.js";

const ZONE = "Europe/Amsterdam";
const TICK = 15_000; // milliseconds
const HOUR = 3600;
const DAY = 24 * HOUR;

const clockFormat = new Intl.DateTimeFormat("nl", { timeZone: ZONE, hour: "2-digit", minute: "2-digit" });
const dayFormat = new Intl.DateTimeFormat("sv", { timeZone: ZONE }); // 2026-11-23

let offset = 0; // seconds that the server's clock is ahead of ours
let day = "";
const midnights = [];

/** The server says what time it is. */
export function setNow(unix) {
  offset = unix - Date.now() / 1000;
}

/** Unix seconds by the server's clock. */
export function now() {
  return Date.now() / 1000 + offset;
}

/** "10:42" */
export function clock(unix = now()) {
  return clockFormat.format(unix * 1000);
}

/** "2026-11-23" in the Netherlands. */
export function dayOf(unix) {
  return dayFormat.format(unix * 1000);
}

/** "12 min", "1 u 14", "2 dagen": as newsroom/language.py writes them. */
export function duration(seconds) {
  const minutes = Math.floor(Math.max(seconds, 0) / 60);
  if (minutes < 60) return t("duration.minutes", { minutes });
  if (minutes >= 24 * 60) return t("duration.days", { n: Math.floor(minutes / (24 * 60)) });
  const hours = Math.floor(minutes / 60);
  const rest = String(minutes % 60).padStart(2, "0");
  return rest === "00" ? t("duration.hours", { hours }) : t("duration.hours_minutes", { hours, minutes: rest });
}

/** How long a term still is, or how long ago it passed; a day and a time when it is further away than an hour. */
export function term(due) {
  const left = due - now();
  if (left <= 0) return t("time.late", { duration: duration(Math.max(-left, 60)) });
  if (left < HOUR) return t("time.left", { duration: duration(left) });
  if (dayOf(due) === dayOf(now())) return t("time.today", { time: clock(due) });
  if (dayOf(due) === dayOf(now() + DAY)) return t("time.tomorrow", { time: clock(due) });
  if (left < 6 * DAY) return t("card.before", { time: `${t(`weekday.short.${weekday(due)}`)} ${clock(due)}` });
  return t("card.before", { time: date(due) });
}

/** "ma 23 nov 10:42" */
export function date(unix) {
  const [, month, number] = dayOf(unix).split("-").map(Number);
  return `${t(`weekday.short.${weekday(unix)}`)} ${number} ${t(`month.short.${month}`)} ${clock(unix)}`;
}

/** 0 for a Monday. */
function weekday(unix) {
  return (new Date(`${dayOf(unix)}T12:00Z`).getUTCDay() + 6) % 7;
}

/** "maandag 23 november 2026" */
export function longDay(unix) {
  const [year, month, number] = dayOf(unix).split("-").map(Number);
  return `${t(`weekday.${weekday(unix)}`)} ${number} ${t(`month.${month}`)} ${year}`;
}

/** Bring every moment below `root` up to date. */
export function show(root = document) {
  for (const node of root.querySelectorAll("time[data-since]")) write(node, node.dataset.since, (at) => duration(now() - at));
  for (const node of root.querySelectorAll("time[data-due]")) write(node, node.dataset.due, term);
  for (const node of root.querySelectorAll("time[data-clock]")) write(node, node.dataset.clock, clock);
  const late = root.matches?.("[data-lateness]") ? [root] : root.querySelectorAll("[data-lateness][data-due]");
  for (const node of late) ripen(node);
}

function write(node, at, words) {
  if (!at) return;
  const text = words(Number(at));
  if (node.textContent !== text) node.textContent = text;
}

/** A card turns amber and red by the clock, before the server's event says so. */
function ripen(node) {
  const { due, soon } = node.dataset;
  if (!due) return;
  const lateness = now() >= Number(due) ? "2" : soon && now() >= Number(soon) ? "1" : "0";
  if (lateness > node.dataset.lateness) node.dataset.lateness = lateness;
}

/** Call `wanted` when another day begins: what was finished today begins anew. */
export function atMidnight(wanted) {
  midnights.push(wanted);
}

export function start() {
  day = dayOf(now());
  show();
  setInterval(() => {
    show();
    if (dayOf(now()) !== day) {
      day = dayOf(now());
      midnights.forEach((wanted) => wanted());
    }
  }, TICK);
}
