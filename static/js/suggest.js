// Suggestions while one types: canned answers after a slash, colleagues after an @. A list under the text gets shorter
// with each letter; arrows and Enter choose, or a click.

import { make } from "./fragment.js";
import { say } from "./say.js";
import { t } from "./words.js";

const SLASH = /(?:^|\s)\/([^/\n]{0,40})$/;
const AT = /(?:^|\s)@([^@\n]{0,40})$/;
const FRESH = 60_000; // milliseconds after which the canned answers are asked for again
const SHOWN = 50;

/** Canned answers in the answer of a conversation. */
export function offerCanned(form, reference) {
  let asked = -Infinity;
  let all = null;
  const ask = async () => {
    const answer = await fetch(`/gesprek/${reference}/standaardantwoorden`, { headers: { Accept: "application/json" } }).catch(() => null);
    if (answer?.ok) return answer.json();
    asked = -Infinity; // the next letter asks again
    return [];
  };
  const load = () => {
    if (performance.now() - asked > FRESH) asked = performance.now(), all = ask();
    return all;
  };
  const begin = suggest(form.elements.text, SLASH, "canned", load, ({ id }) => {
    if (!form.querySelector(`[name="canned"][value="${id}"]`)) form.append(make("input", { type: "hidden", name: "canned", value: id }));
  });
  form.addEventListener("reset", () => form.querySelectorAll('[name="canned"]').forEach((one) => one.remove()));
  const button = form.querySelector("[data-canned]");
  button.hidden = false;
  button.addEventListener("click", () => begin("/"));
}

/** Colleagues in a note, each as [id, name]. */
export function offerColleagues(form, people) {
  const me = Number(document.body.dataset.me);
  const all = people.filter(([id]) => id !== me).map(([id, name]) => ({ id, name, text: `@${name} ` }));
  suggest(form.elements.text, AT, "mention", async () => all, () => {});
}

/** Suggest in a field what `load` gives, [{id, name, text}], after what `pattern` finds before the cursor: its group is
 *  what to look for, and the sign before it goes too. `words` begins the keys of what is said. Gives a function that
 *  begins with a sign. */
function suggest(field, pattern, words, load, chosen) {
  const list = make("div", { id: `${words}-list`, className: "suggestions", hidden: true, aria: { role: "listbox", label: t(`${words}.title`) } });
  let shown = [];
  let turn = 0; // what was asked before the last letter, or before the list was closed, comes too late
  field.after(list);
  field.setAttribute("aria-controls", list.id);
  field.setAttribute("aria-autocomplete", "list");

  const typed = () => (field.selectionStart === field.selectionEnd ? pattern.exec(field.value.slice(0, field.selectionStart))?.[1] ?? null : null);

  const close = () => {
    turn += 1;
    list.hidden = true;
    field.removeAttribute("aria-activedescendant");
  };

  const choose = (at) => {
    const wanted = (at + shown.length) % shown.length;
    for (const [n, option] of [...list.children].entries()) option.setAttribute("aria-selected", n === wanted);
    const option = list.children[wanted];
    field.setAttribute("aria-activedescendant", option.id);
    option.scrollIntoView({ block: "nearest" });
  };

  const insert = (one) => {
    const caret = field.selectionStart;
    const from = caret - typed().length - 1;
    close();
    field.setRangeText(one.text, from, caret, "end");
    chosen(one);
    field.dispatchEvent(new Event("input", { bubbles: true }));
    field.focus();
  };

  const draw = async () => {
    const wanted = typed();
    if (wanted === null) return close();
    const mine = ++turn;
    const all = await load();
    if (mine !== turn) return;
    shown = matching(all, wanted);
    const whole = all.some((one) => one.text === `@${wanted}`);
    if (words === "mention" && (whole || !shown.length)) return close(); // done, or only an @
    const told = shown.length ? t(`${words}.found`, { n: shown.length }) : t(all.length ? "canned.none" : "canned.empty");
    list.replaceChildren(...shown.map((one, n) => make("div", { id: `${words}-${n}`, aria: { role: "option" }, onmousedown: (event) => event.preventDefault(), onclick: () => insert(one) },
      make("b", {}, one.name), ...(one.text.trim() === `@${one.name}` ? [] : [make("span", {}, one.text)]))));
    if (!shown.length) list.replaceChildren(make("p", { className: "note-line" }, told));
    if (list.hidden) list.hidden = false, list.scrollIntoView({ block: "nearest" }), say(told);
    if (shown.length) choose(0);
    else field.removeAttribute("aria-activedescendant");
  };

  field.addEventListener("input", draw);
  field.addEventListener("blur", close);
  field.addEventListener("keydown", (event) => {
    if (list.hidden || event.isComposing) return;
    const at = shown.findIndex((_, n) => list.children[n].getAttribute("aria-selected") === "true");
    const does = { ArrowDown: () => choose(at + 1), ArrowUp: () => choose(at - 1), Enter: () => insert(shown[at]), Tab: () => insert(shown[at]) }[event.key];
    if (event.key === "Escape") close();
    else if (does && shown.length && !event.ctrlKey && !event.metaKey) does();
    else return;
    event.preventDefault();
    event.stopPropagation();
  });
  return (sign) => {
    field.focus();
    const before = field.value.slice(0, field.selectionStart);
    if (typed() === null) field.setRangeText(before === "" || /\s$/.test(before) ? sign : ` ${sign}`, field.selectionStart, field.selectionEnd, "end");
    field.dispatchEvent(new Event("input", { bubbles: true }));
  };
}

/** Those with all the words in their name, and then those that have them in their text. */
function matching(all, wanted) {
  const parts = plain(wanted).split(/\s+/).filter(Boolean);
  const has = (text) => parts.every((part) => plain(text).includes(part));
  const byName = all.filter((one) => has(one.name));
  return [...byName, ...all.filter((one) => !byName.includes(one) && has(`${one.name} ${one.text}`))].slice(0, SHOWN);
}

const plain = (text) => text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();
