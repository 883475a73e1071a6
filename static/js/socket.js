// The live socket: resumes from its position, tries again without end, and knows how sure the screen is.

import { setNow } from "./time.js";

const FIRST_WAIT = 1000; // milliseconds before the second try
const LONGEST_WAIT = 30_000;
const FLASH = 1500; // a drop shorter than this is not shown
const UNSTEADY = 20_000; // without a word
const LOST = 45_000;
const SIGNED_OUT = 4401;
const COME_BACK = 4408;
const RIGHTS = 4410; // ours changed

export class Live {
  /**
   * `position` is where the page stands, `follows` the conversations whose thread it shows; `on` has batch(frame),
   * presence(frame), reset() and state(name).
   */
  constructor(epoch, position, follows, on) {
    this.epoch = epoch;
    this.position = position;
    this.on = on;
    this.follows = follows;
    this.tries = 0;
    this.heard = performance.now();
    this.broken = null; // since when there is no socket
    this.database = true;
    this.head = position;
    this.name = "";
    setInterval(() => this.look(), 1000);
    for (const event of ["online", "pageshow"]) addEventListener(event, () => this.hurry());
    document.addEventListener("visibilitychange", () => document.hidden || this.hurry());
    this.connect();
  }

  connect() {
    clearTimeout(this.timer);
    this.timer = 0;
    const url = new URL(`/live?since=${this.epoch}.${this.position}`, location.href);
    for (const one of this.follows) url.searchParams.append("gesprek", one); // heard from the position on, not later
    url.protocol = url.protocol.replace("http", "ws");
    const socket = new WebSocket(url);
    this.socket = socket;
    socket.onmessage = (message) => socket === this.socket && this.receive(JSON.parse(message.data));
    socket.onclose = (event) => socket === this.socket && this.closed(event.code);
  }

  receive(frame) {
    this.heard = performance.now();
    if (frame.t === "hello") {
      this.broken = null;
      this.tries = 0;
      this.head = frame.head;
      this.database = frame.db !== false;
      setNow(frame.now);
      if (this.stale) this.reset();
      else this.say();
    } else if (frame.t === "b") {
      if (frame.from > this.position) return this.reset();
      this.position = frame.to;
      this.head = Math.max(this.head, frame.to);
      this.on.batch(frame.e);
    } else if (frame.t === "p") {
      this.head = frame.head;
      setNow(frame.now);
    } else if (frame.t === "pr") {
      this.on.presence(frame);
    } else if (frame.t === "visit") {
      this.on.visits?.(frame.e); // pages without cards hear of it too
    } else if (frame.t === "db") {
      this.database = frame.ok;
    } else if (frame.t === "reset") {
      this.reset();
    }
    this.look();
  }

  /** Where this person is, {ids, st}: said again whenever the socket opens. */
  say(place = this.place) {
    this.place = place;
    if (place) this.send({ t: "at", ...place });
  }

  /** Say something that may be lost. */
  send(words) {
    if (this.socket?.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify(words));
  }

  /** The page is fetched again, and the socket begins anew at its position. */
  reset() {
    this.stale = false;
    this.drop();
    this.on.reset();
  }

  /** Go on from the position of a page that was just fetched. */
  resume(epoch, position) {
    this.epoch = epoch;
    this.position = position;
    this.drop();
    this.connect();
  }

  drop() {
    const socket = this.socket;
    this.socket = null;
    socket?.close();
  }

  closed(code) {
    this.socket = null;
    this.broken ??= performance.now();
    if (code === SIGNED_OUT) return this.tell("out");
    if (code === COME_BACK || code === RIGHTS) this.stale = true; // what we show is asked again
    this.later();
    this.look();
  }

  later() {
    const wait = Math.min(FIRST_WAIT * 2 ** this.tries, LONGEST_WAIT);
    this.tries += 1;
    this.timer = setTimeout(() => this.connect(), wait * (0.5 + Math.random() / 2));
    if (this.tries > 1) this.ask();
  }

  /** Why does the socket not open? Perhaps we are signed out, perhaps the database is away. */
  async ask() {
    try {
      const answer = await fetch(location.href, { method: "HEAD", redirect: "manual" });
      if (answer.type === "opaqueredirect") this.tell("out");
      this.database = answer.status !== 503;
    } catch {
      // no answer at all: the socket's own tries go on
    }
  }

  hurry() {
    if (this.name === "out") return;
    if (this.socket === null && this.timer) this.connect();
    this.look();
  }

  look() {
    if (this.name === "out") return;
    const quiet = performance.now() - this.heard;
    if (quiet > LOST && this.socket?.readyState === WebSocket.OPEN) this.drop(), this.later();
    if (this.socket === null) this.broken ??= performance.now();
    const gone = this.broken === null ? 0 : performance.now() - this.broken;
    if (!this.database) this.tell("database");
    else if (quiet > LOST) this.tell("offline");
    else if (quiet > UNSTEADY || gone > FLASH) this.tell("unsteady");
    else if (this.position < this.head) this.tell("catching");
    else this.tell("live");
  }

  tell(name) {
    if (name === "out") clearTimeout(this.timer);
    if (name !== this.name) {
      this.name = name;
      this.on.state(name);
    }
  }
}
