// Types of /client.js.

// Money is an exact decimal string. What may be absent has no key: there is no null. Keys may be added; a key is
// never given another meaning. A snapshot that was kept from an earlier visit has only what a headline needs.

// <snapshot-types>
/** Worst first. Every figure has one; a sum has the worst of its parts. */
export type Grade = "missing" | "stale" | "partial" | "estimated" | "final";

/** What a statement is of. All end now. */
export type Window = "today" | "24h" | "7d" | "30d" | "mtd" | "ytd" | "all";

/** All figures at one moment. Keys may be added; a key is never given another meaning. */
export interface Snapshot {
  /** The name of one database's numbering. */
  epoch?: string;
  /** The number of the snapshot in it. */
  sequence?: number;
  /** The time that the snapshot speaks of. */
  as_of: string;
  /** What amounts are stated in. */
  currency: "USD";
  /** Whose midnights calendar windows begin at. */
  timezone: string;
  /** The price at which positions are valued. */
  mark_rule?: "bid" | "mid" | "last";
  /** Which contracts are sold first. */
  lot_rule?: "average" | "fifo";
  /** Profit and loss by window. */
  windows: Record<Window, WindowStatement>;
  /** The sources that take part, by name. */
  sources: Record<string, SourceStatus>;
  /** The truth checks, by name. */
  checks?: Record<string, Check>;
  /** Unrealised P&L of all marked open positions; absent without a venue. */
  unrealised?: StatedFigure;
  /** Open positions by market; but for the first venue its name stands before it: `hedge:MARKET`. */
  positions?: Record<string, Position>;
  /** By venue. */
  accounts?: Record<string, VenueAccount>;
  /** Results of trading by window. */
  trading?: Record<Window, TradingResults>;
  /** What can still be lost. */
  exposure?: Exposure;
  /** By venue, where there are several. */
  venues?: Record<string, VenueTotals>;
  /** Sales counted by window; absent while none are known. */
  sales?: Record<Window, SalesCounts>;
  /** API cost in detail; absent while none is known. */
  api_cost?: ApiCost;
  /** What speaks against figures, with the time that it is about; absent while nothing does. */
  doubts?: StatedDoubt[];
  /** What the sources have said otherwise; absent before any. */
  restatements?: Restatements;
  /** Limits that are set, by name with their unit. */
  limits?: Record<string, string>;
  /** Whether the figures are made up. */
  demo?: boolean;
  /** Added for a token that may not see everything; never stored. */
  scope?: "totals";
  [key: string]: unknown;
}

/** The profit and loss of one window. */
export interface WindowStatement {
  /** Where the window begins. */
  from: string;
  /** Where it ends: the time of the snapshot. */
  to: string;
  /** The profit or loss: the sum of the components, exactly. */
  net: StatedFigure;
  /** Signed contributions: a cost is negative. Absent for a source that is off. */
  components: Record<string, StatedFigure>;
  /** The same by source, for sources of a kind that has several. */
  by_source?: Record<string, SourceShare>;
}

/** An amount with its certainty. A figure graded `missing` has no `usd`: unknown is not zero. */
export interface StatedFigure {
  /** How far it can be trusted; a sum has the worst grade of its parts. */
  grade: Grade;
  /** The amount; absent when it is missing. */
  usd?: string;
  /** The time that the oldest part of it speaks of. */
  as_of?: string;
  /** What keeps it from being final. */
  because?: Reason[];
}

/** Why a figure is not final: the source it lies with, a code that programs go by, a text for people. */
export interface Reason {
  /** The source that it lies with. */
  source: string;
  /** What it is, one word for each cause. */
  code: string;
  /** The same for people; it may name markets and models. */
  text: string;
}

/** What one source has brought to a window. */
export interface SourceShare {
  /** The sum of its components. */
  net: StatedFigure;
  /** Signed contributions, by component. */
  components: Record<string, StatedFigure>;
}

