// What changed in the last hour and why: each line's part in it, and what was seen to happen.

import { happenings } from "./changes.js";
import { make, say } from "./dom.js";
import { negate, signOf, signed, sum, timeOfDay, tone } from "./figures.js";
import { Past } from "./past.js";
import { STATEMENT } from "./words.js";

const HOUR_MS = 3_600_000;
const MINUTE_MS = 60_000;
/** Lines of what happened: what fits beside the statement. */
const MOST = 9;
/** Like things within this time are one line with their sum. */
const TOGETHER_MS = 5 * MINUTE_MS;

const COMPONENTS = STATEMENT.flatMap(({ lines }) => Object.keys(lines));
/** Since ever, and not of today, so that midnight does not look like a loss. */
const FIELDS = ["all.net", ...COMPONENTS.map((id) => `all.${id}`)];

export class LastHour {
  #boxes;
  #past = new Past(FIELDS, MINUTE_MS);
  #happened = []; // newest first
  #watchedSince = null;
  #asked = false;

  constructor(boxes) {
    this.#boxes = boxes;
  }

  /** Read the hour before this one, once; `done` is called when it is there. */
  load(client, done) {
    if (this.#asked) return;
    this.#asked = true;
    const failed = () => setTimeout(() => (this.#asked = false), MINUTE_MS);
    const newest = Date.parse(client.snapshot.as_of); // the clock here may be wrong
    this.#past.load(client, newest - HOUR_MS - 2 * MINUTE_MS).then(done, failed);
  }

  /** Take a snapshot in; `previous` is the one it follows, when nothing is missing between them. */
  add(snapshot, previous) {
    this.#past.add(snapshot);
    this.#watchedSince ??= Date.parse(snapshot.as_of);
    if (!previous) return;
    for (const each of happenings(previous, snapshot)) this.#note(each);
    const oldest = Date.parse(snapshot.as_of) - HOUR_MS;
    this.#happened = this.#happened.filter(({ at }) => at > oldest).slice(0, MOST);
  }

  #note(each) {
    const known = this.#happened.find(({ at, text, usd }) => text === each.text && usd !== undefined && each.at - at < TOGETHER_MS);
    if (!known || each.usd === undefined) return this.#happened.unshift({ ...each, times: 1 });
    known.usd = sum([known.usd, each.usd]);
    known.times += 1;
    return known.times;
  }

  show(snapshot, now) {
    const { net, body, happened, since } = this.#boxes;
    const zone = snapshot.timezone;
    const from = this.#past.baseline(now - HOUR_MS, "all.net");
    const change = this.#change("all.net", snapshot.windows.all?.net, now);
    const whole = from && now - from.at >= HOUR_MS;
    net.className = `total ${change === null ? "" : tone(change)}`;
    say(net, change === null ? "no figure" : `${signed(change, { dollar: "$" })}${whole ? "" : ` since ${timeOfDay(from.at, zone, { seconds: false, now })}`}`);
    body.replaceChildren(...this.#lines(snapshot, now));
    const items = this.#happened.map(({ at, text, usd, times }) => {
      const amount = usd === undefined ? null : make("span", { class: `amount ${tone(usd)}` }, signed(usd));
      const what = make("span", { class: "what" }, times > 1 ? `${text}, ${times} times` : text);
      return make("li", {}, make("time", {}, timeOfDay(at, zone, { seconds: false, now })), what, amount);
    });
    happened.replaceChildren(...items);
    const watched = this.#watchedSince === null ? "" : timeOfDay(Math.max(this.#watchedSince, now - HOUR_MS), zone, { seconds: false, now });
    say(since, items.length ? `As seen here since ${watched}.` : `Nothing since ${watched}, when this page began to look.`);
  }

  /** The groups that moved, each with its lines that did. */
  #lines({ windows }, now) {
    const { components } = windows.all ?? { components: {} };
    return STATEMENT.map(({ label, lines }) => {
      const moved = Object.entries(lines).map(([id, line]) => [line, this.#change(`all.${id}`, components[id], now)]);
      const known = moved.filter(([, usd]) => usd !== null);
      const parts = known.filter(([, usd]) => signOf(usd)).map(([line, usd]) => `${line.toLowerCase().replace(",", "")} ${signed(usd)}`);
      const unknown = moved.length !== known.length && Object.keys(lines).some((id) => components[id]);
      const usd = known.length ? sum(known.map(([, each]) => each)) : null;
      const amount = unknown || usd === null ? "no figure" : signed(usd);
      const kind = unknown || usd === null ? "none" : tone(usd);
      return make(
        "tr",
        {},
        make("th", { scope: "row" }, label),
        make("td", { class: "parts" }, parts.length > 1 || unknown ? parts.join(", ") : ""),
        make("td", { class: "number" }, make("span", { class: `amount ${kind}` }, amount)),
      );
    });
  }

  #change(field, figure, now) {
    const from = this.#past.baseline(now - HOUR_MS, field);
    return from === null || figure?.usd === undefined ? null : sum([figure.usd, negate(from.usd)]);
  }
}
