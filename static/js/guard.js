// What should perhaps not go out: a citizen service number or bank account in any answer, and in a public one also a
// telephone number or mail address. A warning, never a wall: who looked may send.

import { make } from "./fragment.js";
import { t } from "./words.js";

const NINE = /(?<![\d.,+-])\d(?:[ .]?\d){8}(?![\d-]|[.,]\d)/g;
const IBAN = /\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]){11,30}\b/gi;
const PHONE = /(?<!\d)(?:\+31|0031|0)[ -]?(?:\d[ -]?){9}(?!\d)/;
const MAIL = /(?<![^\s<>(,;])[^\s@<>(,;]+@[^\s@<>]+\.[^\s@<>.]{2,}/; // not @name@server, which is no mail address

/** Which of "bsn", "iban", "phone" and "mail" a text seems to hold. */
export function found(text, isPublic) {
  const kinds = [];
  if ((text.match(NINE) ?? []).some(isBsn)) kinds.push("bsn");
  if ((text.match(IBAN) ?? []).some(isIban)) kinds.push("iban");
  if (isPublic && PHONE.test(text)) kinds.push("phone");
  if (isPublic && MAIL.test(text)) kinds.push("mail");
  return kinds;
}

/** The eleven test, with the last digit counting as minus one. */
function isBsn(text) {
  const digits = [...text.replace(/\D/g, "")].map(Number);
  const sum = digits.reduce((total, digit, at) => total + digit * (at === 8 ? -1 : 9 - at), 0);
  return sum !== 0 && sum % 11 === 0;
}

/** ISO 13616: the number that letters and digits make leaves 1 when divided by 97. */
function isIban(text) {
  const plain = text.replace(/ /g, "").toUpperCase();
  const digits = [...plain.slice(4) + plain.slice(0, 4)].map((one) => parseInt(one, 36)).join("");
  return [...digits].reduce((rest, digit) => (rest * 10 + Number(digit)) % 97, 0) === 1;
}

/** Warn above the text while it is typed; what was not seen yet holds the answer back once. */
export function guard(form) {
  const box = form.querySelector(".guard");
  const isPublic = document.getElementById("composer").dataset.public === "yes";
  let told = "";
  const look = () => {
    const kinds = found(form.elements.text.value, isPublic);
    const words = kinds.map((kind) => t(`guard.${kind}`)).join(" ");
    if (words === told) return;
    told = words;
    box.hidden = !words;
    const seen = make("input", { type: "checkbox" });
    box.replaceChildren(make("span", {}, words), make("label", { className: "check" }, seen, ` ${t("guard.sure")}`));
  };
  form.elements.text.addEventListener("input", look);
  form.elements.text.addEventListener("emptied", look);
  look();
  form.addEventListener("submit", (event) => {
    look();
    const seen = box.querySelector("input");
    if (box.hidden || seen.checked) return;
    event.preventDefault();
    seen.focus();
  });
}
