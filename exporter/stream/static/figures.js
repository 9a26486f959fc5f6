// Amounts and times as people read them. Amounts are exact decimal strings from end to end:
// they are added and rounded as whole numbers, never through a float.

export const MINUS = "−";

/** Split a decimal string into a sign (-1, 0, 1) and its digits. */
export function parts(text) {
  const negative = text.startsWith("-");
  const [whole, decimals = ""] = text.replace(/^[-+]/, "").split(".");
  const zero = /^0*$/.test(whole + decimals);
  return { sign: zero ? 0 : negative ? -1 : 1, whole, decimals };
}

/** Return -1, 0 or 1. */
export function signOf(text) {
  return parts(text).sign;
}

/** Return the exact sum of decimal strings, as a decimal string. */
export function sum(texts) {
  const scale = Math.max(0, ...texts.map((text) => parts(text).decimals.length));
  let total = 0n;
  for (const text of texts) {
    const { sign, whole, decimals } = parts(text);
    total += BigInt(sign) * BigInt(whole + decimals.padEnd(scale, "0"));
  }
  const digits = (total < 0n ? -total : total).toString().padStart(scale + 1, "0");
  const shown = scale ? `${digits.slice(0, -scale)}.${digits.slice(-scale)}` : digits;
  return total < 0n ? `-${shown}` : shown;
}

/** Return -1, 0 or 1 of an amount as it is shown: what rounds to nothing has no direction. */
function shownSign(text, places) {
  return /[1-9]/.test(size(text, places)) ? signOf(text) : 0;
}

/** Return the name of an amount's direction. */
export function tone(text, places = 2) {
  return ["zero", "gain", "loss"].at(shownSign(text, places));
}

/** Return an amount's sign as a character; zero has none. */
export function signMark(text, places = 2) {
  return ["", "+", MINUS].at(shownSign(text, places));
}

export function negate(text) {
  return text.startsWith("-") ? text.slice(1) : `-${text}`;
}

/** Return the size of an amount, rounded half up to `places` decimals, thousands separated, unsigned. */
export function size(text, places = 2) {
  const { whole, decimals } = parts(text);
  const kept = decimals.padEnd(places, "0").slice(0, places);
  let number = BigInt(whole + kept);
  if (Number(decimals[places] ?? "0") >= 5) number += 1n;
  const digits = number.toString().padStart(places + 1, "0");
  const dollars = (places ? digits.slice(0, -places) : digits).replace(/\B(?=(\d{3})+$)/g, ",");
  return places ? `${dollars}.${digits.slice(-places)}` : dollars;
}

/** Whether an amount is so large that its cents are noise. */
export function isLarge(text, digits = 6) {
  return parts(text).whole.replace(/^0+/, "").length >= digits;
}

/** Return an amount with its sign as a character; zero has none. */
export function signed(text, { places = 2, dollar = "" } = {}) {
  return `${signMark(text, places)}${dollar}${size(text, places)}`;
}

/** Return an amount for a screen reader. */
export function spoken(text) {
  return `${["", "plus ", "minus "].at(shownSign(text, 2))}${size(text)} dollars`;
}

const clocks = new Map();

export function clock(zone, options) {
  const key = zone + JSON.stringify(options);
  if (!clocks.has(key)) {
    const shape = { ...options, hourCycle: "h23" };
    try {
      clocks.set(key, new Intl.DateTimeFormat("en-GB", { ...shape, timeZone: zone }));
    } catch {
      clocks.set(key, new Intl.DateTimeFormat("en-GB", { ...shape, timeZone: "UTC" }));
    }
  }
  return clocks.get(key);
}

export const DAY = { year: "numeric", month: "2-digit", day: "2-digit" };

/** Return a time of day in `zone`, with the date when that is not today's. */
export function timeOfDay(ms, zone, { seconds = true, now = Date.now() } = {}) {
  const time = clock(zone, { hour: "2-digit", minute: "2-digit", ...(seconds && { second: "2-digit" }) }).format(ms);
  const sameDay = clock(zone, DAY).format(ms) === clock(zone, DAY).format(now);
  return sameDay ? time : `${dayOf(ms, zone)}, ${time}`;
}

/** Return the day of a time in `zone`: "22 Nov". */
export function dayOf(ms, zone) {
  return clock(zone, { day: "numeric", month: "short" }).format(ms);
}

/** Return how long ago that was, in words. */
export function ago(ms) {
  return ms < 1000 ? "just now" : `${age(ms)} ago`;
}

/** Return a length of time in words. */
export function age(ms) {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 86400) return `${Math.floor(seconds / 3600)} h ${Math.floor((seconds % 3600) / 60)} min`;
  return `${Math.floor(seconds / 86400)} d ${Math.floor((seconds % 86400) / 3600)} h`;
}
