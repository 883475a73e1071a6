// The queue stays as it was read, and says so: a change at the server is told, never shown as if it were counted.

import "./sheet.js";
import { make } from "./fragment.js";
import { Live } from "./socket.js";
import { t } from "./words.js";

const stand = document.getElementById("stand");
const print = document.getElementById("print");
if (print) {
  print.hidden = false;
  print.addEventListener("click", () => globalThis.print());
}

function changed() {
  if (stand.querySelector("a")) return;
  stand.classList.add("old");
  stand.append(" · ", make("a", { href: location.href }, t("queue.changed")));
}

if (stand) {
  const live = new Live(stand.dataset.epoch, Number(stand.dataset.position), [], {
    batch: (entries) => entries.length && changed(),
    reset: () => (changed(), live.drop()),
    presence() {},
    state: (name) => (stand.dataset.live = name === "live" ? "yes" : "no"),
  });
}