/** How a source stands. */
export interface SourceStatus {
  /** What people call it. */
  title: string;
  /** Which books it feeds. */
  kind: "venue" | "sales" | "api_cost" | "other";
  /** `final` while it is fresh. */
  grade: Grade;
  /** How its live feed stands; absent without one. */
  live?: "live" | "connecting" | "off";
  /** Since when it does. */
  live_since?: string;
  /** The time that its figures speak of. */
  as_of?: string;
  /** When it last answered completely. */
  last_success?: string;
  /** What is missing of its past. */
  history?: string[];
  /** Absent while its last reading succeeded. */
  error?: Trouble;
  /** Rows of its lists that cannot be read; absent without any. */
  aside?: number;
  /** Moments that it dates ahead of now, which count when they come; absent without any. */
  ahead?: number;
}

/** What is wrong with a source. */
export interface Trouble {
  /** One word, as in the table of reasons. */
  reason: string;
  /** What happened, for people. */
  sentence: string;
  /** Since when. */
  since: string;
}

/** Something that must hold in every snapshot. */
export interface Check {
  /** Whether it holds. */
  ok: boolean;
  /** What it is off by, in dollars. */
  usd?: string;
  /** What it is off by, in contracts. */
  contracts?: string;
  /** What it may be off by, where that is not zero. */
  tolerance_usd?: string;
  /** Where the difference is, for people. */
  detail?: string;
  /** Which lot rule the venue's exposure agrees with. */
  lots?: string;
  /** Since when it is off by that; absent where nobody knows. */
  since?: string;
  /** The components that it speaks against; absent while it holds. */
  doubts?: string[];
  /** What each market is off by whose figures it speaks against. */
  markets?: Record<string, string>;
  /** By source, where several have it. */
  parts?: Record<string, CheckPart>;
}

/** A truth check of one source. */
export interface CheckPart {
  /** Whether it holds. */
  ok: boolean;
  /** What it is off by, in dollars. */
  usd?: string;
  /** What it is off by, in contracts. */
  contracts?: string;
  /** What it may be off by, where that is not zero. */
  tolerance_usd?: string;
  /** Where the difference is, for people. */
  detail?: string;
  /** Which lot rule the venue's exposure agrees with. */
  lots?: string;
  /** Since when it is off by that; absent where nobody knows. */
  since?: string;
  /** The components that it speaks against; absent while it holds. */
  doubts?: string[];
  /** What each market is off by whose figures it speaks against. */
  markets?: Record<string, string>;
}

/** Open contracts of one market. */
export interface Position {
  /** The venue that they are held at. */
  source: string;
  /** The side held. */
  side: "yes" | "no";
  /** How many contracts. */
  count: string;
  /** What they cost. */
  cost: string;
  /** The price of one; absent while nobody quotes it. */
  mark?: string;
  /** What they are worth at the mark. */
  value?: string;
  /** The value less the cost. */
  unrealised?: string;
  /** `missing` without a mark, `stale` with an old one. */
  grade: Grade;
  /** Since when the mark has its value. */
  as_of?: string;
}

/** An account at a venue, by the venue's own statement. */
export interface VenueAccount {
  /** Cash. */
  cash: string;
  /** Value of the open positions. */
  portfolio_value: string;
  /** Both together. */
  equity: string;
  /** What deposits brought, less what withdrawals took. */
  paid_in: string;
  /** When the venue said so. */
  as_of: string;
  /** What came beside all lists of the venue. */
  other_cash?: string;
  /** Cash that nothing explains; absent when it is zero. */
  unexplained?: string;
}

/** How trading went in a window. Ratios are absent where nothing is divided. */
export interface TradingResults {
  /** Round trips that made money. */
  wins: number;
  /** Round trips that lost money. */
  losses: number;
  /** Round trips that did neither. */
  even: number;
  /** Deepest fall of realised P&L after fees from a peak. */
  max_drawdown_usd: string;
  /** Wins as a share of all. */
  win_ratio?: string;
  /** What was won divided by what was lost. */
  profit_factor?: string;
  /** Fees as a share of realised P&L before fees. */
  fee_ratio?: string;
}

