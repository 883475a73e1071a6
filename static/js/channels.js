// Kanalen: the page is true when it arrives. When the socket tells of a change, and each minute for what the clock
// changes, it is asked again and taken over row by row: nothing moves under somebody's hand.

import { showConnection } from "./connection.js";
import { icon, make, parsePage } from "./fragment.js";
import { countEntries, countRail } from "./rail.js";
import { say } from "./say.js";
import { Live } from "./socket.js";
import { showStanding } from "./standing.js";
import { Store } from "./store.js";
import * as time from "./time.js";
import { t } from "./words.js";

const EVERY = 60_000; // milliseconds
const CHANGED = 250; // after a channel changed: what comes together is asked together
const CAME = 3000; // after messages came in
const LEFT = 400; // after the pointer or the focus left a row

const root = document.getElementById("channels");
const table = root.querySelector("table");
const sheet = document.getElementById("sheet");
const opened = new Set([...document.querySelectorAll(".channel.exp")].map((row) => row.dataset.channel));
let order = rows().map((row) => [row.dataset.channel, row.dataset.group]);
let due = 0;
let timer = 0;
let leaving = 0;
let paused = false;
let waiting = false;

let store = new Store({}, []);
countRail(store);
const live = new Live(root.dataset.epoch, Number(root.dataset.position), [], {
  batch(entries) {
    countEntries(store, entries);
    for (const entry of entries) if (entry.k === "channel") showStanding(entry);
    ask(entries.some((entry) => entry.k === "channel") ? CHANGED : CAME);
  },
  reset: () => refresh(true),
  state: showConnection,
});

time.start();
setInterval(() => ask(0), EVERY);
root.addEventListener("click", clicked);
root.addEventListener("keydown", (event) => event.key === " " && event.target.matches(".twist") && clicked(event));
for (const name of ["pointerout", "focusout"]) root.addEventListener(name, left);
sheet.addEventListener("click", (event) => event.target.closest("[data-close]") && (event.preventDefault(), sheet.close()));
pauseButton();
document.getElementById("saved")?.focus();

function rows() {
  return table ? [...table.querySelectorAll("tbody.channel")] : [];
}

/** Look again within so many milliseconds. */
function ask(wait) {
  if (paused) return (waiting = true);
  const at = performance.now() + wait;
  if (timer && due <= at) return;
  clearTimeout(timer);
  due = at;
  timer = setTimeout(() => refresh(false), wait);
}

/** Ask the page and take it over; `resume`: the socket goes on from where the page stands. */
async function refresh(resume) {
  clearTimeout(timer);
  timer = 0;
  try {
    const answer = await fetch(`/kanalen?open=${[...opened].join(",")}`, { headers: { Accept: "text/html" }, redirect: "manual" });
    if (answer.type === "opaqueredirect") return live.tell("out");
    if (!answer.ok) throw new Error(answer.status);
    const page = parsePage(await answer.text());
    const fresh = page.getElementById("channels");
    takeOver(fresh);
    if (resume) recount(fresh.ownerDocument), live.resume(fresh.dataset.epoch, Number(fresh.dataset.position));
  } catch {
    if (!resume) return;
    live.stale = true;
    live.later();
  }
}

function recount(page) {
  store = new Store({}, []);
  countRail(store, page);
  store.counters.forEach((counter) => counter.show(counter.n));
}

function takeOver(fresh) {
  const wanted = [...fresh.querySelectorAll("tbody.channel")];
  if (!table || !fresh.querySelector("table")) return wanted.length && location.reload();
  order = wanted.map((row) => [row.dataset.channel, row.dataset.group]);
  const known = new Map(rows().map((row) => [row.dataset.channel, row]));
  for (const row of wanted) {
    const old = known.get(row.dataset.channel);
    if (!old) table.append(document.importNode(row, true));
    else patch(old, row);
    known.delete(row.dataset.channel);
  }
  for (const row of known.values()) row.remove();
  for (const count of fresh.ownerDocument.querySelectorAll("[data-count-of]")) {
    for (const mine of document.querySelectorAll(`[data-count-of="${count.dataset.countOf}"]`)) mine.textContent = count.textContent;
  }
  arrange();
  time.show(root);
}

