// The panel of the chat: what was said, what is being typed, and the ways out. What is sent and received: chat_line.js.

import { Kept, Line, newId } from "./chat_line.js";
import { icon, make } from "./fragment.js";
import { t } from "./words.js";

const LINK = /https?:\/\/[^\s<>"']+[^\s<>"'.,;:!?)]/g;
const NEAR = 80; // pixels from the end that count as being there
const FRESH = 60_000; // milliseconds that what the chat says of itself is believed

const $ = (id) => document.getElementById(id);
const { base, channel } = document.body.dataset;
const framed = window.parent !== window;
const query = location.search ? `?${new URLSearchParams([...new URLSearchParams(location.search)].filter(([name]) => name === "taal"))}` : "";
const kept = new Kept(channel);
const shown = new Map(); // key of an entry -> what is shown of it
let visible = !framed;
let unread = 0;
let open = document.body.dataset.open === "yes";
let standing = document.body.dataset.line;
let who = "";
let chosen = [];
let asked = performance.now();

document.body.classList.toggle("framed", framed);
const line = new Line(base, query, kept, {
  lines: took,
  types: (name) => types(name),
  state: tellState,
  pending: (item) => put({ ...item, id: 0, who: "", files: [] }, false),
  refused,
  closed,
  over,
});
if (!framed) line.about = { page: document.referrer };
for (const item of kept.values.pending) put({ ...item, id: 0, who: "", files: [] }, true);
$("text").value ||= kept.values.draft ?? ""; // what somebody typed before this script was there goes first
$("name").value ||= kept.values.name ?? "";
$("email").value ||= kept.values.email ?? "";
$("mail-to").value ||= kept.values.email ?? "";
show();
listen();
if (framed) parent.postMessage({ newsroom: "chat", what: "ready" }, "*");

/** Which of the parts is shown: the talk, also after closing time when it was going on; or that it is closed. */
function show(part = open || line.token || kept.values.pending.length ? "talk" : "shut") {
  for (const one of ["talk", "shut", "leave", "receipt"]) $(one).hidden = one !== part;
  $("minimise").hidden = !framed || part !== "talk";
  $("stop").hidden = !framed && !line.token;
  $("stop").setAttribute("aria-label", t(part === "talk" && line.token ? "chat.stop" : "chat.dismiss"));
  head();
}

function head() {
  $("line").textContent = who ? `${t("chat.with", { name: who })} · ${standing}` : standing;
}

function listen() {
  $("composer").addEventListener("submit", (event) => (event.preventDefault(), send()));
  $("text").addEventListener("keydown", (event) => {
    const pressed = event.key === "Enter" && !event.shiftKey && !event.isComposing && !matchMedia("(pointer: coarse)").matches;
    if (pressed) event.preventDefault(), send();
  });
  $("text").addEventListener("input", () => {
    kept.set({ draft: $("text").value });
    line.types($("text").value.trim() !== "");
  });
  $("attach").addEventListener("click", () => $("files").click());
  $("files").addEventListener("change", choose);
  $("introduce").addEventListener("click", introduce);
  $("minimise").addEventListener("click", () => post("close"));
  $("stop").addEventListener("click", stop);
  $("mail-me")?.addEventListener("click", () => $("mail").showModal());
  $("mail-form").addEventListener("submit", mail);
  $("ending").addEventListener("close", () => $("ending").returnValue === "end" && end());
  $("ask")?.addEventListener("click", () => (show("leave"), $("leave-title").focus()));
  $("left").addEventListener("submit", leave);
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && framed && !document.querySelector("dialog[open]")) post("close");
  });
  addEventListener("message", (event) => event.source === parent && event.data?.newsroom === "chat" && fromSite(event.data));
  addEventListener("beforeunload", (event) => kept.values.pending.some((item) => item.files?.length) && event.preventDefault());
}

const post = (what, n) => framed && parent.postMessage({ newsroom: "chat", what, n }, "*");

/** The site opened or closed the panel. */
function fromSite({ what, focus, page, identity }) {
  visible = what === "shown";
  line.about = { page: String(page ?? ""), identity: String(identity ?? "") };
  if (!visible) return;
  unread = 0;
  if (focus) focusIn();
  if (performance.now() - asked > FRESH) refresh();
}

function focusIn() {
  const part = ["talk", "shut", "leave", "receipt"].find((one) => !$(one).hidden);
  ({ talk: $("text"), shut: $("ask") ?? $("stop"), leave: $("left-text"), receipt: $("receipt-title") })[part].focus();
  if (part === "talk") $("log").scrollTop = $("log").scrollHeight;
}

/** Whether the chat is open may have changed since this page came. */
async function refresh() {
  asked = performance.now();
  const answer = await line.ask("stand", null, "GET").catch(() => null);
  if (!answer?.ok) return;
  const was = open;
  open = answer.told.open;
  standing = answer.told.line;
  $("wait").textContent = answer.told.wait ?? "";
  $("opens").textContent = answer.told.opens ?? "";
  if (was !== open && $("leave").hidden && $("receipt").hidden) show();
  else head();
}

