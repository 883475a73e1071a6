// The line of a chat: what the visitor sends is kept until the server has it, and what the server sends comes once,
// whatever happens to the network or the page in between.

const KEEP = 86_400_000; // milliseconds without use after which the server knows this chat no more
const FIRST_WAIT = 1000; // milliseconds before a second try
const LONGEST_WAIT = 15_000;
const SILENT = 40_000; // milliseconds without a word: the line is dead, whatever the browser says
const LONGEST_SEND = 90_000; // milliseconds for a line with its files; then it is tried again
const LONGEST_ASK = 15_000;
const ENDED = 4401;
const TYPING = 2500; // milliseconds between two words that somebody types

/** An id that nobody else makes; also where crypto.randomUUID is not, on plain HTTP. */
export const newId = () => [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");

/** What outlives a reload, where the browser lets us; else it lasts as long as the page. */
export class Kept {
  constructor(channel) {
    this.name = `newsroom.chat.${channel}`;
    this.values = { pending: [] };
    try {
      const found = JSON.parse(localStorage.getItem(this.name));
      if (found && Date.now() - found.at < KEEP) this.values = found;
    } catch {}
  }

  set(values) {
    Object.assign(this.values, values, { at: Date.now() });
    try {
      const plain = { ...this.values, pending: this.values.pending.filter((one) => !one.files?.length) };
      localStorage.setItem(this.name, JSON.stringify(plain));
    } catch {}
  }

  forget() {
    this.values = { pending: [] };
    try {
      localStorage.removeItem(this.name);
    } catch {}
  }
}

export class Line {
  /**
   * `base` is the address of the chat, `query` its language; `on` has lines(entries, frame), types(name),
   * state(name), pending(item) for one that changed, refused(item, told), closed(told) and over().
   */
  constructor(base, query, kept, on) {
    Object.assign(this, { base, query, kept, on });
    this.since = "";
    this.about = {};
    this.tries = 0;
    this.sending = false;
    this.socket = null;
    this.typed = 0;
    for (const event of ["online", "pageshow"]) addEventListener(event, () => this.hurry());
    document.addEventListener("visibilitychange", () => document.hidden || this.hurry());
    setInterval(() => this.look(), 5000);
    if (this.token) this.connect(), this.flush();
  }

  get token() {
    return this.kept.values.token;
  }

  get pending() {
    return this.kept.values.pending;
  }

  /** Ask the server. Throws when it cannot be reached; else {ok, status, told}. */
  async ask(path, body, method = "POST") {
    const json = body && !(body instanceof FormData);
    const headers = { Accept: "application/json", ...(this.token && { Authorization: `Bearer ${this.token}` }), ...(json && { "Content-Type": "application/json" }) };
    const answer = await fetch(`${this.base}/${path}${this.query}`, { method, headers, body: json ? JSON.stringify(body) : body, credentials: "omit", signal: AbortSignal.timeout(path === "regel" ? LONGEST_SEND : LONGEST_ASK) });
    return { ok: answer.ok, status: answer.status, told: await answer.json().catch(() => ({})) };
  }

  /** A line to send, kept from here on. */
  say(text, files = []) {
    const item = { line: newId(), text, files, at: Date.now() / 1000 };
    this.kept.set({ pending: [...this.pending, item] });
    this.typed = 0;
    this.flush();
    return item;
  }

  /** Send what waits, in order, one at a time. */
  async flush() {
    if (this.sending) return;
    this.sending = true;
    clearTimeout(this.again);
    try {
      while (this.pending.length && (await this.send(this.pending[0])));
    } catch {
      this.on.state("waiting");
      this.later(Math.min(FIRST_WAIT * 2 ** this.tries++, LONGEST_WAIT));
    }
    this.sending = false;
  }

  later(wait) {
    this.again = setTimeout(() => this.flush(), wait);
  }

  /** True: go on with the next one. */
  async send(item) {
    if (!this.token && !(await this.begin())) return false;
    const form = new FormData();
    form.set("line", item.line);
    form.set("text", item.text);
    for (const file of item.files ?? []) form.append("files", file);
    const { ok, status, told } = await this.ask("regel", form);
    if (ok) return this.done(item, told);
    if (status === 401) return this.drop(), true; // over since we were here: a new one begins
    if (status === 429) return this.on.state("slow", told.error), this.later(told.wait * 1000), false;
    if (status >= 500) throw new Error(status);
    this.remove(item);
    this.on.refused(item, told);
    return true;
  }

  done(item, told) {
    this.tries = 0;
    Object.assign(item, { at: told.at, sent: true });
    this.remove(item);
    this.on.pending(item);
    this.on.state("live");
    return true;
  }

  remove(item) {
    this.kept.set({ pending: this.pending.filter((one) => one.line !== item.line) });
  }

  async begin() {
    const { name = "", email = "" } = this.kept.values;
    const { ok, status, told } = await this.ask("begin", { name, email, ...this.about });
    if (!ok && (status >= 500 || status === 429)) throw new Error(status);
    if (!ok) return this.on.closed(told), false;
    this.kept.set({ token: told.token });
    this.since = "";
    this.connect();
    return true;
  }

  connect() {
    clearTimeout(this.timer);
    this.timer = 0;
    const url = new URL(`${this.base}/live`, location.href);
    url.protocol = url.protocol.replace("http", "ws");
    const socket = new WebSocket(url);
    this.socket = socket;
    this.heard = performance.now();
    socket.onopen = () => socket.send(JSON.stringify({ t: "hello", token: this.token, since: this.since }));
    socket.onmessage = (message) => socket === this.socket && this.receive(JSON.parse(message.data));
    socket.onclose = (event) => socket === this.socket && this.closed(event.code);
  }

  receive(frame) {
    this.heard = performance.now();
    if (frame.t === "hello") {
      this.lost = 0;
      this.epoch = frame.epoch;
      this.on.state("live");
      this.flush();
    } else if (frame.t === "lines") {
      this.since = `${this.epoch}.${frame.to}`;
      this.kept.set({});
      for (const entry of frame.e) if (entry.line) this.remove(entry); // it is there: the answer got lost
      this.on.lines(frame.e, frame);
    } else if (frame.t === "types") {
      this.on.types(frame.who);
    } else if (frame.t === "db") {
      this.on.state(frame.ok ? "live" : "waiting");
    }
  }

  closed(code) {
    this.socket = null;
    if (code === ENDED) return this.drop(), this.on.over();
    this.lost = (this.lost ?? 0) + 1;
    if (this.lost > 1) this.on.state("waiting");
    this.timer = setTimeout(() => this.connect(), Math.min(FIRST_WAIT * 2 ** this.lost, LONGEST_WAIT) * (0.25 + Math.random() / 2));
  }

  hurry() {
    if (this.token && !this.socket) this.connect();
    this.flush();
  }

  look() {
    if (!this.socket || performance.now() - this.heard < SILENT) return;
    const dead = this.socket;
    this.socket = null;
    dead.close();
    this.connect();
  }

  /** Somebody types, or stopped. */
  types(yes) {
    if (this.socket?.readyState !== WebSocket.OPEN) return;
    const now = performance.now();
    if (yes && now - this.typed < TYPING && this.typed) return;
    if (!yes && !this.typed) return;
    this.typed = yes ? now : 0;
    this.socket.send(JSON.stringify({ t: yes ? "types" : "still" }));
  }

  /** The chat is over for this browser; what waits is kept for the next one. */
  drop() {
    const socket = this.socket;
    this.socket = null;
    clearTimeout(this.timer);
    socket?.close();
    this.since = "";
    this.kept.set({ token: undefined });
  }
}
