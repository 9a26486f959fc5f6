// Follows the figures: a snapshot, then merge patches, over whatever gets through. It knows no page.

import { Choice } from "./choice.js";
import { LastSnapshot } from "./last_snapshot.js";
import { Link } from "./link.js";
import { applyPatch, isObject, isSnapshot, parseCursor } from "./patch.js";
import { browser } from "./world.js";

/** Back-off: a random time up to the first, doubled with each failure in a row, never more than the second. */
const BACK_OFF_MS = 1_000;
const LONGEST_BACK_OFF_MS = 30_000;
/** Refused for the token: only a person changes that, so it is seldom tried again. */
const REFUSED_MS = 60_000;
/** How often a better transport is tried beside the one that works. */
const BETTER_MS = 60_000;
/** How often the server is asked how it is; that also measures the way there, and whose clock is wrong. */
const CHECK_MS = 60_000;
/** Silence after which it is asked sooner: exporter and heartbeats speak more often than this. */
const QUIET_MS = 20_000;
/** What the server has and we lack after this long is not on its way any more. */
const OVERDUE_MS = 3_000;
/** Age of the newest snapshot beyond which the exporter counts as stopped, in one of an exporter that does not state its limit. */
const DEFAULT_AGE_SECONDS = 60;
/** A page hidden for this long lets go of its connection, and goes on from its cursor when it is looked at. */
const REST_MS = 300_000;
/** Clocks that differ by less need no correction. */
const SKEW_MS = 500;

/**
 * The newest snapshot, and how it reaches us.
 *
 * Events: "update" with { snapshot, previous, delta (null for a whole one), reason (of a resync), kept },
 * and "state". Options: `url` of the stream (default: this page's), `token` (text, or a function that
 * returns it, also as a promise), `rest` (false: stay connected while hidden), `keep` (false: keep nothing).
 */
export class NorthStar extends EventTarget {
  /** name: connecting | live | silent | reconnecting | offline | resting | refused; times in ms. */
  state = { name: "connecting", since: 0, transport: null, reason: "", latency: null, retryAt: null };
  snapshot = null;
  /** Whether the snapshot is one kept from an earlier visit, which no server has confirmed yet. */
  kept = false;
  /** Server time minus ours in ms, once the server has been asked. */
  skew = 0;

  #world;
  #options;
  #lastSnapshot;
  #running = false;
  #unwatch = null;
  #link = null; // the connection that speaks to us, or is about to
  #probe = null; // a better one that is being tried beside it
  #choice;
  #cursor = null;
  #resync = null; // why the next snapshot starts over
  #failures = 0; // in a row
  #retryMs = null; // the server's own wish, for the first try after a connection that ended
  #timers = new Map(); // purpose -> timer: one of each at most
  #heardAt = 0;
  #trouble = ""; // what the server says of itself

  constructor({ url = "", token = "", rest = true, keep = true, world = browser } = {}) {
    super();
    this.#world = world;
    this.#choice = new Choice(world);
    this.#options = { base: String(url).replace(/\/+$/, ""), token, rest };
    this.#lastSnapshot = keep ? new LastSnapshot(world, this.#options.base, token) : null;
    this.state.since = world.now();
  }

  /** Where the stream goes on from, or null. */
  get cursor() {
    return this.#cursor && `${this.#cursor.epoch}-${this.#cursor.sequence}`;
  }

  /** The server's time now, in ms. */
  now() {
    return this.#world.now() + this.skew;
  }

  start() {
    if (this.#running) return this;
    this.#running = true;
    this.#recall();
    this.#unwatch = this.#world.watch((what) => this.#noticed(what));
    if (this.#world.hidden()) this.#noticed("hidden");
    this.#noticed(this.#world.online() ? "online" : "offline");
    return this;
  }

  stop() {
    this.#running = false;
    this.#unwatch?.();
    this.#letGo();
    this.#cancel("rest");
    this.#keepNow();
  }

  /** Ask for JSON beside the stream, with the token. Throws with a sentence that can be shown, and `status`. */
  async ask(path, options = {}) {
    const response = await this.#world.fetch(this.#options.base + path, {
      cache: "no-store",
      ...options,
      headers: { ...(await this.#headers()), ...options.headers },
    });
    const answer = await response.json();
    if (response.ok) return answer;
    const reason = answer.error?.message || `The server answered ${response.status}.`;
    throw Object.assign(new Error(reason), { status: response.status });
  }

  // Connecting: one transport after the other, the best first, until one stands.

  #round() {
    this.#letGo();
    this.#choice.begin();
    this.#next();
  }

  #next() {
    this.#link = this.#linked(this.#choice.next());
    this.#link.open(this.#choice.opener(this.#link.name));
  }

