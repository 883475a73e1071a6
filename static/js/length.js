// How long a text is as a platform counts, as connectors/length.py does on the server: a link counts `link`, of a
// @name@server only @name, and what a person sees as one sign is one. Before the text come the names it lacks.

import { t } from "./words.js";

const LINK = /https?:\/\/\S+/gi;
const HANDLE = /(?<![A-Za-z0-9_/@])@(\w+(?:[.-]\w+)*)@[\w.-]+\w/g;
const signs = globalThis.Intl?.Segmenter ? new Intl.Segmenter("nl", { granularity: "grapheme" }) : null;

/** The text with the names of `names` that it does not hold yet. */
export function addressed(text, names) {
  const lacking = names.filter((name) => !new RegExp(`(?<![\\w@])@${escaped(name)}(?![\\w-]|[@.]\\w)`, "i").test(text));
  return [...lacking.map((name) => `@${name}`), text].join(" ");
}

/** The length of a text. `link` 0: a link's own length; `handles`: of @name@server only @name counts. */
export function counted(text, { link = 0, handles = false } = {}) {
  if (link) text = text.replace(LINK, "x".repeat(link));
  if (handles) text = text.replace(HANDLE, "@$1");
  text = text.normalize("NFC");
  return signs ? [...signs.segment(text)].length : [...text].length;
}

/** Show beside a form's text how much of the platform's length is used, and tell when it is too much. */
export function showLength(form) {
  const place = form.querySelector("[data-limit]");
  if (!place) return;
  const { text, subject } = form.elements;
  const names = place.dataset.names ? place.dataset.names.split(" ") : [];
  const rules = { link: Number(place.dataset.link), handles: "handles" in place.dataset };
  const most = Number(place.dataset.limit);
  const show = () => {
    const n = counted(addressed(text.value.trim(), names) + place.dataset.signature + (subject?.value ?? ""), rules);
    const over = n > most;
    place.textContent = over ? t("compose.over", { n: n - most }) : t("compose.length", { n, most });
    if (over !== place.classList.contains("over")) place.setAttribute("aria-live", over ? "polite" : "off");
    place.classList.toggle("over", over);
    text.setAttribute("aria-invalid", over);
  };
  for (const field of [text, subject]) field?.addEventListener("input", show);
  form.addEventListener("reset", () => queueMicrotask(show));
  show();
}

/** A field for each chosen file, to say what is on it for who cannot see it. */
export function askDescriptions(form) {
  const place = form.querySelector("[data-descriptions]");
  const files = form.querySelector('input[type="file"]');
  if (!place || !files) return;
  const ask = () => {
    place.replaceChildren(...[...files.files].map((file) => {
      const label = document.createElement("label");
      const field = document.createElement("input");
      Object.assign(field, { name: "description", maxLength: 1500, autocomplete: "off" });
      label.append(t("compose.description_of", { name: file.name }), " ", field);
      return label;
    }));
    place.hidden = !files.files.length;
  };
  files.addEventListener("change", ask);
  form.addEventListener("reset", () => queueMicrotask(ask));
  ask();
}

const escaped = (text) => text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
