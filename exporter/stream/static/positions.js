// The open positions, those that weigh most first.

import { make, say } from "./dom.js";
import { isLarge, signed, size, tone } from "./figures.js";
import { absent, marketOf, ofKind } from "./page_words.js";

const MOST = 8;
/** Rows that change places every second cannot be read. */
const SORT_EVERY_MS = 30_000;

export class Positions {
  #boxes;
  #order = [];
  #sortedAt = 0;

  constructor(boxes) {
    this.#boxes = boxes;
  }

  show(snapshot) {
    const { positions, unrealised } = snapshot;
    const { body, rest, total } = this.#boxes;
    const known = Object.entries(positions ?? {});
    this.#sort(known);
    const fractions = known.some(([, { count }]) => /\.0*[1-9]/.test(count));
    // Cents only where they matter: in none, when one is so large.
    const places = known.some(([, { cost, unrealised: usd = "0" }]) => isLarge(cost) || isLarge(usd)) ? 0 : 2;
    const rows = this.#order.slice(0, MOST).map((market) => row(marketOf(snapshot, market, positions[market]), positions[market], fractions, places));
    const isWhole = positions && ofKind(snapshot, "venue").every((venue) => snapshot.sources[venue].grade !== "missing");
    const empty = isWhole ? "No open positions" : absent(snapshot, "venue", "Positions");
    body.replaceChildren(...(rows.length ? rows : [make("tr", { class: "empty" }, make("td", { colspan: "6" }, empty))]));
    say(rest, known.length > MOST ? `and ${known.length - MOST} smaller ones` : "");
    const grade = unrealised?.usd === undefined || unrealised.grade === "final" ? "" : `, ${unrealised.grade}`;
    const amount = unrealised?.usd === undefined ? "no figure" : signed(unrealised.usd, { dollar: "$" });
    say(total, unrealised ? `unrealised ${amount}${grade}` : "");
  }

  /** Those without a mark come first: what they are worth is what nobody knows. Floats only decide the order. */
  #sort(known) {
    const same = known.length === this.#order.length && known.every(([market]) => this.#order.includes(market));
    if (same && Date.now() - this.#sortedAt < SORT_EVERY_MS) return;
    const weight = ([, { unrealised }]) => (unrealised === undefined ? Infinity : Math.abs(Number(unrealised)));
    known.sort((one, other) => weight(other) - weight(one) || (one[0] < other[0] ? -1 : 1));
    this.#order = known.map(([market]) => market);
    this.#sortedAt = Date.now();
  }
}

function row({ market, venue }, { side, count, cost, mark, unrealised, grade }, fractions, cents) {
  const missing = unrealised === undefined;
  const amount = make("span", { class: `amount ${missing ? "none" : tone(unrealised)}` }, missing ? "no mark" : signed(unrealised, { places: cents }));
  const word = missing || grade === "final" ? null : make("span", { class: "grade" }, grade);
  const places = Math.max(2, Math.min(4, (mark?.split(".")[1] ?? "").length));
  return make(
    "tr",
    {},
    make("th", { scope: "row", class: "market", title: market }, market, venue ? make("span", { class: "grade" }, venue) : null),
    make("td", { class: "wide" }, side),
    make("td", { class: "number" }, make("span", { class: "side" }, side), size(count, fractions ? 2 : 0)),
    make("td", { class: "number wide" }, size(cost, cents)),
    make("td", { class: "number wide" }, mark === undefined ? "–" : size(mark, places)),
    make("td", { class: "number" }, amount, word),
  );
}