  #linked(name) {
    const asked = { headers: () => this.#headers(), ticket: () => this.#ticket() };
    const owner = {
      stands: (link) => this.#stands(link),
      told: (link, message) => link === this.#link && this.#told(message),
      ended: (link, trouble) => this.#ended(link, trouble),
    };
    return new Link(name, { world: this.#world, base: this.#options.base, cursor: this.cursor, ...asked }, owner);
  }

  #stands(link) {
    if (link === this.#probe) {
      this.#link?.end();
      this.#link = link;
      this.#probe = null;
    }
    this.#heard();
    // With a cursor that is up to date, an open connection has nothing to say yet.
    this.#judge();
    this.#after("check", 500, () => this.#check());
    this.#after("better", this.#spread(BETTER_MS), () => this.#better());
  }

  #ended(link, { reason, status }) {
    const stood = link.upAt !== null;
    if (stood && this.#choice.ended(link)) this.#failures = 0;
    if (link === this.#probe) {
      this.#probe = null;
      this.#after("better", this.#spread(BETTER_MS), () => this.#better());
      return;
    }
    this.#link = null;
    if (status === 401 || status === 403) {
      this.#letGo();
      this.#become("refused", { reason: reason || "The server did not accept the token." });
      this.#after("retry", this.#spread(REFUSED_MS), () => this.#round());
    } else if (!stood && !this.#choice.isOver && status !== 429) this.#next();
    else this.#retry(stood ? "reconnecting" : "offline", reason);
  }

  /** Try again after a random time: a server that restarts is not met by everybody in the same moment. */
  #retry(name, reason) {
    this.#letGo();
    const most = Math.min(LONGEST_BACK_OFF_MS, BACK_OFF_MS * 2 ** this.#failures);
    const pause = this.#retryMs ?? this.#world.random() * most;
    this.#retryMs = null;
    this.#failures += 1;
    this.#become(name, { reason, retryAt: this.#world.now() + pause });
    this.#after("retry", pause, () => this.#round());
  }

  /** Try a better transport beside the one that works; it takes over at the same cursor once it stands. */
  #better() {
    const better = this.#choice.betterThan(this.#link?.name);
    if (better && !this.#world.hidden()) {
      this.#probe = this.#linked(better);
      this.#probe.open(this.#choice.opener(better));
    } else if (!this.#choice.isBest(this.#link?.name)) {
      this.#after("better", this.#spread(BETTER_MS), () => this.#better());
    }
  }

  #letGo() {
    this.#link?.end();
    this.#probe?.end();
    this.#link = this.#probe = null;
    for (const purpose of [...this.#timers.keys()]) if (purpose !== "rest") this.#cancel(purpose);
  }

  // What is said to us.

  #told(message) {
    this.#heard();
    if (message.kind === "retry") this.#retryMs = message.ms;
    else if (message.kind === "resync") this.#resync = message.reason;
    else if (message.kind === "snapshot") this.#replace(parseCursor(message.cursor), message.tree);
    else if (message.kind === "delta") this.#patch(parseCursor(message.cursor), message.patch);
  }

  #replace(place, tree) {
    if (!place || !isSnapshot(tree)) return this.#confused();
    const reason = this.#resync;
    // A replica that lags behind is no reason to go back, unless the server says to start over.
    const older = place.epoch === this.#cursor?.epoch && place.sequence < this.#cursor.sequence;
    if (older && !reason) return undefined;
    return this.#show(place, tree, { delta: null, reason });
  }

