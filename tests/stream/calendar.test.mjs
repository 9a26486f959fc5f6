// What the calendar says of days, amounts and sums: run by Node, in any zone of its own.

import assert from "node:assert/strict";
import { test } from "node:test";
import { pathToFileURL } from "node:url";

const load = (name) => import(pathToFileURL(`${process.env.NORTHSTAR_STATIC}/${name}`));
const { brief, difference, kindOf, sentence, strength, whole } = await load("calendar.js");
const { dayIn, isDay, later, weekday } = await load("days.js");

const of = (usd, counts = { fills: 1 }, grade = "final") => ({ net: { usd, grade }, components: { trading_realised: { usd, grade } }, counts });

test("nothing happened, nothing made and not known are three things", () => {
  assert.equal(kindOf(of("0.00", {})), "nothing");
  assert.equal(kindOf(of("0.00", { cost_days: 1 })), "nothing");
  assert.equal(kindOf(of("0.00")), "known");
  assert.equal(kindOf({ ...of("0.00", {}), components: { sales_gross: { usd: "5" }, sales_fees: { usd: "-5" } } }), "known");
  assert.equal(kindOf({ net: { grade: "missing", because: [{ code: "no_answer" }] }, components: {}, counts: {} }), "unknown");
  assert.equal(kindOf({ net: { grade: "missing", because: [{ code: "not_begun" }] }, components: {}, counts: {} }), "ahead");
});

test("a day is said as a sentence", () => {
  assert.equal(sentence("2026-11-26", of("184.2")), "Thursday 26 November 2026, plus 184.20 dollars, final");
  assert.equal(sentence("2026-11-01", of("0", {}, "partial")), "Sunday 1 November 2026, nothing happened, partial");
  assert.equal(sentence("2026-11-01", { net: { grade: "missing" }, components: {}, counts: {} }), "Sunday 1 November 2026, not known");
});

test("amounts are whole dollars, and cents where there is nothing else", () => {
  assert.deepEqual(["184.5", "-0.4", "0", "-0.004"].map(whole), ["+185", "−0.40", "0.00", "0.00"]);
  assert.deepEqual(["184.5", "-1249", "12499.99", "1000", "-2500000"].map(brief), ["+185", "−1.2k", "+12k", "+1.0k", "−2.5M"]);
});

test("days and month are compared to the last digit, however large", () => {
  const days = [of("90071992547409930.01"), of("-0.02")];
  assert.match(difference(days, of("90071992547409929.99")), /^-?0\.00$/);
  assert.equal(difference(days, of("90071992547409930.00")), "0.01");
  assert.equal(difference([...days, { net: {}, components: {}, counts: {} }], of("1")), null);
});

test("one large day leaves the others their colour", () => {
  const month = [...Array(29).fill("-100"), "100", "1000000"];
  assert.equal(strength("-100", month), 4);
  assert.equal(strength("1000000", month), 4);
  assert.equal(strength("10", month), 1);
  assert.equal(strength("0", ["0", "0"]), 0);
});

test("days are those of the zone, and months end where they end", () => {
  assert.equal(dayIn(Date.parse("2026-11-26T23:30:00Z"), "Asia/Kolkata"), "2026-11-27");
  assert.equal(later("2026-03-31", 0, -1), "2026-02-28");
  assert.equal(later("2028-02-28", 1), "2028-02-29");
  assert.equal(later("2026-12-31", 0, 12), "2027-12-31");
  assert.equal(weekday("2026-11-23"), 0);
  assert.deepEqual(["2026-11-26", "2026-02-30", "2026-13-01", "mtd", ""].map(isDay), [true, false, false, false, false]);
});
