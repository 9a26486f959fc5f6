// The words that only the page shows: of checks, feeds, markets, and of what is not there.

import { titleOf } from "./words.js";

const CHECKS = {
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

/** Return what a check is called; one that came with a source goes by its own name. */
export function checkName(check) {
  return CHECKS[check] ?? check.replaceAll("_", " ");
}

/** Return the sources of a kind by name; one that an older exporter states without its kind may be of any. */
export function ofKind({ sources }, kind) {
  return Object.keys(sources).filter((source) => [kind, undefined].includes(sources[source].kind));
}

/** Return a market's own name, and where there are several venues which one's it is. */
export function marketOf(snapshot, key, { source }) {
  const market = key.startsWith(`${source}:`) ? key.slice(source.length + 1) : key;
  const isOneOfSeveral = source && ofKind(snapshot, "venue").length > 1;
  return { market, venue: isOneOfSeveral ? titleOf(snapshot, source) : "" };
}

/** Say why what the sources of a kind tell is not there: "Positions are not for this token." */
export function absent(snapshot, kind, what) {
  const { scope, sequence, sources } = snapshot;
  if (sequence === undefined) return `${what} are not kept between visits.`;
  if (scope === "totals") return `${what} are not for this token: it reads totals.`;
  const unheard = ofKind(snapshot, kind).filter((source) => sources[source].grade === "missing");
  if (!unheard.length) return `${what} are not known yet.`;
  return `No figure yet: ${unheard.map((source) => titleOf(snapshot, source)).join(" and ")} ${unheard.length > 1 ? "have" : "has"} not answered.`;
}
