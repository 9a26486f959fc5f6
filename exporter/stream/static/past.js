// How some figures moved: what the server remembers, and what has come since. Amounts stay the strings they are.

/** Points kept: more than a screen has pixels. Beyond, every second one goes, the newest and the ends apart. */
const MOST_POINTS = 1_500;

export class Past {
  /** { at (ms), values: an amount or null for each field } */
  points = [];

  /** `fields` are such as "today.net", or "mtd.api_cost_billed". */
  constructor(fields, stepMs) {
    this.fields = fields;
    this.stepMs = stepMs;
  }

  /** Read what the server remembers from `from` on (ms). What came meanwhile stays, where it is newer. */
  async load(client, from, to = null) {
    const query = new URLSearchParams({
      from: new Date(from).toISOString(),
      ...(to && { to: new Date(to).toISOString() }),
      step: String(this.stepMs / 1000),
      fields: this.fields.join(","),
    });
    const { points } = await client.ask(`/api/pnl/history?${query}`);
    const known = points.map(({ at, values }) => ({ at: Date.parse(at), values }));
    const last = known.at(-1)?.at ?? -Infinity;
    this.points = [...known, ...this.points.filter(({ at }) => at > last)];
    return this;
  }

  /** Read about `count` points since `from`, however much of that time is known. */
  async loadSince(client, from, count) {
    await this.load(client, from);
    const now = Date.parse(client.snapshot.as_of);
    const first = this.points[0]?.at ?? from;
    // What began long after `from` would be a handful of points: it is read once more, finer.
    const finer = stepFor(now - first, count);
    if (finer * 2 > this.stepMs) return this;
    const begin = Math.max(first - this.stepMs, now - finer * 2 * count);
    this.stepMs = finer;
    return this.load(client, begin);
  }

  /** Take the newest values in; within one step the last one stands. */
  add({ as_of: asOf, windows }) {
    const at = Date.parse(asOf);
    const values = this.fields.map((field) => valueOf(windows, field));
    const last = this.points.at(-1);
    if (last && at <= last.at) return;
    const before = this.points.at(-2);
    const known = (point) => point.values.every((value, place) => (value === null) === (values[place] === null));
    if (before && at - before.at < this.stepMs && known(last)) this.points.pop();
    this.points.push({ at, values });
    if (this.points.length > MOST_POINTS) {
      this.points = this.points.filter((_, place, all) => place % 2 === 0 || place === all.length - 1);
    }
  }

  /** Return { at, usd } of every point for one field. */
  series(field = this.fields[0]) {
    const place = this.fields.indexOf(field);
    return this.points.map(({ at, values }) => ({ at, usd: values[place] ?? null }));
  }

  /** Return the last known { at, usd } at or before `at`, or null. */
  valueAt(at, field = this.fields[0]) {
    return this.series(field).findLast((point) => point.at <= at && point.usd !== null) ?? null;
  }

  /** Return what a change since `from` is measured from: the value then, else the first one known after it. */
  baseline(from, field = this.fields[0]) {
    return this.valueAt(from, field) ?? this.series(field).find(({ usd }) => usd !== null) ?? null;
  }
}

/** Return the step with which a time has about `count` points, in ms: whole seconds, one at least. */
export function stepFor(span, count) {
  return Math.max(1, Math.ceil(span / count / 1000)) * 1000;
}

function valueOf(windows, field) {
  const dot = field.indexOf(".");
  const { net, components } = windows[field.slice(0, dot)] ?? {};
  const name = field.slice(dot + 1);
  return (name === "net" ? net : components?.[name])?.usd ?? null;
}
