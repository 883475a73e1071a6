// Canned answers: after a slash in an answer, or with the button, a list that gets shorter while one types.

import { make } from "./fragment.js";
import { say } from "./say.js";
import { t } from "./words.js";

const SLASH = /(?:^|\s)\/([^/\n]{0,40})$/;
const FRESH = 60_000; // milliseconds after which the list is asked for again
const SHOWN = 50;

/** Offer them in the text of a form. */
export function offerCanned(form, reference) {
  const text = form.elements.text;
  const button = form.querySelector("[data-canned]");
  const list = make("div", { id: "canned-list", className: "canned", hidden: true, aria: { role: "listbox", label: t("canned.title") } });
  let all = [];
  let asked = -Infinity;
  let shown = [];
  text.after(list);
  text.setAttribute("aria-controls", list.id);
  text.setAttribute("aria-autocomplete", "list");

  const close = () => {
    list.hidden = true;
    text.removeAttribute("aria-activedescendant");
  };

  const choose = (at) => {
    const wanted = (at + shown.length) % shown.length;
    for (const [n, option] of [...list.children].entries()) option.setAttribute("aria-selected", n === wanted);
    const option = list.children[wanted];
    text.setAttribute("aria-activedescendant", option.id);
    option.scrollIntoView({ block: "nearest" });
  };

  const draw = () => {
    const typed = typedIn(text);
    if (typed === null) return close();
    shown = matching(all, typed);
    list.replaceChildren(...shown.map((one, n) => make("div", { id: `canned-${n}`, aria: { role: "option" }, onmousedown: (event) => event.preventDefault(), onclick: () => insert(one) },
      make("b", {}, one.name), make("span", {}, one.text))));
    if (!shown.length) list.replaceChildren(make("p", { className: "note-line" }, t(all.length ? "canned.none" : "canned.empty")));
    if (list.hidden) say(shown.length ? t("canned.found", { n: shown.length }) : t(all.length ? "canned.none" : "canned.empty"));
    if (list.hidden) list.hidden = false, list.scrollIntoView({ block: "nearest" });
    if (shown.length) choose(0);
    else text.removeAttribute("aria-activedescendant");
  };

  const begin = async () => {
    if (typedIn(text) === null) return close();
    if (performance.now() - asked > FRESH) {
      const answer = await fetch(`/gesprek/${reference}/standaardantwoorden`, { headers: { Accept: "application/json" } }).catch(() => null);
      if (answer?.ok) all = await answer.json(), asked = performance.now();
    }
    draw();
  };

  const insert = (one) => {
    close();
    const caret = text.selectionStart;
    const from = caret - typedIn(text).length - 1;
    text.setRangeText(one.text, from, caret, "end");
    if (!form.querySelector(`[name="canned"][value="${one.id}"]`)) form.append(make("input", { type: "hidden", name: "canned", value: one.id }));
    text.dispatchEvent(new Event("input", { bubbles: true }));
    text.focus();
  };

  text.addEventListener("input", begin);
  text.addEventListener("blur", close);
  text.addEventListener("keydown", (event) => {
    if (list.hidden || event.isComposing) return;
    const at = shown.findIndex((_, n) => list.children[n].getAttribute("aria-selected") === "true");
    const does = { ArrowDown: () => choose(at + 1), ArrowUp: () => choose(at - 1), Enter: () => insert(shown[at]), Tab: () => insert(shown[at]) }[event.key];
    if (event.key === "Escape") close();
    else if (does && shown.length) does();
    else return;
    event.preventDefault();
    event.stopPropagation();
  });
  form.addEventListener("reset", () => form.querySelectorAll('[name="canned"]').forEach((one) => one.remove()));
  button.hidden = false;
  button.addEventListener("click", () => {
    text.focus();
    const before = text.value.slice(0, text.selectionStart);
    if (typedIn(text) === null) text.setRangeText(before === "" || /\s$/.test(before) ? "/" : " /", text.selectionStart, text.selectionEnd, "end");
    text.dispatchEvent(new Event("input", { bubbles: true }));
  });
}

/** What stands between the slash and the cursor; null: no slash that asks for an answer. */
function typedIn(text) {
  return text.selectionStart === text.selectionEnd ? SLASH.exec(text.value.slice(0, text.selectionStart))?.[1] ?? null : null;
}

/** Those with all the words in their name, and then those that have them in their text. */
function matching(all, typed) {
  const words = plain(typed).split(/\s+/).filter(Boolean);
  const has = (text) => words.every((word) => plain(text).includes(word));
  const named = all.filter((one) => has(one.name));
  return [...named, ...all.filter((one) => !named.includes(one) && has(`${one.name} ${one.text}`))].slice(0, SHOWN);
}

const plain = (text) => text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();
