// The words of the figures, the same on page and widget: names, grades, reasons, states.

import { ago, timeOfDay } from "./figures.js";
import { meaning } from "./reasons.js";

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
const WAYS = { sse: "event stream", polling: "polling" };

/** Return how the connection is, in words: "Live by event stream, 12 ms away". */
export function connectionOf({ name, transport, latency }) {
  if (name !== "live") return STATES[name];
  const way = WAYS[transport] ? ` by ${WAYS[transport]}` : "";
  return STATES.live + way + (latency === null ? "" : `, ${latency} ms away`);
}

/** Return what a source is called. */
export function titleOf({ sources }, source) {
  return sources[source]?.title ?? source;
}

/** Say what is wrong with a source: its own sentence, which names it, or what the code alone tells. */
export function failure(snapshot, source, { sentence, reason }) {
  return sentence ?? `${titleOf(snapshot, source)}: ${meaning(reason)}.`;
}

/** Say what a source in trouble said, since when: "Anthropic answered 403. Since 13:40." */
export function trouble(snapshot, source, error, now) {
  return `${failure(snapshot, source, error)} Since ${timeOfDay(Date.parse(error.since), snapshot.timezone, { seconds: false, now })}.`;
}

/** Return why a figure is not final, with a source's own trouble where that is the reason. */
export function explain({ because = [] }, snapshot, now) {
  return because.map((reason) => {
    if (typeof reason === "string") return reason; // of a snapshot that an older version stored, or kept
    const { source, code, text } = reason;
    const { error } = snapshot.sources[source] ?? {};
    if (error && error.reason === code) return trouble(snapshot, source, error, now);
    return `${titleOf(snapshot, source)}: ${text ?? meaning(code)}`;
  });
}

/** Return grade and age in words: "estimated, as of 14:02:11, 2 s ago". */
export function trust(figure, snapshot, now) {
  if (figure.grade === "missing" || !figure.as_of) return figure.grade === "missing" ? "" : figure.grade;
  const asOf = Date.parse(figure.as_of);
  return `${figure.grade}, as of ${timeOfDay(asOf, snapshot.timezone, { now })}, ${ago(now - asOf)}`;
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