  #patch(place, patch) {
    const ahead = place && place.epoch === this.#cursor?.epoch ? place.sequence - this.#cursor.sequence : NaN;
    if (ahead <= 0) return undefined; // heard before
    const next = ahead === 1 && !this.#resync && isObject(patch) ? applyPatch(this.snapshot, patch) : null;
    if (!isSnapshot(next)) return this.#confused();
    return this.#show(place, next, { delta: patch, reason: null });
  }

  /** A hole, or no figures at all: only a whole snapshot helps. What is shown stays until it is there. */
  #confused() {
    this.#cursor = null;
    this.#resync = "gap";
    this.#retry("reconnecting", "Something was lost on the way.");
  }

  #show(place, tree, how) {
    const previous = this.snapshot;
    this.#cursor = place;
    this.#resync = null;
    this.snapshot = tree;
    this.kept = false;
    this.#judge();
    this.#lastSnapshot?.keep(tree);
    this.#publish({ previous, ...how });
  }

  #publish(how) {
    const { snapshot, kept } = this;
    this.dispatchEvent(new CustomEvent("update", { detail: { snapshot, kept, ...how } }));
  }

  // Is it what the exporter says now?

  #heard() {
    this.#heardAt = this.#world.elapsed();
    this.#after("quiet", QUIET_MS, () => this.#check());
  }

  /** Live, or silent: connected to a server that itself hears nothing new. */
  #judge() {
    if (this.#link === null || this.#link.upAt === null) return;
    const transport = this.#link.name;
    if (!this.snapshot || this.kept) return this.#become("connecting", { transport, reason: this.#trouble });
    const { as_of: asOf, limits } = this.snapshot;
    const limit = Number(limits?.snapshot_age_seconds) || DEFAULT_AGE_SECONDS;
    const left = Date.parse(asOf) + limit * 1000 - this.now();
    if (left < 0) return this.#become("silent", { transport, reason: this.#trouble });
    this.#after("silent", left + 50, () => this.#check());
    return this.#become("live", { transport });
  }

  /** Ask the server how it is. Its answer is no stream's, so it also tells a dead line from a quiet one. */
  async #check() {
    this.#after("check", this.#spread(CHECK_MS), () => this.#check());
    const link = this.#link;
    if (!link) return;
    const began = this.#world.elapsed();
    let health;
    try {
      const response = await this.#world.fetch(`${link.base}/api/health`, {
        cache: "no-store",
        headers: await this.#headers(),
        signal: AbortSignal.timeout(QUIET_MS),
      });
      health = await response.json();
    } catch {
      // Another origin may not be asked while its socket speaks all the same; a dead line is silent, too.
      if (this.#world.elapsed() - this.#heardAt >= QUIET_MS) link.down();
      else if (link === this.#link) this.#judge();
      return;
    }
    if (link === this.#link) this.#measured(this.#world.elapsed() - began, health);
  }

  #measured(latency, { epoch, sequence, as_of: asOf, parts = {} }) {
    const { age_seconds: age } = parts.exporter ?? {};
    if (asOf && age > 0) {
      const skew = Date.parse(asOf) + age * 1000 - (this.#world.now() - latency / 2);
      this.skew = Math.abs(skew) > SKEW_MS ? skew : 0;
    }
    this.#trouble = Object.values(parts).find((part) => !part.ok)?.reason ?? "";
    this.#judge();
    this.state = { ...this.state, latency: Math.round(latency) };
    this.dispatchEvent(new Event("state"));
    this.#after("overdue", OVERDUE_MS, () => {
      if (!(sequence > (epoch === this.#cursor?.epoch ? this.#cursor.sequence : 0))) return;
      // It connects but carries nothing, as through a proxy that buffers. Another one may get through.
      this.#choice.shun(this.#link.name);
      this.#round();
    });
  }

  #noticed(what) {
    if (what === "leaving" || what === "hidden") this.#keepNow();
    if (what === "hidden") {
      if (this.#options.rest) this.#after("rest", REST_MS, () => this.#noticed("resting"));
    } else if (what === "offline") {
      this.#letGo();
      this.#become("offline", { reason: "This device is offline." });
    } else if (what === "leaving" || what === "resting") {
      this.#letGo();
      this.#become("resting");
    } else {
      if (what === "seen") this.#cancel("rest");
      // Timers of a hidden page are late: what waits for one is done at once when somebody looks.
      if (what === "seen" && this.#link) this.#check();
      else if (this.#world.online()) this.#round();
    }
  }

  #become(name, { transport = null, reason = "", retryAt = null } = {}) {
    const { state } = this;
    if (state.name === name && state.transport === transport && state.reason === reason && retryAt === null) return;
    const since = state.name === name ? state.since : this.#world.now();
    this.state = { name, since, transport, reason, retryAt, latency: transport ? state.latency : null };
    this.dispatchEvent(new Event("state"));
  }

  // The token goes into a header; where none can be sent, something short-lived goes into the address.

  async #headers() {
    const { token } = this.#options;
    const text = typeof token === "function" ? await token() : token;
    return text ? { Authorization: `Bearer ${text}` } : {};
  }

  /** Return { token } with the short-lived token of an address, or nothing where none is needed. */
  async #ticket() {
    if (!(await this.#headers()).Authorization) return {};
    const { token } = await this.ask("/api/token", { method: "POST" });
    return token ? { token } : {};
  }

  // The last snapshot, for a visit without a network.

  #recall() {
    if (this.snapshot) return;
    this.snapshot = this.#lastSnapshot?.recall() ?? null;
    this.kept = this.snapshot !== null;
    if (this.kept) this.#publish({ previous: null, delta: null, reason: null });
  }

  #keepNow() {
    if (this.snapshot && !this.kept) this.#lastSnapshot?.keep(this.snapshot, { now: true });
  }

  #spread(ms) {
    return ms * (1 + this.#world.random());
  }

  #after(purpose, ms, action) {
    this.#cancel(purpose);
    const timer = this.#world.later(() => {
      this.#timers.delete(purpose);
      action();
    }, ms);
    this.#timers.set(purpose, timer);
  }

  #cancel(purpose) {
    this.#world.never(this.#timers.get(purpose));
    this.#timers.delete(purpose);
  }
}
