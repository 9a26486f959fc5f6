// Net over time as one line, with a look closer: drag a range, or use the keys and buttons.
// Floats are for pixels only; every label is the exact string it was given.

import { say } from "./dom.js";
import { dayOf, signed, spoken, timeOfDay } from "./figures.js";
import { extremes, linePath, svg } from "./svg.js";
import { zoneOffset } from "./zone.js";

const MARGIN = { top: 12, right: 78, bottom: 20, left: 2 };
const MINUTE = 60_000;
const DAY = 1440 * MINUTE;
/** Distances between marks of time; the first that leaves them apart is taken. */
const TICKS = [1, 2, 5, 15, 30, 60, 180, 360, 720, 1440, 2880, 7200, 14400, 43200, 129600].map((each) => each * MINUTE);
const TICK_PIXELS = 90;
/** Nothing is to be seen closer than this. */
const CLOSEST_MS = 2 * MINUTE;
/** Moves smaller than this part of the distance to zero are looked at without it. */
const FAR = 6;
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
      box.setAttribute("aria-label", `${this.#label}: ${text.toLowerCase()}.`);
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

  #frame(series, { low, high }, width, height) {
    const [top, bottom] = [Number(high.usd), Number(low.usd)];
    // Zero belongs in the picture, unless all moves would be a flat line far away from it.
    const far = Math.max(Math.abs(top), Math.abs(bottom)) > FAR * (top - bottom);
    const highest = this.#view || far ? top : Math.max(0, top);
    const lowest = this.#view || far ? bottom : Math.min(0, bottom);
    const span = highest - lowest || 1;
    const { from, to } = this.#view ?? { from: series[0].at, to: series.at(-1).at };
    const plot = width - MARGIN.left - MARGIN.right;
    const deep = height - MARGIN.top - MARGIN.bottom;
    return {
      width,
      height,
      plot,
      from,
      to,
      x: (at) => MARGIN.left + ((at - from) / Math.max(1, to - from)) * plot,
      y: (usd) => MARGIN.top + ((highest - usd) / span) * deep,
      when: (x) => from + ((x - MARGIN.left) / plot) * (to - from),
      hasZero: highest >= 0 && lowest <= 0,
    };
  }

  #background({ plot, height, from, to, x, y, hasZero }) {
    const drawn = [];
    if (hasZero) drawn.push(svg("line", { class: "zero", x1: MARGIN.left, x2: MARGIN.left + plot, y1: y(0), y2: y(0) }));
    const step = TICKS.find((each) => ((to - from) / each) * TICK_PIXELS < plot) ?? TICKS.at(-1);
    const offset = zoneOffset(from, this.#zone);
    for (let at = Math.ceil((from + offset) / step) * step - offset; at <= to; at += step) {
      const where = x(at);
      if (where < 22 || where > MARGIN.left + plot - 14) continue;
      const text = step >= DAY ? dayOf(at, this.#zone) : timeOfDay(at, this.#zone, { seconds: false, now: at });
      drawn.push(svg("line", { class: "tick", x1: where, x2: where, y1: height - MARGIN.bottom, y2: height - MARGIN.bottom + 4 }));
      drawn.push(svg("text", { x: where, y: height - 3, "text-anchor": "middle" }, text));
    }
    return drawn;
  }

  #line(series, { low, high, last }, { width, height, x, y, hasZero }) {
    const zero = hasZero ? Math.min(height, Math.max(0, y(0))) : Number(last.usd) < 0 ? 0 : height;
    const clip = (id, top, deep) => svg("clipPath", { id }, svg("rect", { x: 0, y: top, width, height: Math.max(0, deep) }));
    const path = linePath(series, (this.#closer ?? this.#past).stepMs, x, y);
    const drawn = [clip("above", 0, zero), clip("below", zero, height - zero)];
    drawn.push(svg("path", { class: "line gain", d: path, "clip-path": "url(#above)" }));
    drawn.push(svg("path", { class: "line loss", d: path, "clip-path": "url(#below)" }));
    if (last === series.at(-1)) {
      drawn.push(svg("circle", { class: Number(last.usd) < 0 ? "now loss" : "now gain", cx: x(last.at), cy: y(Number(last.usd)), r: 3.5 }));
    }
    const taken = [];
    const label = (at, text) => {
      if (taken.some((other) => Math.abs(other - at) < 15)) return;
      taken.push(at);
      drawn.push(svg("text", { x: width - 2, y: at + 4, "text-anchor": "end" }, text));
    };
    label(y(Number(last.usd)), signed(last.usd, { dollar: "$" }));
    if (hasZero) label(y(0), "$0");
    for (const { usd } of [high, low]) label(y(Number(usd)), signed(usd, { dollar: "$" }));
    return drawn;
  }

  #pointed(series, { height, x, y }) {
    const drawn = [];
    const point = this.#marked(series);
    if (this.#drag && Math.abs(this.#drag.x - this.#drag.began) > DRAG_PIXELS) {
      const [left, right] = [this.#drag.began, this.#drag.x].sort((one, other) => one - other);
      drawn.push(svg("rect", { class: "range", x: left, width: right - left, y: 0, height: height - MARGIN.bottom }));
    } else if (point) {
      drawn.push(svg("line", { class: "cross", x1: x(point.at), x2: x(point.at), y1: 0, y2: height - MARGIN.bottom }));
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
    this.#svg.setAttribute("aria-label", `${this.#label} from ${from} to ${to}: ${words}.`);
  }

  #when(at) {
    return timeOfDay(at, this.#zone, { seconds: this.#view !== null, now: this.#past.points.at(-1).at });
  }

  #read(at, aloud = false) {
    this.#mark = at;
    const point = this.#marked(this.#shown());
    const text = point ? `${this.#when(point.at)}: ${signed(point.usd, { dollar: "$" })}` : "";
    this.#readout.setAttribute("aria-live", aloud ? "polite" : "off");
    say(this.#readout, text);
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
    if (to !== undefined && series.length) this.#read(series[to].at, true);
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
