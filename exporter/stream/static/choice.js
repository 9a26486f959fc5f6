// Which way is tried next: the best first, and none that has let us down lately.

import { polling, sse, websocket } from "./transports.js";

/** Best first. A cursor means the same to each, so changing over loses nothing and repeats nothing. */
const TRANSPORTS = { websocket, sse, polling };

/** A connection that ends sooner was none; after so many in a row its transport is left alone for a while. */
const STEADY_MS = 5_000;
const FLICKERS = 3;
const SHUNNED_MS = 300_000;

export class Choice {
  #world;
  #waiting = []; // still to be tried in this round
  #flickers = new Map(); // transport -> connections in a row that ended at once
  #shunned = new Map(); // transport -> until when it is left alone

  constructor(world) {
    this.#world = world;
  }

  /** Begin a round: all that can be used, or just all. */
  begin() {
    const known = Object.keys(TRANSPORTS);
    const usable = known.filter((name) => this.#usable(name));
    this.#waiting = usable.length ? usable : known;
  }

  /** Return the next one of this round, or undefined. */
  next() {
    return this.#waiting.shift();
  }

  get isOver() {
    return this.#waiting.length === 0;
  }

  opener(name) {
    return TRANSPORTS[name];
  }

  /** Return one that is better than `name` and can be used, or undefined. */
  betterThan(name) {
    const known = Object.keys(TRANSPORTS);
    return known.slice(0, Math.max(0, known.indexOf(name))).find((each) => this.#usable(each));
  }

  isBest(name) {
    return name === Object.keys(TRANSPORTS)[0];
  }

  /** Take note of a connection that stood and ended; return whether it had been steady. */
  ended({ name, upAt }) {
    const brief = this.#world.elapsed() - upAt < STEADY_MS;
    this.#flickers.set(name, brief ? (this.#flickers.get(name) ?? 0) + 1 : 0);
    if (this.#flickers.get(name) >= FLICKERS) this.shun(name);
    return !brief;
  }

  /** Leave one alone for a while. */
  shun(name) {
    this.#flickers.delete(name);
    this.#shunned.set(name, this.#world.now() + SHUNNED_MS);
  }

  #usable(name) {
    const { WebSocket, EventSource, now } = this.#world;
    const exists = { websocket: WebSocket, sse: EventSource, polling: true }[name];
    return Boolean(exists) && !(this.#shunned.get(name) > now());
  }
}