function send() {
  const text = $("text").value.trim();
  if (!text && !chosen.length) return $("text").focus();
  const files = chosen;
  chosen = [];
  drawFiles();
  $("text").value = "";
  kept.set({ draft: "" });
  const item = line.say(text, files);
  put({ ...item, id: 0, who: "", files: files.map((file) => ({ name: file.name })) }, true);
  $("log").scrollTop = $("log").scrollHeight;
  $("text").focus();
  show();
}

/** What the server has: each line once, in its place. */
function took(entries, frame) {
  const first = !line.greeted;
  line.greeted = true;
  $("log").setAttribute("aria-busy", first); // what was said before is not read aloud again
  let fresh = 0;
  if (frame.with !== who) meet(frame.with, first, entries[0]?.at ?? Date.now() / 1000);
  for (const entry of entries) {
    if (!shown.has(entry.line || entry.id) && !entry.line) fresh += 1;
    put(entry, false);
  }
  requestAnimationFrame(() => $("log").setAttribute("aria-busy", "false"));
  if (fresh && !first && !visible) post("unread", (unread += fresh));
  if (fresh) types("");
  show($("talk").hidden ? undefined : "talk");
}

function meet(name, first, at) {
  who = name;
  if (!name || first) return;
  const note = make("p", { className: "nr-chat__auto", data: { at: at - 0.001 } }, t("chat.with_line", { name }));
  place(note);
}

/** An entry as it is now; `waits` when the server does not have it yet. */
function put(entry, waits) {
  const key = entry.line || entry.id;
  const before = shown.get(key);
  if (before && entry.id === 0 && before.entry.id) return; // the server's word was here first
  if (before && !entry.files.length && !entry.id) entry = { ...entry, files: before.entry.files };
  const node = draw(entry, waits);
  shown.set(key, { entry, node });
  if (before && before.entry.at === entry.at) before.node.replaceWith(node);
  else before?.node.remove(), place(node);
}

function place(node) {
  const log = $("log");
  const atEnd = log.scrollHeight - log.scrollTop - log.clientHeight < NEAR;
  const after = [...log.querySelectorAll("[data-at]")].find((one) => Number(one.dataset.at) > Number(node.dataset.at));
  log.insertBefore(node, after ?? null);
  if (atEnd) log.scrollTop = log.scrollHeight;
}

function draw(entry, waits) {
  const mine = !!entry.line;
  const time = new Intl.DateTimeFormat(document.documentElement.lang, { hour: "2-digit", minute: "2-digit" }).format(entry.at * 1000);
  const state = mine ? [t(waits ? "chat.line_waits" : "chat.line_sent")] : [];
  const node = make("div", { className: `nr-chat__msg${mine ? " nr-chat__msg--me" : ""}${waits ? " waits" : ""}`, data: { at: entry.at } });
  node.append(make("small", {}, [mine ? t("chat.you") : entry.who || t("chat.staff"), time, ...state].join(" · ")));
  if (entry.gone) node.append(make("p", { className: "said taken" }, t("chat.removed")));
  else if (entry.text) node.append(make("p", { className: "said", dir: "auto" }, ...linked(entry.text)));
  for (const file of entry.files) node.append(fileOf(file));
  return node;
}

/** Addresses can be followed; anything else is only text. */
function linked(text) {
  const parts = [];
  let from = 0;
  for (const found of text.matchAll(LINK)) {
    parts.push(text.slice(from, found.index), make("a", { href: found[0], target: "_blank", rel: "noopener noreferrer" }, found[0]));
    from = found.index + found[0].length;
  }
  return [...parts, text.slice(from)];
}

function fileOf(file) {
  if (!file.id) return make("span", { className: "nr-chat__file" }, icon("file"), file.name);
  return make("button", { type: "button", className: "nr-chat__file", onclick: () => download(file) }, icon("file"), file.name);
}

