// Beheer: shows what saving would change before it is saved, and copies text for the ICT department. Without it the
// forms do the same after a press on their buttons.

const form = document.querySelector("form[data-changes]");
const list = document.querySelector("[data-changes-list]");
const count = document.querySelector("[data-changes-count]");

if (form && list && count && !list.querySelector("li")) {
  form.addEventListener("input", show);
  form.addEventListener("change", show);
  window.addEventListener("pageshow", show); // the browser may have filled the form in again
  window.addEventListener("beforeunload", (event) => { if (!sending && changes().length) event.preventDefault(); });
}
let sending = false;
form?.addEventListener("submit", () => { sending = true; });
document.querySelector(".save.stick a")?.addEventListener("click", () => { sending = true; });

for (const button of document.querySelectorAll("[data-copy]")) {
  if (!navigator.clipboard) continue; // only on https and on this computer itself
  button.hidden = false;
  button.addEventListener("click", () => copy(button));
}
document.getElementById("problems")?.focus();

async function copy(button) {
  await navigator.clipboard.writeText(document.getElementById(button.dataset.copy).value);
  const said = document.querySelector("[data-copied]");
  said.textContent = said.dataset.copied;
}

function show() {
  const found = changes();
  list.hidden = count.hidden = found.length === 0;
  list.querySelector(".cnt").textContent = found.length;
  const words = found.length === 1 ? count.dataset.one : count.dataset.other;
  count.querySelector("b").textContent = words.replace("{n}", found.length);
  list.querySelector("ul").replaceChildren(...found.map(line));
}

function line([label, before, after]) {
  const item = document.createElement("li");
  const [gone, come] = [document.createElement("del"), document.createElement("ins")];
  [gone.textContent, come.textContent] = [before || list.dataset.nothing, after || list.dataset.nothing];
  item.append(`${label}: `, gone, " ", come);
  return item;
}

function changes() {
  return [...form.elements].filter((field) => field.name && field.type !== "submit" && isChanged(field)).map((field) => [label(field), ...values(field)]);
}

function isChanged(field) {
  if (field.type === "checkbox") return field.checked !== field.defaultChecked;
  if (field.type === "select-one") return field.selectedOptions[0] !== chosen(field);
  return field.value !== field.defaultValue;
}

function values(field) {
  if (field.type === "password") return ["", list.dataset.replaced]; // never in sight
  if (field.type === "checkbox") return field.checked ? [list.dataset.no, list.dataset.yes] : [list.dataset.yes, list.dataset.no];
  if (field.type === "select-one") return [chosen(field)?.text, field.selectedOptions[0]?.text];
  return [field.defaultValue, field.value];
}

function chosen(field) {
  return [...field.options].find((option) => option.defaultSelected) ?? field.options[0];
}

function label(field) {
  const words = field.labels?.[0];
  const text = words?.classList.contains("opt") ? words.querySelector("span") : words;
  return field.getAttribute("aria-label") ?? text?.firstChild.textContent.trim() ?? field.name;
}
