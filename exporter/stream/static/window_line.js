// The line of a window of the calendar, from its first moment on: what the records say of it, and then the
// figures as they come. Without an answer it is what is remembered of the window, and nothing else.

/** The same window is asked for again this often at most. */
const AGAIN_MS = 60_000;
/** What is asked for, by window: the period, and how far apart the points are. */
const PERIODS = {
  mtd: { period: "month", step: "hour" },
  ytd: { period: "year", step: "day" },
};

export class WindowLine {
  #read;
  #answers = new Map(); // window -> { of, at, points, asOf }

  /** `read` is called when an answer is there. */
  constructor(read) {
    this.#read = read;
  }

  /** Ask for what a window has come from: once, and anew when it begins anew or its grade is another. */
  follow(client, window) {
    const { from, net } = client.snapshot?.windows[window] ?? {};
    if (!PERIODS[window] || client.kept || !from) return;
    const known = this.#answers.get(window);
    const of = `${from} ${client.snapshot.as_of.slice(0, 10)} ${net.grade}`;
    if (known?.of === of || Date.now() - (known?.at ?? 0) < AGAIN_MS) return;
    this.#answers.set(window, { ...known, of, at: Date.now() });
    client.ask(`/api/pnl/course?${new URLSearchParams(PERIODS[window])}`).then(
      ({ from: begin, as_of: asOf, points }) => {
        if (begin !== from) return;
        const read = points.map(({ at, usd = null, partial = false }) => ({ at: Date.parse(at), usd, partial }));
        this.#answers.set(window, { of, at: Date.now(), begin, asOf: Date.parse(asOf), points: read });
        this.#read();
      },
      () => {}, // not for this token, or of a server that knows none: what is remembered stays
    );
  }

  /** Return the line for the chart: points in order, the live figure last. */
  of(window, past, begin) {
    const known = this.#answers.get(window);
    if (!past || !known?.points || known.begin !== begin) return past;
    return lineOf(known, past);
  }
}

/** Return the points of an answer, and those that have come since it was given. */
export function lineOf({ points, asOf }, past) {
  const last = points.at(-1);
  const since = past.series().filter(({ at }) => at > asOf).map((point) => ({ ...point, partial: last?.partial ?? false }));
  const all = [...points, ...since];
  // No stretch of it is a hole: where nobody looked, the records say what happened.
  return { points: all, stepMs: Infinity, hasPartial: all.some(({ partial }) => partial), series: () => all };
}
