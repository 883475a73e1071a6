// Whether the visitor of a chat is there and types: on cards and beside the thread. What may be lost is kept nowhere.

import { clock, now } from "./time.js";
import { t } from "./words.js";

const states = new Map(); // reference -> {here, types, since}

/** The live socket says who is there. */
export function heardVisits(entries) {
  for (const { id, here, types } of entries) {
    const before = states.get(id);
    states.set(id, { here, types, since: here ? now() : (before?.here && before.since) || before?.since });
    show(document, id);
  }
}

/** Fragments that were just made say what is known. */
export function showVisits(within) {
  for (const node of within.querySelectorAll("[data-visit]")) write(node, states.get(node.dataset.visit));
}

function show(within, id) {
  for (const node of within.querySelectorAll(`[data-visit="${CSS.escape(id)}"]`)) write(node, states.get(id));
  for (const node of within.querySelectorAll(`[data-typing="${CSS.escape(id)}"]`)) {
    const words = states.get(id).types ? t("visit.types_long") : "";
    if (node.textContent !== words) node.textContent = words;
  }
}

function write(node, state) {
  const onCard = node.closest("article.card");
  if (!state) return;
  node.hidden = false;
  node.dataset.here = state.types ? "types" : state.here ? "yes" : "no";
  const gone = onCard || !state.since ? t("visit.gone") : t("visit.gone_since", { time: clock(state.since) });
  const words = state.types && onCard ? t("visit.types") : state.here ? t("visit.here") : gone;
  const place = node.querySelector(".words");
  if (place.textContent !== words) place.textContent = words;
}
