// The composer: an answer or a note, kept while it is typed, sent once, with a warning when the conversation changed in
// between or when the text seems to hold what should not go out. A draft stays on this computer until the server has it.

import { isOnline } from "./connection.js";
import { make } from "./fragment.js";
import { guard } from "./guard.js";
import { askDescriptions, showLength } from "./length.js";
import { alarm, say } from "./say.js";
import { offerCanned, offerColleagues } from "./suggest.js";
import { clock } from "./time.js";
import { colleagues } from "./verbs.js";
import { t } from "./words.js";

const KEEP = 400; // milliseconds after the last key
const OLD = 14 * 86_400_000; // milliseconds after which a draft is forgotten
const PARTING = 20_000; // characters that a browser still sends while the page goes away
const PREFIX = "newsroom.draft.";
let reference = "";
let pushed = Promise.resolve(); // one after the other: an older text never comes last
const TYPING = 2500; // milliseconds between two words that an answer is being typed
let live = null; // the socket that visitors of a chat hear of it by
let typed = 0;
let began = false; // whether something was typed since the page came

/** Bring the composer of a conversation to life. */
export function startComposer(of, socket) {
  live = socket;
  const box = document.getElementById("composer");
  if (!box) return;
  reference = of;
  forget();
  const tabs = [...box.querySelectorAll('[role="tab"]')];
  for (const tab of tabs) {
    tab.addEventListener("click", () => choose(box, tabs, tab, true));
    tab.addEventListener("keydown", (event) => {
      if (event.key === "ArrowLeft" || event.key === "ArrowRight") choose(box, tabs, tabs[1 - tabs.indexOf(tab)]), tabs[1 - tabs.indexOf(tab)].focus();
    });
  }
  for (const form of box.querySelectorAll("[data-compose]")) prepare(form);
  others(box);
  if (location.hash === "#note") choose(box, tabs, tabs[1], true);
  if (location.hash === "#answer") choose(box, tabs, tabs[0], true);
}

/** The visitor of a chat left, or came back: the answer goes another way. What was typed stays. */
export function changeRoute(page) {
  const [old, fresh] = [document, page].map((one) => one.getElementById("answer"));
  if (!old || !fresh || old.dataset.via === fresh.dataset.via) return;
  const [text, focused] = [old.querySelector("textarea")?.value ?? "", old.contains(document.activeElement)];
  const mine = document.importNode(fresh, true);
  old.replaceWith(mine);
  const field = mine.querySelector("textarea");
  if (!field) return;
  field.value = text;
  prepare(mine.querySelector("[data-compose]"));
  others(document.getElementById("composer"));
  if (focused) field.focus();
  say(mine.querySelector(".route")?.innerText ?? mine.querySelector("button.btn.p").innerText);
}

/** Something was said while this person types: told above the composer. */
export function typedSince(entry) {
  const bar = document.getElementById("changed");
  if (!began || !bar || entry.dataset.direction === "note") return;
  if (entry.dataset.direction === "in" && document.querySelector("[data-live-chat]")) return; // both talk at the same time
  const read = make("button", { type: "button", className: "btn s", onclick: () => {
    bar.hidden = true;
    entry.tabIndex = -1;
    entry.focus();
    entry.scrollIntoView({ block: "nearest" });
    seen(entry);
  } }, t("compose.read"));
  bar.hidden = false;
  bar.replaceChildren(make("span", {}, t("compose.changed", { what: entry.querySelector(".by").innerText.trim() })), make("span", { className: "sp" }), read);
}

/** The writer read it: the answer may go out. */
function seen(entry) {
  const field = document.querySelector('[name="last_seen"]');
  if (field) field.value = Math.max(Number(field.value), Number(entry.id.slice(1)));
}

function choose(box, tabs, tab, focus = false) {
  const kind = tab.id.slice(4);
  box.dataset.chosen = kind;
  for (const one of tabs) {
    one.setAttribute("aria-selected", one === tab);
    one.tabIndex = one === tab ? 0 : -1;
  }
  if (focus) box.querySelector(`#${kind} textarea`)?.focus();
}

function prepare(form) {
  const kind = form.dataset.compose;
  const text = form.elements.text;
  const draft = read(kind);
  const newer = draft && draft.at / 1000 > Number(text.dataset.kept ?? 0);
  const early = text.value === text.defaultValue ? "" : text.value; // somebody types before this script is there
  if (newer && draft.text !== early) text.value = [draft.text, early].filter(Boolean).join("\n");
  if (text.value) {
    tell(kind, t("compose.draft_back"));
    began = true;
  }
  if (early) keep(kind, text.value);
  if (newer || early) push(kind, text);
  else localStorage.removeItem(name(kind));
  showLength(form);
  askDescriptions(form);
  let timer = 0;
  text.addEventListener("input", () => {
    began = true;
    keep(kind, text.value);
    clearTimeout(timer);
    timer = setTimeout(() => push(kind, text), KEEP);
    if ("liveChat" in form.dataset) types(text.value.trim() !== "");
  });
  addEventListener("pagehide", () => localStorage.getItem(name(kind)) !== null && push(kind, text));
  if (kind === "answer") guard(form), countFiles(form), offerCanned(form, reference);
  else offerColleagues(form, colleagues);
  form.addEventListener("keydown", (event) => {
    const sends = event.ctrlKey || event.metaKey || ("liveChat" in form.dataset && event.target === text && !event.shiftKey && !event.isComposing);
    if (event.key === "Enter" && sends) event.preventDefault(), form.requestSubmit();
  });
  form.addEventListener("submit", (event) => send(event, form, kind));
}

