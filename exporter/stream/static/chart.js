// Net over the day as one line: inline SVG, a zero line, three labels, nothing else.
// Floats are for pixels only; every label is the exact string it was given.

import { signed, spoken, timeOfDay } from "./figures.js";

const SVG = "http://www.w3.org/2000/svg";
const HEIGHT = 158;
const MARGIN = { top: 14, right: 2, bottom: 22, left: 2 };
const LABELS = 78;

/** Points kept: more than a screen has pixels for this chart. */
const MOST_POINTS = 1500;

export class DayChart {
  constructor(svg) {
    this.svg = svg;
    this.points = []; // { at (ms), usd (string or null) }
    this.step = 60_000;
    new ResizeObserver(() => this.draw()).observe(svg);
  }

  /** Start over with a series. */
  begin(points, stepMs, from, zone) {
    Object.assign(this, { points, step: stepMs, from, zone });
    this.draw();
  }

  /** Add the newest value; within one step the last one stands. */
  add(at, usd) {
    const last = this.points.at(-1);
    if (last && at <= last.at) return;
    const before = this.points.at(-2);
    if (last && before && at - before.at < this.step && (last.usd === null) === (usd === null)) this.points.pop();
    this.points.push({ at, usd });
    if (this.points.length > MOST_POINTS) this.points = this.points.filter((_, place, all) => place % 2 || place === all.length - 1);
    this.draw();
  }

  /** The last known value at or before `at`, or null. */
  valueAt(at) {
    return this.points.findLast((point) => point.at <= at && point.usd !== null) ?? null;
  }

  draw() {
    const known = this.points.filter((point) => point.usd !== null);
    const width = Math.round(this.svg.clientWidth);
    this.svg.replaceChildren();
    this.svg.setAttribute("viewBox", `0 0 ${Math.max(width, 1)} ${HEIGHT}`);
    if (!width || known.length < 2) {
      this.svg.setAttribute("aria-label", "Net today: not enough history for a line yet.");
      if (width) this.#text(width / 2, HEIGHT / 2, "The line begins with the next figures", "middle");
      return;
    }
    const heights = known.map((point) => Number(point.usd));
    let low = known[0];
    let high = known[0];
    known.forEach((point, place) => {
      if (heights[place] < Number(low.usd)) low = point;
      if (heights[place] > Number(high.usd)) high = point;
    });
    const top = Math.max(0, Number(high.usd));
    const bottom = Math.min(0, Number(low.usd));
    const span = top - bottom || 1;
    const plot = width - MARGIN.left - MARGIN.right - LABELS;
    const last = known.at(-1);
    const begin = this.points[0].at;
    const x = (at) => MARGIN.left + ((at - begin) / Math.max(1, this.points.at(-1).at - begin)) * plot;
    const y = (usd) => MARGIN.top + ((top - usd) / span) * (HEIGHT - MARGIN.top - MARGIN.bottom);
    const zero = y(0);

    this.#clip("above", 0, 0, width, zero);
    this.#clip("below", 0, zero, width, HEIGHT - zero);
    this.#add("line", { class: "zero", x1: MARGIN.left, x2: MARGIN.left + plot, y1: zero, y2: zero });
    const path = this.#path(x, y);
    this.#add("path", { class: "line gain", d: path, "clip-path": "url(#above)" });
    this.#add("path", { class: "line loss", d: path, "clip-path": "url(#below)" });
    const now = Number(last.usd);
    const isKnown = last === this.points.at(-1);
    if (isKnown) this.#add("circle", { class: now < 0 ? "now loss" : "now gain", cx: x(last.at), cy: y(now), r: 3.5 });

    const right = width - MARGIN.right;
    const labels = [[zero, "$0"]];
    const place = (usd, at) => labels.every(([taken]) => Math.abs(taken - at) > 15) && labels.push([at, signed(usd, { dollar: "$" })]);
    place(high.usd, y(Number(high.usd)));
    place(low.usd, y(Number(low.usd)));
    for (const [at, text] of labels) this.#text(right, at + 4, text, "end");
    this.#text(MARGIN.left, HEIGHT - 4, timeOfDay(begin, this.zone, { seconds: false }), "start");
    this.#text(MARGIN.left + plot, HEIGHT - 4, timeOfDay(this.points.at(-1).at, this.zone, { seconds: false }), "end");
    this.svg.setAttribute(
      "aria-label",
      `Net today since ${timeOfDay(begin, this.zone, { seconds: false })}: lowest ${spoken(low.usd)}, ` +
        `highest ${spoken(high.usd)}, ${isKnown ? "now" : "last known"} ${spoken(last.usd)}.`,
    );
  }

  /** A gap in time, or a missing figure, interrupts the line: nothing is drawn that nobody knew. */
  #path(x, y) {
    const hole = Math.max(3 * this.step, 300_000);
    let path = "";
    let before = null;
    for (const point of this.points) {
      if (point.usd === null) before = null;
      else {
        const goesOn = before !== null && point.at - before < hole;
        path += `${goesOn ? "L" : "M"}${x(point.at).toFixed(1)} ${y(Number(point.usd)).toFixed(1)}`;
        before = point.at;
      }
    }
    return path;
  }

  #clip(id, left, top, width, height) {
    const clip = this.#add("clipPath", { id });
    clip.append(this.#make("rect", { x: left, y: top, width, height: Math.max(0, height) }));
  }

  #text(x, y, text, anchor) {
    this.#add("text", { x, y, "text-anchor": anchor }).textContent = text;
  }

  #make(name, attributes) {
    const element = document.createElementNS(SVG, name);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    return element;
  }

  #add(name, attributes) {
    const element = this.#make(name, attributes);
    this.svg.append(element);
    return element;
  }
}