/** The most that open positions can still lose. */
export interface Exposure {
  /** The cost of all open positions. */
  usd: string;
  /** Absent while nothing is open. */
  largest?: LargestPosition;
}

/** The open position that has cost the most. */
export interface LargestPosition {
  /** Its key in `positions`. */
  market: string;
  /** Its cost. */
  usd: string;
}

/** What is open at one venue. */
export interface VenueTotals {
  /** Unrealised P&L of its marked positions. */
  unrealised: StatedFigure;
  /** The cost of its positions. */
  exposure: string;
}

/** Sales of a window, counted, and what each comes to. No count while a shop has never answered. */
export interface SalesCounts {
  /** Paid sales that were made in the window. */
  orders?: number;
  /** Refunds that were given in it, of whatever sale. */
  refunds?: number;
  /** Absent without an order. */
  per_order?: PerOrder;
  /** By shop, where there are several. */
  by_source?: Record<string, ShopCounts>;
}

/** What an order brings, and what it costs. A figure whose source is switched off is absent. */
export interface PerOrder {
  /** Gross sales by order. */
  average_order?: PerOrderFigure;
  /** API cost by order, positive. */
  api_cost_per_order?: PerOrderFigure;
  /** Sales after refunds, processing and API cost, by order. */
  contribution_per_order?: PerOrderFigure;
  /** Refunds given divided by orders. */
  refund_ratio?: PerOrderFigure;
}

/** An amount divided by the orders of a window. */
export interface PerOrderFigure {
  /** The quotient; absent when a part of it is missing. */
  value?: string;
  /** The worst of its parts. */
  grade: Grade;
}

/** The sales of one shop, counted. */
export interface ShopCounts {
  /** Paid sales that were made in the window. */
  orders: number;
  /** Refunds that were given in it, of whatever sale. */
  refunds: number;
}

/** API cost beside its components. */
export interface ApiCost {
  /** In detail, by window. */
  windows: Record<Window, ApiCostWindow>;
  /** What ids are called. */
  names: ApiNames;
  /** Use without a price. */
  unpriced: UnpricedTokens[];
  /** Bills that changed. */
  restatements: BillRestatements;
  /** How good the last estimate was. */
  drift?: DayDrift;
  /** Dollars a day. */
  burn_rate?: BurnRate;
  /** Absent while too few days are known. */
  forecast?: MonthForecast;
  /** `total`, and by workspace. */
  budgets?: Record<string, BudgetStanding>;
  /** Absent where none was stated. */
  credit?: CreditStanding;
}

/** API cost of a window in detail. */
export interface ApiCostWindow {
  /** The dearest of the last 30 days by name, the rest as `other`. */
  by: CostByDimension;
  /** Tokens used. */
  tokens: TokenCounts;
  /** Bounds of what is not billed yet. */
  estimated: EstimateRange;
  /** Prompt caches. */
  cache: CacheUse;
}

/** API cost of a window, positive; in each dimension it sums to all of it. */
export interface CostByDimension {
  /** By model; `none` names no model. */
  model: Record<string, string>;
  /** By workspace. */
  workspace: Record<string, string>;
  /** By kind of token, or by cost type where it is not for tokens. */
  kind: Record<string, string>;
  /** By service tier. */
  tier: Record<string, string>;
  /** By key, allocated by the tokens each used. */
  api_key: Record<string, string>;
}

/** Tokens that were used in a window. */
export interface TokenCounts {
  /** By kind. */
  kind: TokenKinds;
  /** By model. */
  model: Record<string, number>;
}

