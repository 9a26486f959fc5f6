// The last snapshot, kept in localStorage for a visit without a network.

import { isSnapshot } from "./patch.js";

/** Written this often at most: a disk is not woken for every figure. */
const KEEP_MS = 10_000;

export class LastSnapshot {
  #world;
  #place;
  #writtenAt = -Infinity;

  /** `token` only tells apart what two readers may see; it is not kept. */
  constructor(world, base, token) {
    this.#world = world;
    this.#place = `northstar-pnl ${base}${typeof token === "string" && token ? `#${fingerprint(token)}` : ""}`;
  }

  /** Return the snapshot of an earlier visit, or null. */
  recall() {
    try {
      const kept = JSON.parse(this.#world.storage?.getItem(this.#place) ?? "null");
      return isSnapshot(kept) ? kept : null;
    } catch {
      return null; // what is there is none of ours
    }
  }

  /** Keep what a headline needs: no position, and no cursor, so the next visit begins with a whole snapshot. */
  keep(snapshot, { now = false } = {}) {
    const at = this.#world.now();
    if (!now && at - this.#writtenAt < KEEP_MS) return;
    this.#writtenAt = at;
    const { as_of, currency, timezone, demo, windows, sources } = snapshot;
    try {
      this.#world.storage?.setItem(this.#place, JSON.stringify({ as_of, currency, timezone, demo, windows, sources }));
    } catch {
      this.#writtenAt = Infinity; // full, or forbidden: it will stay so
    }
  }
}

/** 32 bits of a sum that cannot be turned back into the text. */
function fingerprint(text) {
  let sum = 2166136261;
  for (let place = 0; place < text.length; place++) sum = Math.imul(sum ^ text.charCodeAt(place), 16777619);
  return (sum >>> 0).toString(36);
}
