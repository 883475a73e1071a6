// A conversation over the right half of the board, on a wide screen. It is the conversation's own page in a frame, so
// it is as live and as careful as the page itself. Elsewhere, and with a modifier key, a link stays a link.

import { icon, make } from "./fragment.js";
import { isOpen } from "./menu.js";
import { t } from "./words.js";

const WIDE = matchMedia("(min-width: 1200px)");
const BUSY = "dialog[open], :popover-open, .do details[open]"; // Escape is for these first
let sheet = null;
let card = "";

/** Links of cards open beside the board. */
export function allowSheet(root) {
  root.addEventListener("click", (event) => {
    const link = event.target.closest("article.card h3 a");
    if (!link || event.defaultPrevented || event.button || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
    if (openSheet(link)) event.preventDefault();
  });
  document.addEventListener("keydown", (event) => event.key === "Escape" && sheet && !event.defaultPrevented && !isOpen() && !root.querySelector(".selected") && closeSheet());
}

/** Open a card's conversation here; false where there is no room. `hash` chooses the tab of the composer. */
export function openSheet(link, hash = "") {
  if (!WIDE.matches) return false;
  card = link.closest("article.card").dataset.id;
  sheet ??= build();
  const frame = sheet.querySelector("iframe");
  const full = sheet.querySelector("a");
  full.href = link.href;
  frame.title = link.textContent.trim();
  sheet.querySelector("h2").textContent = frame.title;
  frame.src = `${link.href}?blad=1${hash}`;
  mark();
  frame.focus();
  return true;
}

function build() {
  const close = make("button", { type: "button", className: "ib", onclick: closeSheet, title: "Esc", aria: { label: t("beside.close") } }, icon("x"));
  const full = make("a", { className: "btn s" }, icon("up"), t("beside.full"));
  const frame = make("iframe", {});
  frame.addEventListener("load", loaded);
  const made = make("section", { className: "beside", aria: { labelledby: "beside-title" } },
    make("header", {}, make("h2", { id: "beside-title" }), full, close), frame);
  document.getElementById("content").append(made);
  document.documentElement.classList.add("with-sheet");
  return made;
}

/** The page in the frame is there: its Escape closes the sheet, and who works in it begins at the thread. */
function loaded({ target: frame }) {
  const page = frame.contentDocument;
  if (!page?.getElementById("desk")) return;
  page.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || event.defaultPrevented || event.isComposing) return;
    const open = page.querySelector(BUSY);
    if (!open) return closeSheet();
    if (open.matches("details")) open.open = false, open.querySelector("summary").focus();
  });
  if (document.activeElement === frame && page.activeElement === page.body) page.getElementById("thread").focus();
}

/** Away with it; the focus goes back to the card, or to what stands where it stood. */
export function closeSheet() {
  sheet?.remove();
  sheet = null;
  document.documentElement.classList.remove("with-sheet");
  const link = document.querySelector(`#c-${card} h3 a`);
  card = "";
  mark();
  (link ?? document.querySelector(".column h2"))?.focus();
}

/** Which card is open: said on it, also after it was drawn anew. */
export function mark() {
  for (const one of document.querySelectorAll(".board article.card.current")) if (one.dataset.id !== card) one.classList.remove("current");
  if (card) document.getElementById(`c-${card}`)?.classList.add("current");
}