/** The button for attachments says how many there are, and their names when one points at it. */
function countFiles(form) {
  const input = form.elements.files;
  const show = () => {
    const names = [...input.files].map((file) => file.name);
    form.querySelector("#files-n").textContent = names.length ? t("compose.files_n", { n: names.length }) : t("compose.files");
    form.querySelector(".attach").title = names.join(", ");
  };
  input?.addEventListener("change", show);
  if (input) form.addEventListener("reset", () => setTimeout(show));
}

/** A visitor of a chat sees that an answer is being typed. */
function types(yes) {
  const now = performance.now();
  if (yes ? typed && now - typed < TYPING : !typed) return;
  typed = yes ? now : 0;
  live?.send({ t: yes ? "types" : "still", ids: [reference] });
}

/** Everybody in the last message also gets the answer, when the writer says so. */
function others(box) {
  const line = box.querySelector("#others");
  if (!line) return;
  const cc = box.querySelector("#cc");
  line.append(" ", make("button", { type: "button", className: "btn s q", onclick: () => {
    cc.value = [cc.value.trim(), line.dataset.others].filter(Boolean).join(", ");
    cc.focus();
  } }, t("compose.reply_all")));
}

async function send(event, form, kind) {
  if (event.defaultPrevented) return;
  event.preventDefault();
  if (form.dataset.busy) return;
  if (!isOnline()) return alarm(t("say.failed"));
  const body = new FormData(form, event.submitter);
  if (!String(body.get("text")).trim()) return form.elements.text.focus();
  form.dataset.busy = "yes";
  if ("liveChat" in form.dataset) form.elements.text.value = ""; // the next line can be typed at once
  const error = form.querySelector(".error");
  error.hidden = true;
  try {
    const answer = await fetch(form.action, { method: "POST", body, headers: { Accept: "application/json" } });
    const told = await answer.json();
    if (answer.ok) sent(form, kind, told);
    else refused(form, error, answer.status, told, body);
  } catch {
    refused(form, error, 0, { error: t("say.failed") }, body);
  }
  delete form.dataset.busy;
}

function sent(form, kind, told) {
  const last = form.elements.last_seen;
  const next = "liveChat" in form.dataset ? form.elements.text.value : "";
  form.reset();
  form.elements.text.value = next;
  renew(form);
  form.elements.text.dispatchEvent(new CustomEvent("emptied"));
  if (last) last.value = Math.max(Number(last.value), told.message); // our own answer is no news to us
  typed = 0;
  began = next !== "";
  document.getElementById("changed").hidden = true;
  localStorage.removeItem(name(kind));
  push(kind, form.elements.text); // what was under way when it was sent does not come back
  if ("liveChat" in form.dataset) return form.elements.text.focus();
  say(t(kind === "answer" ? "say.sent" : "say.done"));
}

function refused(form, error, status, told, body) {
  if (told.key === "wrong.action" && "liveChat" in form.dataset) renew(form); // the line before it did arrive
  if ("liveChat" in form.dataset) form.elements.text.value = [body.get("text"), form.elements.text.value].filter(Boolean).join("\n");
  error.hidden = false;
  error.textContent = typeof told.error === "string" && told.error !== "sign_in" ? told.error : t(status === 401 ? "connection.signed_out" : "say.failed");
  if (told.key === "conflict.new_message" && !form.elements.send_anyway) {
    error.after(make("label", { className: "note-line" }, make("input", { type: "checkbox", name: "send_anyway" }), ` ${t("compose.anyway")}`));
  }
}

/** The next press of the button is another line. */
function renew(form) {
  form.elements.client_id.value = crypto.randomUUID().replaceAll("-", "").slice(0, 24);
}

const name = (kind) => `${PREFIX}${reference}.${kind}`;

/** On this computer, at once: the line or the server may be away. */
function keep(kind, text) {
  localStorage.setItem(name(kind), JSON.stringify({ text, at: Date.now() }));
}

/** On the server: the draft is there on another computer too. */
function push(kind, field) {
  pushed = pushed.then(() => hand(kind, field));
}

async function hand(kind, field) {
  const text = field.value;
  const answer = await fetch(`/gesprek/${reference}/concept`, { method: "POST", body: new URLSearchParams({ kind, text }), headers: { Accept: "application/json" }, keepalive: text.length < PARTING }).catch(() => null);
  if (field.value !== text) return; // the next push has it
  if (answer?.ok) localStorage.removeItem(name(kind));
  if (text) tell(kind, t(answer?.ok ? "compose.kept" : "compose.saved", { time: clock() }));
  else tell(kind, "");
}

function read(kind) {
  try {
    return JSON.parse(localStorage.getItem(name(kind)));
  } catch {
    return null;
  }
}

function tell(kind, words) {
  const place = document.getElementById(`saved-${kind}`);
  if (place) place.textContent = words;
}

/** Drafts that nobody came back to. */
function forget() {
  for (const item of Object.keys(localStorage).filter((one) => one.startsWith(PREFIX))) {
    const draft = JSON.parse(localStorage.getItem(item) || "{}");
    if (!(Date.now() - draft.at < OLD)) localStorage.removeItem(item);
  }
}
