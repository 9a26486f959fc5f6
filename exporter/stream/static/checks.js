// The words that only the page shows: of truth checks, of live feeds, and of what is not there.

import { sourceName } from "./words.js";

export const CHECKS = {
  balanced: "Double entry balances",
  api_cost_drift: "API estimates match the bills",
  cash: "Venue cash is explained",
  equity: "Equity matches the venue",
  position: "Contracts match the venue",
  exposure: "Open cost matches the venue",
  realised: "Realised P&L matches the venue",
  fees: "Fees match the venue",
};

/** Of a source's live feed. */
export const FEEDS = { live: "live quotes", connecting: "live quotes connecting", off: "live quotes off" };

/** Say why what one source tells is not there: "Positions are not for this token." */
export function absent({ scope, sequence, sources }, source, what) {
  if (sequence === undefined) return `${what} are not kept between visits.`;
  if (scope === "totals") return `${what} are not for this token: it reads totals.`;
  return sources[source]?.grade === "missing" ? `No figure yet: ${sourceName(source)} has not answered.` : `${what} are not known yet.`;
}
