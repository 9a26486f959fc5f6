// What changed in the last hour and why: each line's part in it, and what was seen to happen.

import { happenings, remembered } from "./changes.js";
import { STATEMENT } from "./components.js";
import { make, say } from "./dom.js";
import { isLarge, negate, signOf, signed, sum, timeOfDay, tone } from "./figures.js";
import { Past } from "./past.js";
import { groupsOf } from "./lines.js";

const HOUR_MS = 3_600_000;
const MINUTE_MS = 60_000;
/** Lines of what happened: a glance, and not a log. */
const MOST = 9;
/** Like things within this time are one line with their sum; those from before we looked are known by the minute only. */
const TOGETHER_MS = 5 * MINUTE_MS;
const REMEMBERED_MS = 15 * MINUTE_MS;

const COMPONENTS = STATEMENT.flatMap(({ lines }) => Object.keys(lines));

/** Since ever, and not of today, so that midnight does not look like a loss. */
function fieldsOf({ windows }) {
  return ["net", ...new Set([...COMPONENTS, ...Object.keys(windows.all?.components ?? {})])].map((id) => `all.${id}`);
}

/** Cents only where they matter. */
function amount(usd, dollar = "") {
  return signed(usd, { dollar, places: isLarge(usd) ? 0 : 2 });
}

export class LastHour {
  #boxes;
  #past = new Past([], MINUTE_MS);
  #happened = []; // newest first
  #watchedSince = null;
  #asked = false;

  constructor(boxes) {
    this.#boxes = boxes;
  }

  /** Read the hour before this one, once; `done` is called when it is there. */
  load(client, done) {
    const fields = fieldsOf(client.snapshot);
    if (fields.length !== this.#past.fields.length) {
      this.#past = new Past(fields, MINUTE_MS);
      this.#asked = false;
    }
    if (this.#asked) return;
    this.#asked = true;
    const failed = () => setTimeout(() => (this.#asked = false), MINUTE_MS);
    const newest = Date.parse(client.snapshot.as_of); // the clock here may be wrong
    this.#past.load(client, newest - HOUR_MS - 2 * MINUTE_MS).then(() => this.#remember(done), failed);
  }

  #remember(done) {
    const seen = this.#happened;
    this.#happened = [];
    for (const each of remembered(this.#past, this.#watchedSince)) this.#note({ ...each, times: null }, REMEMBERED_MS);
    this.#happened = [...seen, ...this.#happened].slice(0, MOST);
    done();
  }

  /** Take a snapshot in; `previous` is the one it follows, when nothing is missing between them. */
  add(snapshot, previous) {
    this.#past.add(snapshot);
    this.#watchedSince ??= Date.parse(snapshot.as_of);
    if (!previous) return;
    for (const each of happenings(previous, snapshot)) this.#note({ ...each, times: 1 }, TOGETHER_MS);
    const oldest = Date.parse(snapshot.as_of) - HOUR_MS;
    this.#happened = this.#happened.filter(({ at }) => at > oldest).slice(0, MOST);
  }

  #note(each, together) {
    const same = ({ at, text, usd, times }) => text === each.text && usd !== undefined && each.at - at < together && (times === null) === (each.times === null);
    const known = this.#happened.find(same);
    if (!known || each.usd === undefined) return this.#happened.unshift(each);
    known.usd = sum([known.usd, each.usd]);
    if (known.times !== null) known.times += 1;
    return known;
  }

  show(snapshot, now) {
    const { net, body, happened, since: seen } = this.#boxes;
    const zone = snapshot.timezone;
    const change = this.change(snapshot, now);
    net.className = `total ${change ? tone(change.usd) : ""} ${snapshot.windows.all?.net.grade ?? ""}`;
    const since = change && now - change.at < HOUR_MS ? ` since ${timeOfDay(change.at, zone, { seconds: false, now })}` : "";
    say(net, change ? `${amount(change.usd, "$")}${since}` : "no figure");
    body.replaceChildren(...this.#lines(snapshot, this.#baseline(now)));
    const items = this.#happened.map(({ at, text, usd, times }) => {
      const gained = usd === undefined || tone(usd) === "zero" ? null : make("span", { class: `amount ${tone(usd)}` }, amount(usd));
      const what = make("span", { class: "what" }, times > 1 ? `${text}, ${times} times` : text);
      return make("li", {}, make("time", {}, timeOfDay(at, zone, { seconds: false, now })), what, gained);
    });
    happened.replaceChildren(...items);
    const watched = this.#watchedSince === null ? "" : timeOfDay(Math.max(this.#watchedSince, now - HOUR_MS), zone, { seconds: false, now });
    const before = this.#happened.some(({ times }) => times === null) ? ", before that by the minute" : "";
    say(seen, items.length ? `Since ${watched} as seen here${before}.` : `Nothing since ${watched}, when this page began to look.`);
  }

  /** Return what everything has gained in the last hour, or since the first time that is known, as { at, usd }; or null. */
  change({ windows }, now) {
    const from = this.#baseline(now);
    const usd = this.#change("all.net", windows.all?.net, from);
    return usd === null ? null : { at: from.at, usd };
  }

  /** The groups that moved, each with its lines that did. */
  #lines(snapshot, from) {
    const { components } = snapshot.windows.all ?? { components: {} };
    return groupsOf(snapshot).map(({ title, lines }) => {
      const moved = lines.map(([id, line]) => [line, this.#change(`all.${id}`, components[id], from)]);
      const known = moved.filter(([, usd]) => usd !== null);
      const parts = known.filter(([, usd]) => signOf(usd)).map(([line, usd]) => `${line.toLowerCase().replace(",", "")} ${amount(usd)}`);
      const unknown = moved.length !== known.length;
      const usd = known.length ? sum(known.map(([, each]) => each)) : null;
      const text = unknown || usd === null ? "no figure" : amount(usd);
      const isOld = lines.some(([id]) => components[id]?.grade === "stale");
      const kind = unknown || usd === null ? "none" : `${tone(usd)}${isOld ? " stale" : ""}`;
      return make(
        "tr",
        {},
        make("th", { scope: "row" }, title),
        make("td", { class: "parts" }, parts.length > 1 || unknown ? parts.join(", ") : ""),
        make("td", { class: "number" }, make("span", { class: `amount ${kind}` }, text)),
      );
    });
  }

  /** Where the hour begins, the same for each figure, so that the lines sum to the net: the last time
      before it that the net is known of, else the first one since. */
  #baseline(now) {
    return this.#past.baseline(now - HOUR_MS, "all.net") ?? this.#past.points[0] ?? null;
  }

  #change(field, figure, from) {
    const was = from && this.#past.valueAt(from.at, field);
    return !was || was.at !== from.at || figure?.usd === undefined ? null : sum([figure.usd, negate(was.usd)]);
  }
}
