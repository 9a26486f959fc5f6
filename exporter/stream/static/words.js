// The words of the figures, the same on page and widget: names, grades, reasons, states.

import { ago, sum, timeOfDay } from "./figures.js";

export const WINDOWS = {
  today: "today",
  "24h": "24 hours",
  "7d": "7 days",
  "30d": "30 days",
  mtd: "this month",
  ytd: "this year",
  all: "all time",
};

/** Return what the net of a window is called: "Net today", "Net, last 7 days". */
export function netOf(window) {
  return `Net${/^\d/.test(window) ? ", last" : window === "all" ? "," : ""} ${WINDOWS[window]}`;
}

/** Groups and lines in the order of an income statement. */
export const STATEMENT = [
  {
    label: "Trading",
    lines: {
      trading_realised: "Realised",
      trading_unrealised_change: "Unrealised, change",
      trading_fees: "Fees",
    },
  },
  { label: "Sales", lines: { sales_gross: "Gross", sales_refunds: "Refunds", sales_fees: "Fees" } },
  { label: "API cost", lines: { api_cost_billed: "Billed", api_cost_estimated: "Estimated" } },
];

const SOURCES = { kalshi: "Kalshi", anthropic: "Anthropic", sales: "Sales" };

export const STATES = {
  connecting: "Connecting",
  live: "Live",
  silent: "Nothing new",
  reconnecting: "Reconnecting",
  offline: "Offline",
  resting: "Paused",
  refused: "Refused",
};

/** How the figures reach us, where that is not the best way. */
export const WAYS = { websocket: "", sse: "event stream", polling: "polling" };

const GRADES = ["missing", "stale", "partial", "estimated", "final"];

export function sourceName(source) {
  return SOURCES[source] ?? source;
}

/** Return a reason ("kalshi: 2 positions have no mark") as a sentence's beginning. */
export function reason(text) {
  const [source, ...rest] = text.split(": ");
  return rest.length ? `${sourceName(source)}: ${rest.join(": ")}` : sourceName(text);
}

/** Say what is wrong with a source; one who may read totals only is told that, and no more. */
export function failure(source, { sentence }) {
  const name = sourceName(source);
  if (!sentence) return `${name} is in trouble.`;
  return sentence.includes(name) ? sentence : `${name}: ${sentence}`;
}

/** Say what a source in trouble said, since when: "Anthropic answered 403 since 13:40." */
export function trouble(source, error, zone, now) {
  return `${failure(source, error)} Since ${timeOfDay(Date.parse(error.since), zone, { seconds: false, now })}.`;
}

/** Return why a figure is not final, with each source's own trouble where it has one. */
export function explain(figure, snapshot, now) {
  const reasons = (figure.because ?? []).map(reason);
  if (figure.grade !== "missing" && figure.grade !== "stale") return reasons;
  for (const [source, { error }] of Object.entries(snapshot.sources)) {
    const named = (text) => text === sourceName(source) || text.startsWith(`${sourceName(source)}:`);
    const place = error ? reasons.findIndex(named) : -1;
    if (place >= 0) reasons[place] = trouble(source, error, snapshot.timezone, now);
  }
  return reasons;
}

/** Return grade and age in words: "estimated, as of 14:02:11, 2 s ago". */
export function trust(figure, snapshot, now) {
  if (figure.grade === "missing" || !figure.as_of) return figure.grade === "missing" ? "" : figure.grade;
  const asOf = Date.parse(figure.as_of);
  return `${figure.grade}, as of ${timeOfDay(asOf, snapshot.timezone, { now })}, ${ago(now - asOf)}`;
}

/** Return the group's sum with the worst grade of its lines; no `usd` when one of them has none; null without any. */
export function group(components, ids) {
  const parts = ids.map((id) => components[id]).filter(Boolean);
  if (!parts.length) return null;
  const grade = GRADES[Math.max(0, Math.min(...parts.map((part) => GRADES.indexOf(part.grade))))];
  const known = parts.every(({ usd }) => usd !== undefined);
  return known ? { grade, usd: sum(parts.map(({ usd }) => usd)) } : { grade };
}

/** Say in a sentence or two why what is shown is not what the exporter says now; "" when it is. */
export function caveat({ state, snapshot, kept }, now) {
  const { name, reason: why, since } = state;
  const zone = snapshot?.timezone ?? "UTC";
  const asOf = snapshot && `${timeOfDay(Date.parse(snapshot.as_of), zone, { seconds: false, now })} ${zone}`;
  const shown = !snapshot
    ? "There are no figures to show yet."
    : kept
      ? `These are kept from an earlier visit: they are of ${asOf}.`
      : `These figures are of ${asOf}.`;
  const unheard = `The server has not answered since ${timeOfDay(since, zone, { seconds: false, now })}.`;
  if (name === "offline") return `${why || unheard} ${shown} It is tried again every few seconds.`;
  if (name === "refused") return `${why} ${shown}`;
  if (name === "silent") return `${why || "Nothing new comes: is the exporter running?"} ${shown}`;
  if (name === "connecting" && why) return `${why} ${shown}`;
  return kept ? shown : "";
}
