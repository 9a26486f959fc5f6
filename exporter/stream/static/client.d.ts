// Types of /client.js.

/** Worst first. Every figure has one; a sum has the worst of its parts. */
export type Grade = "missing" | "stale" | "partial" | "estimated" | "final";

export type Window = "today" | "24h" | "7d" | "30d" | "mtd" | "ytd" | "all";

/** Money is an exact decimal string. A figure graded `missing` has no `usd`: unknown is not zero. */
export interface Figure {
  usd?: string;
  grade: Grade;
  /** RFC 3339, UTC. */
  as_of?: string;
  because?: string[];
}

export interface WindowFigures {
  from: string;
  to: string;
  net: Figure;
  /** Signed contributions to the net: a fee or a cost is negative. Absent for a source that is switched off. */
  components: Record<string, Figure>;
}

export interface SourceState {
  grade: Grade;
  live?: "live" | "connecting" | "off";
  as_of?: string;
  last_success?: string;
  error?: { reason: string; sentence: string; since: string };
}

/** Keys may be added; a key is never given another meaning. */
export interface Snapshot {
  epoch?: string;
  sequence?: number;
  as_of: string;
  currency: string;
  timezone: string;
  demo?: boolean;
  windows: Record<Window, WindowFigures>;
  sources: Record<string, SourceState>;
  /** Paid sales made in each window, and refunds given in it. Absent while nothing is known of sales. */
  sales?: Record<Window, { orders: number; refunds: number }>;
  /** Absent in a snapshot kept from an earlier visit, and for a token that may read totals only. */
  positions?: Record<string, Record<string, unknown>>;
  [key: string]: unknown;
}

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