/** One row as it is now; where somebody's focus is stays. */
function patch(old, fresh) {
  tell(old, fresh);
  old.className = fresh.className;
  old.dataset.wants = fresh.dataset.group;
  old.dataset.state = fresh.dataset.state;
  const [before, after] = [old.querySelector(".r"), fresh.querySelector(".r")];
  [...before.children].forEach((cell, at) => swap(cell, after.children[at]));
  const [detail, next] = [old.querySelector(".d"), fresh.querySelector(".d")];
  if (!detail && next) old.append(document.importNode(next, true));
  else if (detail && !next) detail.remove();
  else if (detail) [...detail.querySelectorAll("section")].forEach((part, at) => swap(part, next.querySelectorAll("section")[at]));
}

function swap(old, fresh) {
  if (!fresh || old.outerHTML === fresh.outerHTML) return;
  const twist = old.querySelector(".twist");
  if (twist) twist.setAttribute("aria-expanded", fresh.querySelector(".twist").getAttribute("aria-expanded"));
  if (old.contains(document.activeElement)) return;
  const made = document.importNode(fresh, true);
  const [table, log] = [old.querySelector("details[open]"), old.querySelector(".klog")];
  if (table) made.querySelector("details")?.setAttribute("open", "");
  old.replaceWith(made);
  if (log && made.querySelector(".klog")) made.querySelector(".klog").scrollTop = log.scrollTop;
}

function tell(old, fresh) {
  const [was, is] = [old.dataset.wants ?? old.dataset.group, fresh.dataset.group];
  if (was === is || (was !== "attention" && is !== "attention")) return;
  say(t(is === "attention" ? "channels.say_down" : "channels.say_back", { name: fresh.dataset.name }));
}

/** Each row in its group and in the order of the page; one that somebody looks at stays where it is. */
function arrange() {
  const groups = new Map([...table.querySelectorAll("[data-group-head]")].map((head) => [head.dataset.groupHead, []]));
  const known = new Map(rows().map((row) => [row.dataset.channel, row]));
  for (const [id, group] of order) {
    const row = known.get(id);
    const stays = row.dataset.group !== group && isHeld(row);
    note(row, stays ? group : "");
    if (!stays) row.dataset.group = group;
    groups.get(row.dataset.group).push(row);
  }
  const focus = document.activeElement;
  let place = table.tHead.nextElementSibling;
  for (const [name, members] of groups) {
    const head = table.querySelector(`[data-group-head="${name}"]`);
    head.hidden = members.length === 0;
    for (const one of [head, ...members]) {
      if (one === place) place = place.nextElementSibling;
      else table.insertBefore(one, place);
    }
  }
  if (focus !== document.activeElement && focus.isConnected) focus.focus({ preventScroll: true });
}

const isHeld = (row) => row.matches(":hover, .exp") || row.contains(document.activeElement);

function note(row, group) {
  row.querySelector(".moved-note")?.remove();
  if (!group) return;
  const words = t("channels.moved", { name: row.dataset.name, group: t(`channels.group.${group}`) });
  row.querySelector(".c-state").append(make("small", { className: "moved-note" }, words));
}

function left() {
  clearTimeout(leaving);
  leaving = setTimeout(() => table && arrange(), LEFT);
}

function clicked(event) {
  const twist = event.target.closest(".twist");
  const opening = event.target.closest("[data-opening]");
  if (twist) {
    event.preventDefault();
    toggle(twist.closest(".channel"), twist);
  } else if (opening && !event.ctrlKey && !event.metaKey) {
    event.preventDefault();
    openSheet(opening.href);
  }
}

function toggle(row, twist) {
  const id = row.dataset.channel;
  const closes = opened.delete(id);
  if (!closes) opened.add(id);
  twist.setAttribute("aria-expanded", !closes);
  row.classList.toggle("exp", !closes);
  if (closes) row.querySelector(".d")?.remove();
  history.replaceState(null, "", `/kanalen?open=${[...opened].join(",")}`);
  if (!closes) refresh(false);
}

/** The form of the opening in a dialog; when that fails, its page. */
async function openSheet(url) {
  const answer = await fetch(url, { headers: { Accept: "text/html" }, redirect: "manual" }).catch(() => null);
  if (!answer?.ok) return (location.href = url);
  sheet.replaceChildren(document.importNode(parsePage(await answer.text()).getElementById("opening"), true));
  sheet.showModal();
}

function pauseButton() {
  const button = document.getElementById("pause");
  button.hidden = false;
  button.addEventListener("click", () => {
    paused = !paused;
    button.setAttribute("aria-pressed", paused);
    button.replaceChildren(icon(paused ? "chev" : "pause"), t(paused ? "channels.resume_page" : "channels.pause_page"));
    if (!paused && waiting) ask(0);
    waiting = false;
  });
}
