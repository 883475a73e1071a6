// The button on any site, and our panel in a frame of its own. No dependencies; nothing of the page is read but its
// address and language. See "Zet dit op uw site" in Beheer for the script tag.

(() => {
  const COLOURS = { action: "#0a5a75", ink: "#ffffff" }; // the house's own, filled in where this is served
  const WORDS = {
    nl: { ask: "Stel uw vraag", title: "Chat met de gemeente", unread: (n) => (n === 1 ? "1 nieuw antwoord" : `${n} nieuwe antwoorden`) },
    en: { ask: "Ask your question", title: "Chat with the municipality", unread: (n) => (n === 1 ? "1 new answer" : `${n} new answers`) },
  };
  const NARROW = matchMedia("(max-width: 47.49em)"); // the panel fills the screen, so the page behind it must wait
  const KEPT = "newsroom.chat";

  const script = document.currentScript;
  if (!script?.dataset.kanaal || document.querySelector("newsroom-chat")) return;
  const home = new URL(script.src).origin;
  const asked = script.dataset.taal ?? document.documentElement.lang;
  const speech = asked.toLowerCase().startsWith("en") ? "en" : "nl";
  const words = WORDS[speech];

  const host = document.createElement("newsroom-chat");
  host.lang = speech;
  const root = host.attachShadow({ mode: "open" });
  const sheet = new CSSStyleSheet(); // a sheet of the script itself needs no word in the site's security policy
  sheet.replaceSync(`
    :host { all: initial; }
    button { position: fixed; inset: auto max(20px, env(safe-area-inset-right)) max(20px, env(safe-area-inset-bottom)) auto;
      z-index: 2147483000; display: flex; align-items: center; gap: 10px; min-block-size: 52px; padding: 0 22px 0 18px; border: 2px solid ${COLOURS.ink};
      border-radius: 28px; background: ${COLOURS.action}; color: ${COLOURS.ink}; box-shadow: 0 6px 20px rgb(10 25 35 / .28);
      font: 600 17px/1.2 "Noto Sans", system-ui, -apple-system, "Segoe UI", Roboto, Arial, sans-serif; cursor: pointer; }
    button:hover { text-decoration: underline; }
    button:focus-visible { outline: 3px solid #17222c; outline-offset: 1px; box-shadow: 0 0 0 7px #ffc629; }
    svg { inline-size: 22px; block-size: 22px; fill: none; stroke: currentColor; stroke-width: 2; stroke-linejoin: round; }
    .panel { position: fixed; inset: auto 20px 20px auto; z-index: 2147483001; inline-size: 372px;
      block-size: min(620px, calc(100dvh - 40px)); border: 1px solid #6a7783; border-radius: 14px; overflow: hidden;
      background: Canvas; box-shadow: 0 12px 40px rgb(10 25 35 / .28); }
    iframe { display: block; inline-size: 100%; block-size: 100%; border: 0; color-scheme: normal; }
    [hidden] { display: none !important; }
    .told { position: absolute; inline-size: 1px; block-size: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
    @media (max-width: 47.49em) { .panel { inset: 0; inline-size: auto; block-size: auto; border: 0; border-radius: 0; }
      button { inset-inline-end: 12px; inset-block-end: 12px; } }
    @media print { button, .panel { display: none; } }`);
  root.adoptedStyleSheets = [sheet];

  const button = root.appendChild(document.createElement("button"));
  button.type = "button";
  button.append(bubble(), document.createTextNode(words.ask));
  button.addEventListener("click", () => open(true));
  const told = root.appendChild(document.createElement("span"));
  told.className = "told";
  told.setAttribute("role", "status");
  const panel = root.appendChild(document.createElement("div"));
  panel.className = "panel";
  panel.hidden = true;
  let frame = null;
  let ready = false;
  let stilled = [];

  function bubble() {
    const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
    svg.setAttribute("viewBox", "0 0 24 24");
    svg.setAttribute("aria-hidden", "true");
    path.setAttribute("d", "M4 5h16v11H10l-5 4v-4H4z");
    svg.append(path);
    return svg;
  }

  /** The frame, made when it is first needed. */
  function load() {
    if (frame) return;
    frame = document.createElement("iframe");
    frame.title = words.title;
    const url = new URL(`/chat/${encodeURIComponent(script.dataset.kanaal)}`, home);
    url.searchParams.set("kader", "1");
    if (speech !== "nl") url.searchParams.set("taal", speech);
    if (script.dataset.kleuren) url.searchParams.set("kleuren", script.dataset.kleuren);
    frame.src = url;
    panel.append(frame);
  }

  function open(focus) {
    load();
    panel.hidden = false;
    button.hidden = true;
    keep("open");
    still(NARROW.matches);
    unread(0);
    if (focus) frame.focus();
    tell(focus);
  }

  function close() {
    panel.hidden = true;
    button.hidden = false;
    still(false);
    keep("busy");
    tell(false);
    button.focus();
  }

  /** On a narrow screen nothing behind the panel can be reached. */
  function still(yes) {
    for (const one of stilled) one.inert = false;
    stilled = yes ? [...document.body.children].filter((one) => one !== host && !one.inert) : [];
    for (const one of stilled) one.inert = true;
  }

  NARROW.addEventListener("change", () => still(!panel.hidden && NARROW.matches));

  /** Only our own frame hears this. A signed identity is read when it is needed: the site may renew it. */
  function tell(focus) {
    if (!ready) return;
    const page = location.origin + location.pathname;
    frame.contentWindow.postMessage({ newsroom: "chat", what: panel.hidden ? "hidden" : "shown", focus, page, identity: script.dataset.identiteit ?? "" }, home);
  }

  function unread(n) {
    button.lastChild.textContent = n ? words.unread(n) : words.ask;
    told.textContent = n ? words.unread(n) : "";
  }

  addEventListener("message", (event) => {
    if (!frame || event.source !== frame.contentWindow || event.origin !== home || event.data?.newsroom !== "chat") return;
    const { what, n } = event.data;
    if (what === "ready") (ready = true), tell(!panel.hidden && document.activeElement === host);
    else if (what === "close") close();
    else if (what === "over") (close(), forget());
    else if (what === "unread") unread(panel.hidden ? Number(n) || 0 : 0);
  });

  // what was open before this page was loaded is open again; where storage is blocked it begins as a button
  function keep(state) {
    try {
      sessionStorage.setItem(KEPT, state);
    } catch {}
  }

  function forget() {
    try {
      sessionStorage.removeItem(KEPT);
    } catch {}
  }

  function kept() {
    try {
      return sessionStorage.getItem(KEPT);
    } catch {
      return null;
    }
  }

  function start() {
    document.body.append(host);
    const before = kept();
    if (before === "open") open(false);
    else if (before === "busy") load();
  }

  if (document.body) start();
  else addEventListener("DOMContentLoaded", start);
})();
