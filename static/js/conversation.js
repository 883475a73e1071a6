// A conversation: its thread grows, its head stays true, and what is typed is never lost.

import { key, own, remember } from "./act.js";
import { follow, live } from "./board.js";
import { changeRoute, startComposer, typedSince } from "./composer.js";
import { isTaken, singleKeys } from "./keys.js";
import { make, parse, parsePage } from "./fragment.js";
import { beHere } from "./presence.js";
import { alarm, say } from "./say.js";
import * as time from "./time.js";
import { showVisits } from "./visit.js";
import { t } from "./words.js";

const AGAIN = 200; // milliseconds in which changes of the head are taken together
const NEAR = 120; // pixels from the end that count as being there

const desk = document.getElementById("desk");
const thread = document.getElementById("thread");
const reference = desk.dataset.reference;
let timer = 0;

thread.scrollTop = thread.scrollHeight;
startComposer(reference, live);
follow(heard);
beHere(live, reference);
document.addEventListener("submit", submitted);
document.addEventListener("keydown", pressed);
document.addEventListener("click", clicked);
addEventListener("hashchange", unfold);
unfold();
setInterval(countDown, 1000);
countDown();

/** What the live socket says. */
function heard(entry) {
  if (entry.k === "page") return refresh(entry.page);
  if (entry.k === "msg" && entry.conv === reference) return put(entry);
  if (entry.id !== reference) return;
  if (entry.k === "gone") return location.reload(); // out of sight, or part of another conversation now
  timer ||= setTimeout(fetchPage, AGAIN);
}

async function fetchPage() {
  timer = 0;
  const answer = await fetch(location.href, { headers: { Accept: "text/html" }, redirect: "manual" }).catch(() => null);
  if (answer?.ok) refresh(parsePage(await answer.text()));
  else if (answer?.status === 404 || answer?.type === "opaqueredirect") location.reload();
}

/** Take over what changed around the thread, and whatever entry is missing in it. */
function refresh(page) {
  for (const fresh of page.querySelectorAll("[data-live]")) {
    const old = document.querySelector(`[data-live="${fresh.dataset.live}"]`);
    if (!old) {
      if (fresh.closest(".talk")) thread.before(document.importNode(fresh, true));
    } else if (!old.contains(document.activeElement) && !old.querySelector("details[open]") && old.innerText !== fresh.innerText) {
      old.replaceWith(document.importNode(fresh, true));
    }
  }
  for (const old of document.querySelectorAll("[data-live]")) if (!page.querySelector(`[data-live="${old.dataset.live}"]`)) old.remove();
  for (const fresh of page.querySelectorAll("#thread > [id]")) place(document.importNode(fresh, true));
  desk.dataset.last = page.getElementById("desk").dataset.last;
  changeRoute(page);
  showVisits(desk);
  time.show(desk);
}

/** A message, a note or a line that came over the socket. */
function put(entry) {
  const fresh = entry.h ? parse(entry.h) : null;
  if (!fresh) return;
  const isNew = !document.getElementById(fresh.id);
  place(fresh);
  if (!isNew || fresh.dataset.direction === undefined) return;
  typedSince(fresh);
  if (fresh.dataset.direction === "in") say(t("thread.new", { name: fresh.querySelector(".by b").textContent }));
}

/** In its place in time, with the day above it when it is the first of that day. */
function place(fresh) {
  const old = document.getElementById(fresh.id);
  if (old) {
    if (plain(old).isEqualNode(plain(fresh))) return;
    const focused = old.contains(document.activeElement);
    old.replaceWith(fresh);
    if (focused) (fresh.querySelector("button, a") ?? thread).focus();
    return countDown();
  }
  const atEnd = thread.scrollHeight - thread.scrollTop - thread.clientHeight < NEAR;
  const at = Number(fresh.dataset.at);
  const after = [...thread.querySelectorAll(":scope > [data-at]")].find((one) => Number(one.dataset.at) > at) ?? null;
  const before = after?.previousElementSibling?.matches(".day") && after.dataset.day !== fresh.dataset.day ? after.previousElementSibling : after;
  thread.insertBefore(fresh, before);
  if (!thread.querySelector(`.day[data-day="${fresh.dataset.day}"]`)) fresh.before(make("p", { className: "day", data: { day: fresh.dataset.day } }, time.longDay(at)));
  if (atEnd) thread.scrollTop = thread.scrollHeight;
  countDown();
}

/** An entry as the server made it, without what this person opened or the clock wrote. */
function plain(entry) {
  const copy = entry.cloneNode(true);
  for (const node of copy.querySelectorAll("details[open]")) node.open = false;
  for (const node of copy.querySelectorAll(".countdown")) node.textContent = "";
  return copy;
}

