// The headline, the same on page and widget: a window's net with its sign, change, grade, age and reasons.

import { list, say, stir } from "./dom.js";
import { MINUS, isLarge, signMark, signOf, signed, size, spoken, timeOfDay, tone } from "./figures.js";
import { STATES, explain, netOf, trust } from "./words.js";

/** Reasons shown; the rest is counted. */
const MOST_REASONS = 3;
/** A change over less time says nothing. */
const SHORT_MS = 60_000;
const WHOLE_MS = 3_600_000;
/** Who listens all day is told the figure this often, and that its grade has changed this soon; it is there to be read at any time. */
const SPEAK_MS = 600_000;
const REGRADE_MS = 30_000;
/** A connection that is back sooner is not worth a word. */
const BRIEF_MS = 3_000;

/** Return the net of a window; one that is not stated is missing. */
export function netIn(snapshot, window) {
  return snapshot?.windows[window]?.net ?? { grade: "missing" };
}

export class Headline {
  #boxes;
  #last = null; // { window, at, usd }: the newest figure that was here, closer than any step of the past
  #told = { at: 0, grade: "", state: "connecting" };

  /** `boxes` are elements: label, net with sign and digits in it, change, trust, why (a list), spoken. */
  constructor(boxes) {
    this.#boxes = boxes;
  }

  /**
   * Show the net of a window. `gained` is what it made in the last hour, `last` its last known figure, both as
   * { at, usd } or null; `brief` leaves its age out.
   */
  show({ snapshot, state }, window, now, { gained = null, last = null, brief = false }) {
    const { label, trust: certain, why } = this.#boxes;
    const figure = netIn(snapshot, window);
    say(label, netOf(window));
    this.#showNet(snapshot, figure);
    if (!snapshot) return;
    say(certain, brief ? figure.grade : trust(figure, snapshot, now));
    const reasons = explain(figure, snapshot, now);
    list(why, figure.grade === "missing" && !reasons.length ? ["no source has answered yet"] : reasons, MOST_REASONS);
    if (figure.usd !== undefined) this.#last = { window, at: Date.parse(snapshot.as_of), usd: figure.usd };
    this.#showChange(figure, figure.usd !== undefined ? gained : this.#last?.window === window ? this.#last : last, snapshot.timezone, now);
    this.#speak(figure, state);
  }

  #showNet(snapshot, { usd, grade }) {
    const { net, sign, digits } = this.#boxes;
    const places = usd !== undefined && isLarge(usd) ? 0 : 2;
    const mark = usd === undefined ? "" : signMark(usd, places);
    const shown = usd !== undefined ? `$${size(usd, places)}` : snapshot ? "No figure" : "$ –";
    const moved = digits.textContent !== shown && /\d/.test(digits.textContent);
    net.className = `net ${usd === undefined ? "none" : tone(usd, places)} ${grade}`;
    net.style.setProperty("--digits", mark.length + shown.length);
    net.title = usd === undefined ? "" : `exactly ${usd.replace("-", MINUS)} USD, ${grade}`;
    say(sign, mark);
    say(digits, shown);
    if (moved) stir(net);
  }

  /** `other` is what was gained; of a figure that is missing, the last one that was known. */
  #showChange({ usd, grade }, other, zone, now) {
    const { change } = this.#boxes;
    const isKnown = usd !== undefined;
    change.className = `change ${isKnown && other ? tone(other.usd) : "zero"} ${grade}`;
    if (!other || (isKnown && now - other.at < SHORT_MS)) return say(change, "");
    const amount = signed(other.usd, { dollar: "$" });
    const at = timeOfDay(other.at, zone, { seconds: false, now });
    if (!isKnown) return say(change, `Last known ${amount} at ${at}`);
    return say(change, `${signOf(other.usd) ? amount : "unchanged"} ${now - other.at >= WHOLE_MS ? "in the last hour" : `since ${at}`}`);
  }

  /** Tell a screen reader what is new: a grade that changed, a connection that stays lost, and else seldom. */
  #speak({ usd, grade }, { name, since }) {
    const [now, told] = [Date.now(), this.#told];
    const lasting = name !== told.state && now - since > BRIEF_MS;
    if (!lasting && now - told.at < (grade === told.grade ? SPEAK_MS : REGRADE_MS)) return;
    const net = `${this.#boxes.label.textContent}: ${usd === undefined ? "no figure" : `${spoken(usd)}, ${grade}`}.`;
    say(this.#boxes.spoken, lasting ? `${STATES[name]}. ${net}` : net);
    this.#told = { at: now, grade, state: lasting || !told.at ? name : told.state };
  }
}
