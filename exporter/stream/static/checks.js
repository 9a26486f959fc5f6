// The words of truth checks and live feeds, which only the page shows.

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
