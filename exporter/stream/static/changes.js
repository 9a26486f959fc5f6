// What happened between two snapshots, in words: what a founder asks when the number has moved. Pure.

import { negate, signOf, signed, size, sum } from "./figures.js";
import { checkName, marketOf } from "./page_words.js";
import { failure, titleOf } from "./words.js";

const TRADED = ["trading_realised", "trading_fees"];

/** What more or less of a component means, that is no trade. */
const BOOKED = {
  sales_gross: ["Sales", "Sales taken back"],
  sales_refunds: ["Refund taken back", "Refunded"],
  api_cost_billed: ["API bill lowered", "API cost billed"],
};

/** What a past of amounts tells: which fields, and what more or less of them means. */
const TOLD = [[TRADED, ["Traded", "Traded"]], ...Object.entries(BOOKED).map(([id, words]) => [[id], words])];

/** Return what a Past tells of the time until `end`: as { at, text, usd }, oldest first; less than what is seen to happen. */
export function remembered(past, end) {
  const points = past.points.filter(({ at }) => at <= end);
  return points.slice(1).flatMap((point, place) => [...moves(past.fields, points[place], point)]);
}

function* moves(fields, before, after) {
  for (const [ids, [more, less]] of TOLD) {
    const [was, is] = [before, after].map(({ values }) => ids.map((id) => values[fields.indexOf(`all.${id}`)]));
    if ([...was, ...is].some((usd) => usd === null || usd === undefined)) continue;
    const usd = sum([...is, ...was.map(negate)]);
    if (signOf(usd)) yield { at: after.at, text: signOf(usd) > 0 ? more : less, usd };
  }
}

/** Return what happened, as { at (ms), text, usd (signed, or absent) }, in the order of the statement. */
export function happenings(before, after) {
  const at = Date.parse(after.as_of);
  const told = [...traded(before, after), ...sold(before, after), ...sources(before, after), ...checks(before, after)];
  return told.map((each) => ({ at, ...each }));
}

/** The exact change of one component since ever, so that midnight is no change; null when either is unknown. */
function moved(before, after, component) {
  const [was, is] = [before, after].map(({ windows }) => windows.all?.components[component]?.usd);
  return was === undefined || is === undefined ? null : sum([is, negate(was)]);
}

function* traded(before, after) {
  const [{ positions: was = {} }, { positions: is = {} }] = [before, after];
  const markets = Object.keys({ ...was, ...is }).filter((market) => was[market]?.count !== is[market]?.count || was[market]?.side !== is[market]?.side);
  const gained = TRADED.map((component) => moved(before, after, component)).filter((usd) => usd !== null);
  // The books say what all markets brought together; only one alone can have the sum to itself.
  const usd = markets.length === 1 && gained.length && signOf(sum(gained)) ? sum(gained) : undefined;
  for (const key of markets) {
    const { market, venue } = marketOf(after, key, is[key] ?? was[key]);
    yield { text: `${venue ? `${venue}, ` : ""}${market}: ${deed(was[key], is[key])}`, usd };
  }
}

function deed(was, is) {
  if (!was) return `${contracts(is)} bought`;
  if (!is) return `${contracts(was)} closed`;
  return `now ${contracts(is)}, was ${contracts(was)}`;
}

function contracts({ count, side }) {
  return `${size(count, /\.0*[1-9]/.test(count) ? 2 : 0)} ${side}`;
}

function* sold(before, after) {
  for (const [component, [more, less]] of Object.entries(BOOKED)) {
    const usd = moved(before, after, component);
    if (usd !== null && signOf(usd)) yield { text: signOf(usd) > 0 ? more : less, usd };
  }
}

function* sources({ sources: was }, after) {
  for (const [source, { error, live }] of Object.entries(after.sources)) {
    const name = titleOf(after, source);
    const [failed, fed] = [was[source]?.error, was[source]?.live];
    if (error && error.reason !== failed?.reason) yield { text: failure(after, source, error) };
    if (failed && !error) yield { text: `${name} answers again` };
    if (fed === "live" && live !== "live") yield { text: `${name}: live quotes interrupted, readings go on` };
    if (fed && fed !== "live" && live === "live") yield { text: `${name}: live quotes are back` };
  }
}

function* checks({ checks: was = {} }, { checks: is = {} }) {
  for (const [check, { ok, usd }] of Object.entries(is)) {
    if (was[check] === undefined || was[check].ok === ok) continue;
    const off = usd !== undefined && !ok ? `, off by ${signed(usd, { dollar: "$" })}` : "";
    yield { text: `${checkName(check)}: ${ok ? "holds again" : `fails${off}`}` };
  }
}
