// Follows the figures: a snapshot, then merge patches, over EventSource, or by polling where
// a stream does not get through. No dependency and no page: the widget uses it as it is.
//
//   const figures = new NorthStar();
//   figures.addEventListener("change", () => show(figures.tree));
//   figures.addEventListener("state", () => say(figures.state));
//   figures.start();

/** Waiting this long for a stream to speak, before polling beside it. */
const PATIENCE_MS = 6000;
/** One long poll; the server answers earlier as soon as something is new. */
const POLL_SECONDS = 20;
/** Pause after a failed poll, and before a refused stream is opened again; spread by up to double. */
const PAUSE_MS = 2000;
/** How often the server is asked whether the stream says all there is; also measures the round trip. */
const CHECK_MS = 20000;

/** Return `tree` with a merge patch (RFC 7396) applied; neither is changed, untouched parts are shared. */
export function applyPatch(tree, patch) {
  if (!isObject(patch)) return patch;
  const next = isObject(tree) ? { ...tree } : {};
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete next[key];
    else {
      // defineProperty, because assigning to a key called "__proto__" would not set a key.
      const merged = applyPatch(Object.hasOwn(next, key) ? next[key] : undefined, value);
      Object.defineProperty(next, key, { value: merged, writable: true, enumerable: true, configurable: true });
    }
  }
  return next;
}

