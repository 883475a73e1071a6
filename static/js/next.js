// Volgende voor mij: one press takes the oldest that nobody has and nobody else looks at, and opens it.

import { own, remember } from "./act.js";
import { openSheet } from "./beside.js";
import { alarm } from "./say.js";
import { ownOver } from "./verbs.js";
import { t } from "./words.js";

let busy = false;

/** The buttons do it here; without this they are a form. */
export function allowNext() {
  document.getElementById("next")?.addEventListener("submit", (event) => {
    event.preventDefault();
    takeNext();
  });
}

/** Take the next one. Pressing twice is once. */
export async function takeNext() {
  const form = document.getElementById("next");
  if (!form || busy) return;
  busy = true;
  try {
    const answer = await fetch(form.action, { method: "POST", headers: { Accept: "application/json" }, body: new URLSearchParams(new FormData(form)) });
    const told = await answer.json();
    if (!answer.ok) return alarm(typeof told.error === "string" ? told.error : t("say.failed"));
    own.set(told.id, performance.now());
    const link = document.querySelector(`#c-${told.id} h3 a`);
    if (!link || !openSheet(link)) return (location.href = told.url);
    remember("claim", told.key, [told.id], t("say.next", { title: link.textContent.trim() }) + ownOver());
  } catch {
    alarm(t("say.failed"));
  } finally {
    busy = false;
  }
}
