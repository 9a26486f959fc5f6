// Amounts divided: as whole numbers, and rounded once. Only the page does so.

import { parts } from "./figures.js";

/** Return an amount divided by a count, rounded half up (away from zero) to `places` decimals. */
export function divide(text, count, places = 2) {
  const { sign, whole, decimals } = parts(text);
  const scaled = BigInt(whole + decimals) * 10n ** BigInt(places);
  const divisor = BigInt(count) * 10n ** BigInt(decimals.length);
  const digits = ((2n * scaled + divisor) / (2n * divisor)).toString().padStart(places + 1, "0");
  const shown = places ? `${digits.slice(0, -places)}.${digits.slice(-places)}` : digits;
  return sign < 0 ? `-${shown}` : shown;
}
