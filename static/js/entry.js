// Quick entry on every page: a key, a draft that stays until it is sent, and people found while one types.

import { make } from "./fragment.js";
import { openSheet } from "./sheet.js";
import { t } from "./words.js";

const KEEP = "newsroom.entry";
const PAUSE = 250; // milliseconds after the last key
const GO = 1500; // milliseconds
const KEPT = ["client_id", "channel", "name", "phone", "email", "subject", "text", "written", "where", "assignee", "team", "priority", "answer", "reason"];
const link = document.querySelector("a[data-entry-link]");

let timer = 0; // of what is typed and not kept yet
let gone = -Infinity; // when G was pressed: the letter after it leads to a page, see keys.js

document.addEventListener("keydown", (event) => {
  const after = performance.now() - gone < GO;
  gone = event.key.toLowerCase() === "g" ? performance.now() : -Infinity;
  const free = !after && !event.defaultPrevented && !event.ctrlKey && !event.metaKey && !event.altKey && !event.repeat && !event.isComposing;
  if (!link || !free || event.key.toLowerCase() !== "q" || document.documentElement.dataset.singleKeys === "off") return;
  if (document.querySelector("dialog[open], .pop:popover-open") || event.target.closest?.("input, textarea, select, [contenteditable], summary")) return;
  event.preventDefault();
  openSheet(link.href);
});
document.addEventListener("sheet", (event) => prepare(event.detail));
prepare(document);

function prepare(root) {
  if (root.matches?.("[data-done]") || root.querySelector?.("[data-done]")) {
    clearTimeout(timer);
    return localStorage.removeItem(KEEP);
  }
  const form = root.querySelector("form[data-entry]");
  if (!form) return;
  if (!form.querySelector(".errs, .files")) restore(form);
  form.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(() => keep(form), PAUSE);
  });
  form.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) event.preventDefault(), form.requestSubmit(form.querySelector('[value="save"]'));
  });
  find(form);
}

function keep(form) {
  const data = Object.fromEntries(KEPT.map((name) => [name, new FormData(form).get(name) ?? ""]));
  if (!data.text && !data.name && !data.phone && !data.email && !data.answer) return localStorage.removeItem(KEEP);
  localStorage.setItem(KEEP, JSON.stringify({ me: document.body.dataset.me, data }));
}

/** What this person typed before and did not send. */
function restore(form) {
  let kept = null;
  try {
    kept = JSON.parse(localStorage.getItem(KEEP));
  } catch {
    // what cannot be read is no draft
  }
  if (!kept || kept.me !== document.body.dataset.me) return;
  for (const [name, value] of Object.entries(kept.data)) {
    const field = form.elements[name];
    const typed = field?.defaultValue !== undefined && field.type !== "hidden" && field.value !== field.defaultValue;
    if (field && value && !typed) field.value = value;
  }
  const told = form.querySelector(".back");
  told.hidden = false;
  told.replaceChildren(t("compose.draft_back"), " ", make("button", { type: "button", className: "btn s q", onclick: () => {
    localStorage.removeItem(KEEP);
    openSheet(link.href);
  } }, t("entry.forget")));
}

/** Suggestions while somebody types a name, a number or an address. */
function find(form) {
  const field = form.querySelector("[data-find]");
  const place = form.querySelector(".people");
  const chosen = form.querySelector('input[type="hidden"][name="contact"]');
  let timer = 0;
  let asked = 0;
  field.addEventListener("keydown", (event) => event.key === "Enter" && event.preventDefault());
  field.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(ask, PAUSE);
  });
  async function ask() {
    const mine = ++asked;
    if (field.value.trim().length < 3) return place.replaceChildren();
    const answer = await fetch(`${field.dataset.find}?${new URLSearchParams({ q: field.value })}`, { headers: { Accept: "application/json" } }).catch(() => null);
    if (!answer?.ok || mine !== asked) return;
    const { found } = await answer.json();
    place.replaceChildren(...(found.length ? found.map(offer) : [make("p", { className: "note-line" }, t("entry.nobody"))]));
  }
  function offer(one) {
    return make("button", { type: "button", className: "person", onclick: () => {
      chosen.value = one.id;
      form.elements.name.value = one.name;
      form.elements.phone.value = form.elements.email.value = "";
      place.replaceChildren(make("p", { className: "note-line" }, `${t("entry.known")} ${one.addresses.join(" · ")}`));
      form.elements.text.focus();
    } }, make("b", {}, one.name || t("card.nobody_known")), ` ${one.addresses.join(" · ")} · ${t("entry.conversations", { n: one.n })}`);
  }
}