/** Tokens by kind; the kinds are disjoint. */
export interface TokenKinds {
  /** Of prompts, read anew. */
  uncached_input: number;
  /** Of prompts, written to a cache for five minutes. */
  cache_write_5m: number;
  /** Of prompts, written to a cache for an hour. */
  cache_write_1h: number;
  /** Of prompts, read from a cache. */
  cache_read: number;
  /** Of answers. */
  output: number;
}

/** What is not billed yet comes to. */
export interface EstimateRange {
  /** The least: what is booked. */
  low: string;
  /** The most. */
  high: string;
}

/** What prompt caches did. */
export interface CacheUse {
  /** What they saved by list price, less what it cost to write them. */
  saved_usd: string;
  /** Tokens read from a cache, of those of prompts. */
  hit_ratio?: string;
}

/** What the ids in `by` are called. */
export interface ApiNames {
  /** By id. */
  workspaces: Record<string, WorkspaceTitle>;
  /** By id. */
  api_keys: Record<string, ApiKeyTitle>;
}

/** What a workspace is called. */
export interface WorkspaceTitle {
  /** Its name. */
  name: string;
  /** Whether it is archived. */
  archived: boolean;
}

/** What an API key is called. */
export interface ApiKeyTitle {
  /** Its name. */
  name: string;
  /** `active`, `inactive` or `archived`. */
  status: string;
  /** The workspace that it belongs to. */
  workspace: string;
}

/** Tokens of unbilled days that no list price is known for. */
export interface UnpricedTokens {
  /** The model. */
  model: string;
  /** `model`, or what of its use has no price. */
  reason: string;
  /** How many. */
  tokens: number;
}

/** Bills that changed after they were there. */
export interface BillRestatements {
  /** How many, in all that is stored. */
  count: number;
  /** The last few, the newest last. */
  latest: BillRestatement[];
}

/** A bill that changed after it was there. */
export interface BillRestatement {
  /** The day that was billed. */
  day: string;
  /** What it was. */
  before: string;
  /** What it is. */
  after: string;
  /** When the new one was read. */
  at: string;
}

/** The newest day whose bill is final and was estimated. */
export interface DayDrift {
  /** The day. */
  day: string;
  /** The estimate. */
  estimate: string;
  /** Its upper bound. */
  high: string;
  /** The bill, of what could be estimated. */
  billed: string;
  /** The bill less the estimate. */
  usd: string;
  /** That as a share of the bill. */
  ratio?: string;
  /** What of the bill usage cannot show, or has no list price. */
  unestimated: string;
  /** The same by model. */
  models: Record<string, ModelDrift>;
}

/** A bill beside the estimate that stood there before it. */
export interface ModelDrift {
  /** The estimate. */
  estimate: string;
  /** Its upper bound. */
  high: string;
  /** The bill. */
  billed: string;
  /** The bill less the estimate. */
  usd: string;
  /** That as a share of the bill. */
  ratio?: string;
}

/** What the last finished days have cost on average. */
export interface BurnRate {
  /** Dollars a day. */
  usd_per_day: string;
  /** Days that are known, of the last seven. */
  days: number;
}

/** What the calendar month is expected to cost. */
export interface MonthForecast {
  /** Such as 2026-11. */
  month: string;
  /** At the least. */
  low: string;
  /** As expected. */
  mid: string;
  /** At the most. */
  high: string;
}

/** How a budget of the calendar month stands. */
export interface BudgetStanding {
  /** The budget. */
  usd: string;
  /** What of it is spent. */
  spent: string;
  /** The same as a share. */
  used_ratio: string;
  /** Highest step in percent that was reached: 0, 50, 80 or 100. */
  step: number;
  /** The day that uses it up at the earliest. */
  gone_earliest?: string;
  /** The day that is expected to use it up. */
  gone?: string;
  /** The day that uses it up at the latest. */
  gone_latest?: string;
  /** What the month is expected to come to. */
  forecast?: ForecastRange;
}

/** What is expected, and between which bounds. */
export interface ForecastRange {
  /** At the least. */
  low: string;
  /** As expected. */
  mid: string;
  /** At the most. */
  high: string;
}

