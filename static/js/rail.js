// The counts in the menu: what nobody took yet, and what this person has to do now. Kept true by the same changes as
// the cards.

const RULES = { board: [{}, ["new"]], mine: [{ assignees: [Number(document.body.dataset.me)] }, ["open"]] };

/** Count from what `page` says, and show it on this one. */
export function countRail(store, page = document) {
  for (const badge of page.querySelectorAll(".nav [data-rail]")) {
    const [rule, states] = RULES[badge.dataset.rail];
    store.count(rule, states, Number(badge.dataset.n), (n) => showBadge(badge.dataset.rail, n));
  }
}

export function showBadge(name, n) {
  const badge = document.querySelector(`.nav [data-rail="${name}"]`);
  if (!badge) return;
  badge.dataset.n = n;
  badge.hidden = n === 0;
  badge.firstElementChild.textContent = n;
}

/** What changed, for a page that shows no cards. */
export function countEntries(store, entries) {
  for (const { id, k, a, b } of entries) if (k === "card" || k === "gone") store.changed(id, b ?? null, a ?? null);
}
