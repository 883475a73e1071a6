// What JavaScript adds to a public form. Everything works without it.

for (const area of document.querySelectorAll("textarea[data-most]")) {
  const line = document.getElementById(`${area.id}-left`);
  const numbers = new Intl.NumberFormat(document.documentElement.lang);
  const words = line.dataset;
  const count = () => {
    const left = Number(area.dataset.most) - area.value.trim().length;
    line.textContent = (left < 0 ? words.over : words.left).replace("{n}", numbers.format(Math.abs(left)));
  };
  area.addEventListener("input", count);
  if (area.value) count();
}

for (const button of document.querySelectorAll("[data-print]")) {
  button.hidden = false;
  button.addEventListener("click", () => window.print());
}

// in a frame the browser does not do this by itself
if (window.top !== window) document.querySelector(".utrecht-alert, .rcv h1")?.focus();

// a link in the summary of mistakes leads to the first control of its question
document.querySelector(".utrecht-alert")?.addEventListener("click", (event) => {
  const target = event.target.closest("a")?.hash;
  const field = target && document.getElementById(decodeURIComponent(target.slice(1)));
  const control = field?.matches("fieldset") ? field.querySelector("input") : field;
  if (control) {
    event.preventDefault();
    control.focus();
    field.scrollIntoView({ block: "start" });
  }
});