/** How prepaid credit stands. */
export interface CreditStanding {
  /** What was paid. */
  usd: string;
  /** When. */
  since: string;
  /** What is left. */
  left: string;
  /** The day that uses it up at the earliest. */
  gone_earliest?: string;
  /** The day that is expected to use it up. */
  gone?: string;
  /** The day that uses it up at the latest. */
  gone_latest?: string;
}

/** Something that speaks against figures: rows that cannot be read, or that contradict each other. */
export interface StatedDoubt {
  /** The source that it lies with. */
  source: string;
  /** What it is, one word for each cause, as in the reasons of a figure. */
  code: string;
  /** The same for people. */
  text: string;
  /** The lines of the statement that rest on it. */
  components: string[];
  /** The market, sale or day that it lies in; absent where it is in none. */
  scope?: string;
  /** When that was at the earliest; absent where nobody knows. */
  since?: string;
  /** When it was at the latest; absent where nobody knows. */
  until?: string;
}

/** What the sources have said otherwise. */
export interface Restatements {
  /** How many, in all that is stored. */
  count: number;
  /** The last few, the newest last. */
  latest: StatedRestatement[];
}

/** What a source has said otherwise: a record that was amended, taken back, or listed late. */
export interface StatedRestatement {
  /** The source. */
  source: string;
  /** The kind of record. */
  kind: string;
  /** Its id. */
  key: string;
  /** When it happened. */
  happened_at: string;
  /** Its amounts as they were said; absent where nothing was. */
  before?: Record<string, string>;
  /** Its amounts as they are said. */
  after: Record<string, string>;
  /** When that was read. */
  at: string;
}
// </snapshot-types>

/** A JSON Merge Patch (RFC 7396). */
export type Patch = { [key: string]: unknown };

export interface State {
  name: "connecting" | "live" | "silent" | "reconnecting" | "offline" | "resting" | "refused";
  /** Since when, in ms. */
  since: number;
  transport: "websocket" | "sse" | "polling" | null;
  /** A sentence, or "". */
  reason: string;
  /** There and back, in ms. */
  latency: number | null;
  /** When it is tried again, in ms. */
  retryAt: number | null;
}

export interface Update {
  snapshot: Snapshot;
  previous: Snapshot | null;
  /** What led from the previous snapshot to this one; null when it came whole. */
  delta: Patch | null;
  /** Why it came whole although one was there: "other_epoch", "pruned", "behind", "unknown_cursor" or "gap". */
  reason: string | null;
  /** Kept from an earlier visit; no server has confirmed it yet. */
  kept: boolean;
}

export type Token = string | (() => string | Promise<string>);

export interface Options {
  /** Where the stream is, such as "https://pnl.example.com"; default: the page's own server. */
  url?: string;
  token?: Token;
  /** false: stay connected while the page is hidden. */
  rest?: boolean;
  /** false: keep no snapshot for a visit without a network. */
  keep?: boolean;
}

export class NorthStar extends EventTarget {
  constructor(options?: Options);
  readonly snapshot: Snapshot | null;
  readonly kept: boolean;
  readonly state: State;
  readonly cursor: string | null;
  /** Server time minus ours, in ms. */
  readonly skew: number;
  /** The server's time now, in ms. */
  now(): number;
  start(): this;
  stop(): void;
  /** Ask for JSON beside the stream, with the token: `ask("/api/pnl/history?fields=mtd.net")`. */
  ask(path: string, options?: RequestInit): Promise<any>;
  addEventListener(
    type: "update",
    listener: (event: CustomEvent<Update>) => void,
    options?: boolean | AddEventListenerOptions,
  ): void;
  addEventListener(type: "state", listener: (event: Event) => void, options?: boolean | AddEventListenerOptions): void;
}

/** Follow `url` together with everybody on this page who does so with the same token: one connection. */
export function share(options?: Options): { client: NorthStar; leave: () => void };
