// The button that shows a password while it is typed. Without this script the button stays hidden.

for (const button of document.querySelectorAll("button[data-show]")) {
  const field = document.getElementById(button.dataset.show);
  button.hidden = false;
  button.addEventListener("click", () => {
    const shown = field.type === "password";
    field.type = shown ? "text" : "password";
    button.setAttribute("aria-pressed", String(shown));
    field.focus();
  });
  // what was shown must not be kept by the browser as ordinary text
  field.form.addEventListener("submit", () => { field.type = "password"; });
}
