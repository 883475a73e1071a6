// How sure the screen is, in words: beside the title, and in a bar over the full width when it matters.

import { make } from "./fragment.js";
import { alarm } from "./say.js";
import { clock, now } from "./time.js";
import { t } from "./words.js";

const WORDS = { catching: "connection.catching", unsteady: "connection.unsteady", offline: "connection.unsteady",
                database: "connection.unsteady", out: "connection.unsteady" };
let current = "none";
let since = 0;

/** Show a state of the connection: live, catching, unsteady, offline, database or out. */
export function showConnection(name) {
  if (name === "live") since = now();
  const lost = (name === "offline" || name === "database") && current !== name;
  current = name;
  document.documentElement.dataset.connection = name;
  write();
  bar(name);
  if (lost) alarm(document.getElementById("banner").textContent);
  else if (name === "live") document.getElementById("alert").hidden = true;
}

/** Whether an answer can be sent now. */
export function isOnline() {
  return current === "live" || current === "catching" || current === "none";
}

export function connectionName() {
  return current;
}

function write() {
  const box = document.getElementById("connection");
  if (current === "live") since = now();
  box.dataset.state = current;
  const words = current === "live" ? t("connection.live", { time: clock() }) : t(WORDS[current] ?? "connection.catching");
  const place = box.querySelector(".words");
  if (place.textContent !== words) place.textContent = words;
}

function bar(name) {
  const banner = document.getElementById("banner");
  if (banner.dataset.paused) return;
  const time = clock(since || now());
  banner.hidden = !["offline", "database", "out"].includes(name);
  if (name === "offline") banner.textContent = t("connection.offline", { time });
  if (name === "database") banner.textContent = t("connection.database", { time });
  if (name === "out") {
    banner.replaceChildren(t("connection.signed_out"), make("a", { className: "btn s", href: location.href }, t("connection.sign_in")));
  }
}

setInterval(() => current === "live" && write(), 15_000);
