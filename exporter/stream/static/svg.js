// Lines in SVG: what chart and sparkline have in common. Floats are for pixels only.

/** Return an SVG element. */
export function svg(name, attributes = {}, ...children) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}

/** Return the path of a series of { at, usd }. A gap in time, or a missing figure, interrupts it. */
export function linePath(series, stepMs, x, y) {
  const hole = Math.max(3 * stepMs, 300_000);
  let path = "";
  let before = null;
  for (const { at, usd } of series) {
    if (usd !== null) path += `${before !== null && at - before < hole ? "L" : "M"}${x(at).toFixed(1)} ${y(Number(usd)).toFixed(1)}`;
    before = usd === null ? null : at;
  }
  return path;
}

/** Return the points with the lowest and the highest amount; null when none is known. */
export function extremes(series) {
  const known = series.filter(({ usd }) => usd !== null);
  if (!known.length) return null;
  let [low, high] = [known[0], known[0]];
  for (const point of known) {
    if (Number(point.usd) < Number(low.usd)) low = point;
    if (Number(point.usd) > Number(high.usd)) high = point;
  }
  return { low, high, last: known.at(-1) };
}