/** A reply that is held says how long it can still be taken back. */
function countDown() {
  for (const node of thread.querySelectorAll(".countdown")) {
    const seconds = Math.ceil(Number(node.dataset.until) - time.now());
    node.textContent = seconds > 0 ? t("compose.held", { seconds }) : "";
  }
}

/** Forms of the side panel and buttons of the thread: asked in the background, told in words. */
async function submitted(event) {
  const form = event.target;
  if (form.method === "dialog" || event.defaultPrevented) return;
  if (form.id === "show-address") return showAddress(event);
  if (!form.matches("[data-act], #act")) return;
  event.preventDefault();
  const button = event.submitter;
  const target = button?.getAttribute("formaction") ?? form.getAttribute("action");
  const data = new FormData(form, button);
  const answer = target.endsWith("/acties") ? await asAction(data) : await ask(target, { body: new URLSearchParams(data) });
  if (answer.error) return alarm(answer.error);
  if (answer.key) remember(answer.verb, answer.key, [answer.id], t("say.done"));
  else say(t("say.done"));
  if (target.endsWith("/annuleer")) bringBack(document.getElementById(`m${data.get("message")}`));
  const details = form.closest("details");
  if (details) details.open = false, details.querySelector("summary").focus();
  fetchPage();
}

/** What was taken back can be written anew. */
function bringBack(message) {
  const text = document.getElementById("text");
  if (text && !text.value) text.value = message.querySelector(".text").textContent;
  text?.focus();
}

async function asAction(data) {
  let [verb, id] = [data.get("verb"), data.get("id")];
  const button = data.get("do");
  let to;
  if (button) [verb, id, , to] = button.split(" ");
  const args = Object.fromEntries([...data].filter(([name]) => !["verb", "id", "key", "back", "do", "label", "had"].includes(name)));
  if (to) args.to = Number(to);
  if (verb === "label") {
    const [chosen, had] = ["label", "had"].map((name) => data.getAll(name).map(Number));
    args.add = chosen.filter((one) => !had.includes(one));
    args.remove = had.filter((one) => !chosen.includes(one));
  }
  const named = key();
  own.set(id, performance.now());
  const answer = await ask("/acties", { body: JSON.stringify({ key: named, ids: [id], verb, args }), headers: { "Content-Type": "application/json", Accept: "application/json" } });
  return { ...answer, key: named, verb, id };
}

async function ask(url, options) {
  try {
    const answer = await fetch(url, { method: "POST", headers: { Accept: "application/json" }, ...options });
    const told = await answer.json();
    if (answer.ok) return told;
    const error = told.results?.[0]?.error ?? told.error;
    return { error: answer.status === 401 ? t("connection.signed_out") : typeof error === "string" ? error : t("say.failed") };
  } catch {
    return { error: t("say.failed") };
  }
}

async function showAddress(event) {
  event.preventDefault();
  const answer = await ask(event.target.action, {});
  if (answer.error) return alarm(answer.error);
  document.querySelectorAll("#addresses dd").forEach((node, at) => answer.addresses[at] && (node.firstChild.textContent = answer.addresses[at]));
  event.target.remove();
}

/** "#do-close" in the address, or a link to it: that form is open. */
function unfold() {
  const wanted = location.hash.slice(1);
  const details = wanted.startsWith("do-") && document.getElementById(wanted);
  if (details) details.open = true, details.querySelector("input:not([type=hidden]), select")?.focus();
}

function clicked(event) {
  if (event.target.closest("#print")) return window.print();
  const link = event.target.closest("a[data-open]");
  if (!link) return;
  event.preventDefault();
  const details = document.getElementById(link.dataset.open);
  details.open = true;
  details.scrollIntoView({ block: "nearest" });
  details.querySelector("input:not([type=hidden]), select").focus();
}

const FORMS = { a: "do-assign", t: "do-team", m: "do-move", d: "do-department", f: "do-label", p: "do-priority", e: "do-close" };

function pressed(event) {
  if (!singleKeys() || isTaken(event) || document.activeElement.closest("article.card")) return;
  const letter = event.key.toLowerCase();
  const details = document.getElementById(FORMS[letter]);
  if (details) {
    event.preventDefault();
    details.open = true;
    details.querySelector("input:not([type=hidden]), select").focus();
  } else if (letter === "r" || letter === "c") {
    event.preventDefault();
    document.getElementById(letter === "r" ? "tab-answer" : "tab-note")?.click();
  } else if (letter === "i") {
    document.querySelector('.head button[value^="claim "]')?.click();
  }
}

