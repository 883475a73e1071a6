// A page of ours in a dialog: what a link with `data-sheet` leads to. Without this the link simply opens the page.

import { make, parsePage } from "./fragment.js";
import { t } from "./words.js";

let dialog = null;

document.addEventListener("click", (event) => {
  const link = event.target.closest?.("a[data-sheet], a[data-close]");
  if (!link || event.button || event.ctrlKey || event.metaKey || event.shiftKey) return;
  if (link.matches("[data-close]")) {
    if (!dialog) return;
    event.preventDefault();
    return dialog.close();
  }
  event.preventDefault();
  openSheet(link.href);
});

/** Show a page's `.sheet-body` in a dialog. What cannot be fetched is opened as a page. */
export async function openSheet(address) {
  const body = await fetched(address, {});
  if (!body) return location.assign(address);
  dialog?.close();
  dialog = make("dialog", { className: "sheet wide", aria: { labelledby: "sheet-title" } }, body);
  dialog.addEventListener("close", closed);
  dialog.addEventListener("submit", submitted);
  document.body.append(dialog);
  dialog.showModal();
  shown();
}

function shown() {
  dialog.dispatchEvent(new CustomEvent("sheet", { bubbles: true, detail: dialog.firstElementChild }));
  dialog.querySelector("[autofocus]")?.focus();
}

function closed() {
  const changed = dialog.dataset.changed;
  dialog.remove();
  dialog = null;
  if (changed) location.reload(); // the numbers behind it are no longer true
}

/** A form in the dialog: its answer takes the dialog's place. */
async function submitted(event) {
  const form = event.target;
  if (form.method === "dialog") return;
  event.preventDefault();
  if (form.dataset.busy) return;
  form.dataset.busy = "yes";
  const data = new FormData(form, event.submitter);
  const body = form.method === "get" ? await fetched(`${form.action}?${new URLSearchParams(data)}`, {})
    : await fetched(form.action, { method: "POST", body: form.enctype === "multipart/form-data" ? data : new URLSearchParams(data) });
  delete form.dataset.busy;
  if (!dialog) return;
  if (!body) return fail(form);
  if (form.method === "post" && document.getElementById("stand")) dialog.dataset.changed = "yes";
  dialog.replaceChildren(body);
  shown();
}

function fail(form) {
  form.querySelector(".error")?.remove();
  form.prepend(make("p", { className: "error", aria: { role: "alert" } }, t("say.failed")));
}

async function fetched(address, options) {
  try {
    const answer = await fetch(address, { headers: { Accept: "text/html" }, ...options });
    return document.adoptNode(parsePage(await answer.text()).querySelector(".sheet-body"));
  } catch {
    return null;
  }
}
