// Net over time as one line, with a look closer: drag a range, or use the keys and buttons.
// Floats are for pixels only; every label is the exact string it was given.

import { say } from "./dom.js";
import { dayOf, signed, spoken, timeOfDay } from "./figures.js";
import { extremes, linePath, svg } from "./svg.js";
import { zoneOffset } from "./zone.js";

/** Around the plot, in heights of its text; on the right the longest label has its place. */
const MARGIN = { top: 1, bottom: 1.7, left: 0.2, right: 0.8 };
/** Width of a digit, in heights of its text. */
const DIGIT = 0.64;
/** Height of the text, in heights of the page's own; the style sheet says the same. */
const TEXT = 0.8;
const MINUTE = 60_000;
const DAY = 1440 * MINUTE;
/** Distances between marks of time; the first that leaves them apart is taken. */
const TICKS = [1, 2, 5, 15, 30, 60, 180, 360, 720, 1440, 2880, 7200, 14400, 43200, 129600].map((each) => each * MINUTE);
const TICK_TEXTS = 7.5; // in heights of the text
/** Nothing is to be seen closer than this. */
const CLOSEST_MS = 2 * MINUTE;
/** Moves smaller than this part of the distance to zero are looked at without it. */
const FAR = 2.5;
/** A pointer that moved less meant a point, not a range. */
const DRAG_PIXELS = 8;

export class Chart {
  #svg;
  #readout;
  #past = null;
  #closer = null;
  #view = null; // { from, to } in ms; null: all there is
  #mark = null; // the point that is read out, by its time
  #drag = null;
  #zone = "UTC";
  #label = "";
  #onView;

