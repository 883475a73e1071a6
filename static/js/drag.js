// Dragging a card with a mouse to another column, or in the layout by team to a team or a person. Its twins are in the
// card's menu, with the keys M, T and A.

import { giveTeam, giveTo, moveTo } from "./verbs.js";

/** Let cards be dragged between the columns of the board. */
export function allowDragging(places) {
  const { root } = places;
  let dragged = null;
  root.addEventListener("pointerdown", (event) => {
    const card = event.target.closest("article.card");
    if (!card || event.pointerType !== "mouse" || event.target.closest("button")) return;
    card.draggable = true;
    card.querySelector("h3 a").draggable = false; // else the browser drags the link
  });
  root.addEventListener("dragstart", (event) => {
    dragged = event.target.closest?.("article.card");
    if (!dragged) return;
    event.dataTransfer.effectAllowed = "move";
    event.dataTransfer.setData("text/plain", dragged.dataset.id);
    dragged.classList.add("dragged");
  });
  root.addEventListener("dragover", (event) => {
    const column = event.target.closest("[data-column]");
    over(column, event.target.closest("[data-worker]"));
    if (dragged && column) event.preventDefault();
  });
  root.addEventListener("drop", (event) => {
    const column = event.target.closest("[data-column]");
    const card = dragged;
    end();
    if (!card || !column) return;
    event.preventDefault();
    const worker = event.target.closest("[data-worker]");
    const [, team] = column.dataset.column.match(/^team-(\d+)$/) ?? [];
    if (worker) giveTo(places, card, Number(worker.dataset.worker));
    else if (team) giveTeam(places, card, Number(team));
    else moveTo(places, card, column.dataset.column);
  });
  root.addEventListener("dragend", end);

  function over(column, worker = null) {
    for (const one of places.columns.values()) one.classList.toggle("aim", dragged !== null && one === column && !worker);
    for (const one of root.querySelectorAll("[data-worker]")) one.classList.toggle("aim", dragged !== null && one === worker);
  }

  function end() {
    dragged?.classList.remove("dragged");
    dragged = null;
    over(null);
  }
}
