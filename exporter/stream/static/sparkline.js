// The day in a line: no axis, only zero where it is crossed, and the end that moves.

import { spoken, timeOfDay } from "./figures.js";
import { extremes, linePath, svg } from "./svg.js";

const WIDTH = 300;
const HEIGHT = 44;
const EDGE = 4;

/** Draw a series of { at, usd } into an <svg>; says itself in words, too. */
export function drawSparkline(box, series, stepMs, zone) {
  const found = extremes(series);
  box.replaceChildren();
  box.toggleAttribute("hidden", !found || series.length < 2);
  if (!found || series.length < 2) return;
  const { low, high, last } = found;
  const [top, bottom] = [Number(high.usd), Number(low.usd)];
  const [begin, end] = [series[0].at, series.at(-1).at];
  const x = (at) => EDGE + ((at - begin) / Math.max(1, end - begin)) * (WIDTH - 2 * EDGE);
  const y = (usd) => EDGE + ((top - usd) / (top - bottom || 1)) * (HEIGHT - 2 * EDGE);
  box.setAttribute("viewBox", `0 0 ${WIDTH} ${HEIGHT}`);
  if (top > 0 && bottom < 0) box.append(svg("line", { class: "zero", x1: 0, x2: WIDTH, y1: y(0), y2: y(0) }));
  box.append(svg("path", { class: "line", d: linePath(series, stepMs, x, y) }));
  if (last === series.at(-1)) box.append(svg("path", { class: "end", d: `M${x(last.at)} ${y(Number(last.usd))}h0` }));
  const since = timeOfDay(begin, zone, { seconds: false });
  box.setAttribute("aria-label", `Since ${since}: lowest ${spoken(low.usd)}, highest ${spoken(high.usd)}.`);
}