function isObject(value) {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/**
 * The newest snapshot and how it reaches us.
 *
 * state.name: "loading" | "live" | "reconnecting" | "polling" | "offline"
 * state.since: when it became so (ms); state.roundTrip: of the last check (ms), or null;
 * state.reason: a sentence of the server's, when it gave one.
 */
export class NorthStar extends EventTarget {
  #source = null;
  #poll = null;
  #timers = new Set();
  #patience = null;
  #running = false;

  constructor({ base = "", EventSource = globalThis.EventSource, fetch = globalThis.fetch.bind(globalThis) } = {}) {
    super();
    this.base = base;
    this.tree = null;
    this.skew = 0; // server time minus ours, in ms, when they differ noticeably
    this.state = { name: "loading", since: Date.now(), roundTrip: null, reason: "" };
    this.EventSource = EventSource;
    this.fetch = fetch;
  }

  get cursor() {
    return this.tree ? `${this.tree.epoch}-${this.tree.sequence}` : null;
  }

  /** The server's time now, in ms. */
  now() {
    return Date.now() + this.skew;
  }

  start() {
    if (this.#running) return;
    this.#running = true;
    this.#open();
    this.#later(() => this.#check(), 500);
  }

  stop() {
    this.#running = false;
    this.#source?.close();
    this.#poll?.abort();
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers.clear();
  }

  // The stream.

  #open() {
    this.#source?.close();
    this.#source = null;
    if (!this.#running) return;
    this.#worry();
    if (!this.EventSource) return;
    const since = this.cursor ? `?since=${encodeURIComponent(this.cursor)}` : "";
    const source = (this.#source = new this.EventSource(`${this.base}/api/pnl/stream${since}`));
    source.addEventListener("snapshot", (event) => this.#heard(source) && this.#replace(JSON.parse(event.data)));
    source.addEventListener("delta", (event) => {
      if (!this.#heard(source)) return;
      const { epoch, sequence } = parseCursor(event.lastEventId);
      if (!this.#patch(epoch, sequence, JSON.parse(event.data))) this.#open();
    });
    source.addEventListener("open", () => {
      // With a cursor that is up to date, an open stream has nothing to say yet.
      if (source === this.#source && this.tree) this.#heard(source);
    });
    source.addEventListener("error", () => {
      if (source !== this.#source) return;
      if (this.state.name === "live") this.#become("reconnecting");
      this.#worry();
      // CONNECTING: the browser tries again by itself. CLOSED: it was refused, so that is up to us.
      if (source.readyState === 2) {
        this.#source = null;
        this.#later(() => this.#source === null && this.#open(), spread(PAUSE_MS));
      }
    });
  }

  #heard(source) {
    if (source !== this.#source) return false;
    this.#calm();
    this.#poll?.abort();
    this.#poll = null;
    if (this.state.name !== "live") this.#become("live");
    return true;
  }

  #worry() {
    if (this.#patience === null) {
      this.#patience = this.#later(() => {
        this.#patience = null;
        this.#pollOn();
      }, PATIENCE_MS);
    }
  }

  #calm() {
    clearTimeout(this.#patience);
    this.#timers.delete(this.#patience);
    this.#patience = null;
  }

  // Polling, beside a stream that does not get through.

  async #pollOn() {
    if (this.#poll || !this.#running) return;
    const mine = (this.#poll = new AbortController());
    while (this.#running && this.#poll === mine) {
      try {
        const since = this.cursor ? `since=${encodeURIComponent(this.cursor)}&` : "";
        const wait = this.state.name === "polling" ? POLL_SECONDS : 0;
        const response = await this.fetch(`${this.base}/api/pnl/deltas?${since}wait=${wait}`, {
          signal: AbortSignal.any([mine.signal, AbortSignal.timeout((POLL_SECONDS + 10) * 1000)]),
          cache: "no-store",
        });
        const answer = await response.json();
        if (this.#poll !== mine) return;
        if (!response.ok) throw new Refused(answer.error?.message ?? "");
        if (this.state.name !== "polling") this.#become("polling");
        if (answer.resync) this.#replace(answer.snapshot);
        else if (!answer.deltas.every((delta) => this.#patch(answer.epoch, delta.sequence, delta.patch))) this.tree = null;
      } catch (error) {
        if (this.#poll !== mine) return;
        const reason = error instanceof Refused ? error.message : "";
        if (this.state.name !== "offline" || this.state.reason !== reason) this.#become("offline", reason);
        await new Promise((done) => this.#later(done, spread(PAUSE_MS)));
      }
    }
  }

  // Does the stream say all there is? Heartbeats of a stream are comments, which a page cannot see.

  async #check() {
    const cursor = this.cursor;
    if (cursor && this.state.name === "live") {
      const began = performance.now();
      try {
        const response = await this.fetch(`${this.base}/api/pnl/current`, {
          headers: { "If-None-Match": `"${cursor}"` },
          cache: "no-store",
          signal: AbortSignal.timeout(PATIENCE_MS),
        });
        this.#measured(performance.now() - began, response.headers.get("Date"));
        if (response.status === 200) {
          const newest = await response.json();
          this.#later(() => {
            const behind = this.tree && this.tree.epoch === newest.epoch && this.tree.sequence < newest.sequence;
            if (this.state.name === "live" && behind) this.#open();
          }, PAUSE_MS);
        }
      } catch {
        if (this.state.name === "live" && this.cursor === cursor) {
          this.#become("reconnecting");
          this.#open();
        }
      }
    }
    this.#later(() => this.#check(), CHECK_MS);
  }

  #measured(roundTrip, date) {
    this.state = { ...this.state, roundTrip: Math.round(roundTrip) };
    const skew = date ? Date.parse(date) + 500 - (Date.now() - roundTrip / 2) : 0;
    this.skew = Math.abs(skew) > 2000 ? skew : 0; // a Date header is good to a second
    this.dispatchEvent(new Event("state"));
  }

  // What we hold.

  #replace(tree) {
    this.tree = tree;
    this.dispatchEvent(new CustomEvent("change", { detail: { whole: true } }));
  }

  /** Take one delta in. False when it does not follow what we hold: then only a snapshot helps. */
  #patch(epoch, sequence, patch) {
    if (!this.tree || this.tree.epoch !== epoch || sequence > this.tree.sequence + 1) {
      this.tree = null;
      return false;
    }
    if (sequence <= this.tree.sequence) return true;
    this.tree = applyPatch(this.tree, patch);
    this.dispatchEvent(new CustomEvent("change", { detail: { whole: false, patch } }));
    return true;
  }

  #become(name, reason = "") {
    this.state = { name, since: Date.now(), roundTrip: null, reason };
    this.dispatchEvent(new Event("state"));
  }

  #later(action, ms) {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      action();
    }, ms);
    this.#timers.add(timer);
    return timer;
  }
}

class Refused extends Error {}

function parseCursor(text) {
  const dash = text.lastIndexOf("-");
  return { epoch: text.slice(0, dash), sequence: Number(text.slice(dash + 1)) };
}

function spread(ms) {
  return ms * (1 + Math.random());
}