/** With the token in a header: an address that opens a file would be one that can be passed on. */
async function download(file) {
  const answer = await fetch(`${base}/bestand/${file.id}`, { headers: { Authorization: `Bearer ${line.token}` }, credentials: "omit" }).catch(() => null);
  if (!answer?.ok) return tellState("failed");
  const url = URL.createObjectURL(await answer.blob());
  make("a", { href: url, download: file.name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}

function types(name) {
  $("types").hidden = !name;
  $("types").querySelector("b").textContent = name ? t("chat.types", { name }) : "";
}

function tellState(name, words = "") {
  const said = { waiting: t("chat.offline"), slow: words, failed: t("chat.failed"), live: "" }[name];
  if ($("state").textContent !== said) $("state").textContent = said;
}

/** The server does not want it: it stays to be read, and to be taken back into the field. */
function refused(item, told) {
  const was = shown.get(item.line);
  const back = make("button", { type: "button", onclick: () => {
    was.node.remove();
    shown.delete(item.line);
    $("text").value = [item.text, $("text").value].filter(Boolean).join("\n");
    $("text").focus();
  } }, t("chat.edit"));
  was.node.querySelector("small").textContent = t("chat.line_refused");
  was.node.append(make("p", { className: "nr-chat__refused", aria: { role: "alert" } }, `${told.error ?? t("chat.failed")} `, back));
}

/** It closed while somebody was typing: their words go along into the form. */
function closed(told) {
  open = false;
  const words = kept.values.pending.map((item) => item.text);
  for (const item of kept.values.pending) shown.get(item.line)?.node.remove(), shown.delete(item.line);
  kept.set({ pending: [] });
  $("left-text").value = [...words, $("text").value].filter(Boolean).join("\n");
  refresh();
  show($("ask") ? "leave" : "shut");
  if (told.error) tellState("slow", told.error);
  if (visible) focusIn();
}

/** Over: by the visitor in another tab, or a day ago. */
function over() {
  who = "";
  types("");
  place(make("p", { className: "nr-chat__auto", data: { at: Date.now() / 1000 } }, t("chat.ended")));
  refresh();
}

function choose() {
  chosen = [...chosen, ...$("files").files];
  $("files").value = "";
  drawFiles();
  $("text").focus();
}

function drawFiles() {
  $("chosen").hidden = !chosen.length;
  $("chosen").replaceChildren(...chosen.map((file) => make("li", { className: "nr-chat__file" }, icon("file"), file.name,
    make("button", { type: "button", ariaLabel: t("chat.drop_file", { name: file.name }), onclick: () => {
      chosen = chosen.filter((one) => one !== file);
      drawFiles();
      $("attach").focus();
    } }, icon("x")))));
}

async function introduce() {
  const [name, email] = [$("name").value.trim(), $("email").value.trim()];
  const wrong = $("who-wrong");
  wrong.hidden = true;
  if (email && !$("email").checkValidity()) return fail(wrong, $("email"), t("answer.email"));
  kept.set({ name, email });
  $("mail-to").value = email;
  if (line.token) {
    const answer = await line.ask("wie", { name, email }).catch(() => null);
    if (!answer?.ok) return fail(wrong, $("email"), answer?.told.error ?? t("chat.failed"));
  }
  $("who").open = false;
  $("who").querySelector("summary").focus();
}

function fail(wrong, field, words) {
  wrong.hidden = false;
  wrong.textContent = words;
  field.setAttribute("aria-invalid", "true");
  field.focus();
}

async function mail(event) {
  if (event.submitter?.value !== "send") return;
  event.preventDefault();
  const wrong = $("mail-wrong");
  wrong.hidden = true;
  if (!$("mail-to").checkValidity()) return fail(wrong, $("mail-to"), t("answer.email"));
  const answer = line.token ? await line.ask("afschrift", { email: $("mail-to").value.trim(), key: newId() }).catch(() => null) : { told: { error: t("chat.transcript.nothing_yet") } };
  if (!answer?.ok) return fail(wrong, $("mail-to"), answer?.told.error ?? t("chat.failed"));
  $("mail").close();
  tellState("slow", t("chat.mail_sent", { email: $("mail-to").value.trim() }));
}

function stop() {
  if (line.token && !$("talk").hidden) $("ending").showModal();
  else post("close");
}

async function end() {
  const answer = await line.ask("einde").catch(() => null);
  if (!answer || (!answer.ok && answer.status !== 401)) return tellState("failed");
  line.drop();
  kept.forget();
  location.reload();
  post("over");
}

const leaveId = newId(); // the same on every try

async function leave(event) {
  event.preventDefault();
  const wrong = $("left-wrong");
  wrong.hidden = true;
  for (const field of [$("left-text"), $("left-email")]) field.removeAttribute("aria-invalid");
  if (!$("left-text").value.trim()) return fail(wrong, $("left-text"), t("chat.empty"));
  if (!$("left-email").checkValidity()) return fail(wrong, $("left-email"), t("answer.email"));
  const form = new FormData();
  for (const [name, value] of Object.entries({ line: leaveId, text: $("left-text").value, email: $("left-email").value, name: $("left-name").value, page: line.about.page ?? "" })) form.set(name, value);
  for (const file of $("left-files").files) form.append("files", file);
  const answer = await line.ask("bericht", form).catch(() => null);
  if (!answer?.ok) return fail(wrong, answer?.told.key === "email" ? $("left-email") : $("left-text"), answer?.told.error ?? t("chat.failed"));
  kept.set({ draft: "" });
  $("number").textContent = answer.told.reference;
  show("receipt");
  $("receipt-title").focus();
}