  /** `onView(from, to)` is asked for finer points when a range is chosen; null when it is all of it again. */
  constructor(box, readout, onView) {
    this.#svg = box;
    this.#readout = readout;
    this.#onView = onView;
    new ResizeObserver(() => this.draw()).observe(box);
    box.addEventListener("keydown", (event) => this.#key(event));
    box.addEventListener("pointerdown", (event) => this.#down(event));
    box.addEventListener("pointermove", (event) => this.#move(event));
    box.addEventListener("pointerup", (event) => this.#up(event));
    box.addEventListener("pointerleave", () => this.#read(null));
    box.addEventListener("dblclick", () => this.look(null));
  }

  /** Show a Past, and of the range that is looked at a finer one where there is; `label` says what it is. */
  show(past, closer, zone, label) {
    this.#past = past;
    this.#closer = closer;
    this.#zone = zone;
    this.#label = label;
    this.draw();
  }

  get view() {
    return this.#view;
  }

  /** Look at a range, or at everything (null). */
  look(range) {
    this.#mark = null;
    this.#view = range;
    this.#closer = null;
    this.#onView(range);
    this.draw();
  }

  /** Look closer (factor < 1) or from further away, around what is marked or the middle. */
  zoom(factor) {
    const all = this.#all();
    if (!all) return;
    const { from, to } = this.#view ?? all;
    const centre = this.#mark ?? (this.#view ? (from + to) / 2 : to);
    const span = Math.max(CLOSEST_MS, (to - from) * factor);
    if (span >= all.to - all.from) return this.look(null);
    const begin = Math.min(Math.max(all.from, centre - span / 2), all.to - span);
    return this.look({ from: begin, to: begin + span });
  }

  draw() {
    const box = this.#svg;
    const { clientWidth: width, clientHeight: height } = box;
    if (!width || !height) return;
    box.setAttribute("viewBox", `0 0 ${width} ${height}`);
    const series = this.#shown();
    const found = series.length > 1 ? extremes(series) : null;
    if (!found) {
      const text = this.#past ? "The line begins with the next figures" : "Reading the past";
      box.replaceChildren(svg("text", { x: width / 2, y: height / 2, "text-anchor": "middle" }, text));
      this.#tell(0, 0, `${text}.`);
      return;
    }
    const frame = this.#frame(series, found, width, height);
    box.replaceChildren(...this.#background(frame), ...this.#line(series, found, frame), ...this.#pointed(series, frame));
    this.#describe(series, found);
  }

  #all() {
    const points = this.#past?.points ?? [];
    return points.length > 1 ? { from: points[0].at, to: points.at(-1).at } : null;
  }

  #shown() {
    const series = (this.#view && this.#closer ? this.#closer : this.#past)?.series() ?? [];
    if (!this.#view) return series;
    const { from, to } = this.#view;
    return series.filter(({ at }) => at >= from && at <= to);
  }

  #frame(series, { low, high, last }, width, height) {
    const [top, bottom] = [Number(high.usd), Number(low.usd)];
    // Zero belongs in the picture, unless all moves would be a flat line far away from it.
    const far = Math.max(Math.abs(top), Math.abs(bottom)) > FAR * (top - bottom);
    const highest = this.#view || far ? top : Math.max(0, top);
    const lowest = this.#view || far ? bottom : Math.min(0, bottom);
    const span = highest - lowest || 1;
    const { from, to } = this.#view ?? { from: series[0].at, to: series.at(-1).at };
    const text = TEXT * parseFloat(getComputedStyle(this.#svg).fontSize);
    const [left, above, below] = [MARGIN.left, MARGIN.top, MARGIN.bottom].map((each) => each * text);
    const longest = Math.max(...[high, low, last].map(({ usd }) => signed(usd, { dollar: "$" }).length));
    const plot = width - left - (MARGIN.right + longest * DIGIT) * text;
    return {
      width,
      height,
      left,
      plot,
      text,
      floor: height - below,
      from,
      to,
      x: (at) => left + ((at - from) / Math.max(1, to - from)) * plot,
      y: (usd) => above + ((highest - usd) / span) * (height - above - below),
      when: (x) => from + ((x - left) / plot) * (to - from),
      hasZero: highest >= 0 && lowest <= 0,
    };
  }

  #background({ left, plot, text: size, height, floor, from, to, x, y, hasZero }) {
    const drawn = [];
    if (hasZero) drawn.push(svg("line", { class: "zero", x1: left, x2: left + plot, y1: y(0), y2: y(0) }));
    const step = TICKS.find((each) => ((to - from) / each) * TICK_TEXTS * size < plot) ?? TICKS.at(-1);
    const offset = zoneOffset(from, this.#zone);
    for (let at = Math.ceil((from + offset) / step) * step - offset; at <= to; at += step) {
      const where = x(at);
      if (where < 2 * size || where > left + plot - size) continue;
      const text = step >= DAY ? dayOf(at, this.#zone) : timeOfDay(at, this.#zone, { seconds: false, now: at });
      drawn.push(svg("line", { class: "tick", x1: where, x2: where, y1: floor, y2: floor + 4 }));
      drawn.push(svg("text", { x: where, y: height - size / 4, "text-anchor": "middle" }, text));
    }
    return drawn;
  }

  #line(series, { low, high, last }, { width, height, text: size, x, y, hasZero }) {
    const zero = hasZero ? Math.min(height, Math.max(0, y(0))) : Number(last.usd) < 0 ? 0 : height;
    const clip = (id, top, deep) => svg("clipPath", { id }, svg("rect", { x: 0, y: top, width, height: Math.max(0, deep) }));
    const step = (this.#closer ?? this.#past).stepMs;
    const drawn = [clip("above", 0, zero), clip("below", zero, height - zero)];
    for (const [kind, points] of [["", sureOf(series)], [" unsure", unsureOf(series)]]) {
      const path = linePath(points, step, x, y);
      if (!path) continue;
      drawn.push(svg("path", { class: `line${kind}`, d: path, "clip-path": "url(#above)" }));
      drawn.push(svg("path", { class: `line below${kind}`, d: path, "clip-path": "url(#below)" }));
    }
    if (last === series.at(-1)) {
      drawn.push(svg("circle", { class: Number(last.usd) < 0 ? "now below" : "now", cx: x(last.at), cy: y(Number(last.usd)), r: 3.5 }));
    }
    const taken = [];
    const label = (at, text, kind = "") => {
      if (taken.some((other) => Math.abs(other - at) < 1.25 * size)) return;
      taken.push(at);
      drawn.push(svg("text", { class: kind, x: width - 2, y: at + size / 3, "text-anchor": "end" }, text));
    };
    label(y(Number(last.usd)), signed(last.usd, { dollar: "$" }), "last");
    if (hasZero) label(y(0), "$0");
    for (const { usd } of [high, low]) label(y(Number(usd)), signed(usd, { dollar: "$" }));
    return drawn;
  }

  #pointed(series, { floor, x, y }) {
    const drawn = [];
    const point = this.#marked(series);
    if (this.#drag && Math.abs(this.#drag.x - this.#drag.began) > DRAG_PIXELS) {
      const [left, right] = [this.#drag.began, this.#drag.x].sort((one, other) => one - other);
      drawn.push(svg("rect", { class: "range", x: left, width: right - left, y: 0, height: floor }));
    } else if (point) {
      drawn.push(svg("line", { class: "cross", x1: x(point.at), x2: x(point.at), y1: 0, y2: floor }));
      drawn.push(svg("circle", { class: "cross", cx: x(point.at), cy: y(Number(point.usd)), r: 4 }));
    }
    return drawn;
  }

  #marked(series) {
    const known = series.filter(({ usd }) => usd !== null);
    if (this.#mark === null || !known.length) return null;
    return known.reduce((best, point) => (Math.abs(point.at - this.#mark) < Math.abs(best.at - this.#mark) ? point : best));
  }

  #describe(series, { low, high, last }) {
    const [from, to] = [series[0].at, series.at(-1).at].map((at) => this.#when(at));
    const words = `lowest ${spoken(low.usd)}, highest ${spoken(high.usd)}, last ${spoken(last.usd)}`;
    const point = this.#marked(series);
    const place = point ? series.indexOf(point) : series.length - 1;
    this.#tell(place, series.length - 1, point ? this.#said(point) : `From ${from} to ${to}: ${words}.`);
  }

  /** To those who listen the line is a slider: the arrows move along it, and what they come to is said. */
  #tell(place, most, text) {
    const box = this.#svg;
    box.setAttribute("aria-label", `${this.#label} over time`);
    // Who rests on it is not told each figure that comes.
    if (document.activeElement === box && this.#mark === null && box.hasAttribute("aria-valuetext")) return;
    const values = { "aria-valuemin": 0, "aria-valuemax": most, "aria-valuenow": place, "aria-valuetext": text };
    for (const [name, value] of Object.entries(values)) box.setAttribute(name, value);
  }

  #said({ at, usd }) {
    return `${this.#when(at)}: ${signed(usd, { dollar: "$" })}`;
  }

  #when(at) {
    return timeOfDay(at, this.#zone, { seconds: this.#view !== null, now: this.#past.points.at(-1).at });
  }

  #read(at) {
    this.#mark = at;
    const point = this.#marked(this.#shown());
    say(this.#readout, point ? this.#said(point) : "");
    this.draw();
  }

  #key(event) {
    const series = this.#shown().filter(({ usd }) => usd !== null);
    const here = series.indexOf(this.#marked(series));
    const to = {
      ArrowLeft: here < 0 ? series.length - 1 : Math.max(0, here - (event.shiftKey ? 10 : 1)),
      ArrowRight: here < 0 ? series.length - 1 : Math.min(series.length - 1, here + (event.shiftKey ? 10 : 1)),
      Home: 0,
      End: series.length - 1,
    }[event.key];
    if (to !== undefined && series.length) this.#read(series[to].at);
    else if (event.key === "+" || event.key === "=") this.zoom(0.5);
    else if (event.key === "-") this.zoom(2);
    else if (event.key === "Escape" || event.key === "0") this.look(null);
    else return;
    event.preventDefault();
  }

  #place(event) {
    const x = event.clientX - this.#svg.getBoundingClientRect().left;
    const series = this.#shown();
    const found = series.length > 1 ? extremes(series) : null;
    if (!found) return null;
    return { x, at: this.#frame(series, found, this.#svg.clientWidth, this.#svg.clientHeight).when(x) };
  }

  #down(event) {
    const place = this.#place(event);
    if (!place || event.button !== 0) return;
    this.#drag = { began: place.x, from: place.at, x: place.x };
    this.#svg.setPointerCapture(event.pointerId);
  }

  #move(event) {
    const place = this.#place(event);
    if (!place) return;
    if (this.#drag) this.#drag.x = place.x;
    this.#read(place.at);
  }

  #up(event) {
    const [drag, place] = [this.#drag, this.#place(event)];
    this.#drag = null;
    if (!drag || !place || Math.abs(place.x - drag.began) <= DRAG_PIXELS) return;
    const [from, to] = [drag.from, place.at].sort((one, other) => one - other);
    this.look({ from, to: Math.max(to, from + CLOSEST_MS) });
  }
}

/** Return a series with gaps where it is `partial`. */
function sureOf(series) {
  return series.map(({ at, usd, partial }) => ({ at, usd: partial ? null : usd }));
}

/** Return the rest of it, up to the next points that are known. */
function unsureOf(series) {
  const isNear = (place) => [place - 1, place, place + 1].some((each) => series[each]?.partial);
  return series.map(({ at, usd }, place) => ({ at, usd: isNear(place) ? usd : null }));
}
