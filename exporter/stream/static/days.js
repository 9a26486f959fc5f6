// Days as they are written, 2026-11-26: in a zone, and so many later. No clock changes between them.

import { DAY, clock } from "./figures.js";

/** Return the day that it is in `zone`. */
export function dayIn(ms, zone) {
  const said = Object.fromEntries(clock(zone, DAY).formatToParts(ms).map(({ type, value }) => [type, value]));
  return `${said.year}-${said.month}-${said.day}`;
}

/** Return the day so many days and months later; where its month is shorter, the last one of it. */
export function later(day, days, months = 0) {
  const [year, month, date] = day.split("-").map(Number);
  const last = new Date(Date.UTC(year, month + months, 0)).getUTCDate();
  return new Date(Date.UTC(year, month - 1 + months, (months ? Math.min(date, last) : date) + days)).toISOString().slice(0, 10);
}

/** Return which day of the week it is; Monday is 0. */
export function weekday(day) {
  return (new Date(day).getUTCDay() + 6) % 7;
}

/** Whether a text is a day, and one that there is. */
export function isDay(text) {
  return /^\d{4}-\d\d-\d\d$/.test(text) && text >= "1970" && !Number.isNaN(Date.parse(text)) && later(text, 0) === text;
}
