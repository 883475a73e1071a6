// Menus and small dialogs: the single-pointer and keyboard twin of everything that can be dragged.

import { icon, make } from "./fragment.js";
import { t } from "./words.js";

const sheet = new CSSStyleSheet();
document.adoptedStyleSheets = [...document.adoptedStyleSheets, sheet];
let open = null;

/** Whether a menu or dialog is open. */
export const isOpen = () => open !== null || document.querySelector("dialog[open]") !== null;

/** Choose from a list beside `anchor`. Options: {value, text, icon, checked}. Gives the value, or undefined. */
export function choose(anchor, title, options) {
  close();
  return new Promise((resolve) => {
    const menu = make("div", { className: "pop", popover: "auto", aria: { role: "menu", label: title } });
    const items = options.map((option) => item(option));
    menu.append(...items);
    document.body.append(menu);
    open = { menu, anchor, card: anchor.closest("article.card"), result: undefined };
    const mine = open;
    menu.addEventListener("click", (event) => {
      const picked = event.target.closest("button");
      if (picked) mine.result = options[items.indexOf(picked)].value, menu.hidePopover();
    });
    menu.addEventListener("keydown", (event) => walk(event, items, menu));
    menu.addEventListener("toggle", (event) => event.newState === "closed" && finish(mine, resolve));
    menu.showPopover();
    position(menu, anchor);
    mark(open, true);
    (items.find((one) => one.getAttribute("aria-checked") === "true") ?? items[0])?.focus();
  });
}

/** Tick any number of labels. Gives the ids, or undefined. */
export function tick(anchor, title, options) {
  const boxes = options.map(({ value, text, checked }) => make("label", { className: "check" }, make("input", { type: "checkbox", name: "ids", value, checked }), ` ${text}`));
  return ask(title, [make("div", { className: "ticks" }, ...boxes)], t("form.save")).then((form) => form?.getAll("ids").map(Number));
}

/** A dialog with fields, or with something to read when it has no `button`. Gives FormData, or undefined. */
export function ask(title, fields, button) {
  return new Promise((resolve) => {
    const form = make("form", { method: "dialog" }, make("h2", { id: "sheet-title" }, title), ...fields,
      make("div", { className: "buttons" }, make("button", { type: "button", className: "btn", onclick: () => dialog.close() }, t(button ? "form.cancel" : "menu.close")), ...(button ? [make("button", { className: "btn p", value: "ok" }, button)] : [])));
    const dialog = make("dialog", { className: "sheet", aria: { labelledby: "sheet-title" } }, form);
    document.body.append(dialog);
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(dialog.returnValue === "ok" ? new FormData(form) : undefined);
    });
    dialog.showModal();
  });
}

/** A labelled field for `ask`. */
export function field(name, label, properties = {}) {
  return make("label", {}, label, make("input", { name, required: true, ...properties }));
}

export function close() {
  open?.menu.hidePopover();
}

function item({ text, icon: name, checked }) {
  const role = checked === undefined ? "menuitem" : "menuitemradio";
  const node = make("button", { type: "button", tabIndex: -1, className: "item", aria: { role } }, ...(name ? [icon(name)] : []), text);
  if (checked !== undefined) node.setAttribute("aria-checked", checked);
  return node;
}

function walk(event, items, menu) {
  const at = items.indexOf(document.activeElement);
  const step = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: items.length - 1 }[event.key];
  if (step !== undefined) {
    event.preventDefault();
    items.at(step % items.length).focus();
  } else if (event.key === "Tab") {
    event.preventDefault();
    menu.hidePopover();
  } else if (event.key.length === 1 && !event.ctrlKey && !event.metaKey && !event.altKey) {
    const digit = Number(event.key) - 1;
    const letter = event.key.toLowerCase();
    const after = [...items.slice(at + 1), ...items.slice(0, at + 1)];
    (items[digit] ?? after.find((one) => one.textContent.trim().toLowerCase().startsWith(letter)))?.focus();
    event.stopPropagation();
  }
}

function finish(mine, resolve) {
  if (open === mine) open = null;
  mark(mine, false);
  const inside = mine.menu.contains(document.activeElement) || document.activeElement === document.body;
  mine.menu.remove();
  const anchor = mine.anchor.isConnected ? mine.anchor : mine.card?.querySelector(".menu");
  if (inside) anchor?.focus();
  resolve(mine.result);
}

function mark({ anchor, card }, opened) {
  const button = anchor.isConnected ? anchor : card?.querySelector(".menu");
  if (button?.hasAttribute("aria-haspopup")) button.setAttribute("aria-expanded", opened);
  card?.classList.toggle("open", opened);
}

/** Below the button when there is room, else above it; a rule of our own, for the page allows no inline style. */
function position(menu, anchor) {
  const at = anchor.getBoundingClientRect();
  const { offsetWidth: width, offsetHeight: height } = menu;
  const top = at.bottom + height + 8 < innerHeight ? at.bottom + 4 : Math.max(8, at.top - height - 4);
  const left = Math.min(Math.max(8, at.right - width), innerWidth - width - 8);
  sheet.replaceSync(`.pop[popover] { position: fixed; margin: 0; inset: ${Math.round(top)}px auto auto ${Math.round(left)}px; }`);
}
