// Dragging a card to another column with a mouse. Its twins are the menu "Verplaats" and the key M.

import { moveTo } from "./verbs.js";

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
    over(column);
    if (dragged && column) event.preventDefault();
  });
  root.addEventListener("drop", (event) => {
    const column = event.target.closest("[data-column]");
    const card = dragged;
    end();
    if (!card || !column) return;
    event.preventDefault();
    moveTo(places, card, column.dataset.column);
  });
  root.addEventListener("dragend", end);

  function over(column) {
    for (const one of places.columns.values()) one.classList.toggle("over", dragged !== null && one === column);
  }

  function end() {
    dragged?.classList.remove("dragged");
    dragged = null;
    over(null);
  }
}
