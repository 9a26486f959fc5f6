// How the net of one window moved, for whoever shows it: by the minute in the last hour, and as a whole.

import { negate, sum } from "./figures.js";
import { Past, stepFor } from "./past.js";

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
/** No line goes back further than a year. */
const LONGEST_MS = 366 * 24 * HOUR_MS;
/** The past that could not be read is asked for again after this. */
const AGAIN_MS = MINUTE_MS;

export class Course {
  /** The whole of the window, or null before the first figures. */
  past = null;

  #points;
  #read;
  #hour = null;
  #of = null;

  /** `points` are about as many as there are pixels to tell apart; `read` is called when the past is there. */
  constructor(points, read) {
    this.#points = points;
    this.#read = read;
  }

  /** Ask for the past of a window, once; one of the calendar that begins anew is another. */
  follow(client, window) {
    const begin = client.kept ? undefined : client.snapshot?.windows[window]?.from;
    const which = `${window} ${isRolling(window) ? "" : begin}`;
    if (!begin || this.#of === which) return;
    this.#of = which;
    const newest = Date.parse(client.snapshot.as_of); // the clock here may be wrong
    const from = Math.max(Date.parse(begin), newest - LONGEST_MS);
    const hour = (this.#hour = new Past([`${window}.net`], MINUTE_MS));
    const past = (this.past = new Past([`${window}.net`], stepFor(newest - from, this.#points)));
    Promise.all([hour.load(client, newest - HOUR_MS - 2 * MINUTE_MS), past.loadSince(client, from, this.#points)]).then(
      this.#read,
      // Another origin may be kept from asking; the figures themselves come all the same.
      () => setTimeout(() => this.past === past && (this.#of = null), AGAIN_MS),
    );
  }

  add(snapshot) {
    for (const past of [this.#hour, this.past]) past?.add(snapshot);
  }

  /** Return what the net gained in the last hour, or since it is known, as { at, usd }; or null. */
  gained({ usd }, now) {
    const from = this.#hour?.baseline(now - HOUR_MS);
    return usd === undefined || !from ? null : { at: from.at, usd: sum([usd, negate(from.usd)]) };
  }
}

/** Whether a window ends and begins with every moment, and not with a day. */
export function isRolling(window) {
  return /^\d/.test(window);
}
