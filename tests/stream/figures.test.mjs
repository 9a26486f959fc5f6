// Amounts and times as people read them, run by Node from test_static.py.
import assert from "node:assert/strict";
import test from "node:test";

const { ago, signed, size, spoken, sum, tone } = await import(`${process.env.NORTHSTAR_STATIC}/figures.js`);
const { percent } = await import(`${process.env.NORTHSTAR_STATIC}/orders.js`);

test("a share is said in per cent, and rounded once", () => {
  assert.equal(percent("0.3333333333"), "33.3");
  assert.equal(percent("0.0006"), "0.1");
  assert.equal(percent("0.00049"), "0.0");
  assert.equal(percent("1.5"), "150.0");
  assert.equal(percent("2"), "200.0");
  assert.equal(percent("0"), "0.0");
  assert.equal(percent("12.34567"), "1,234.6");
});

test("amounts are exact however long they are", () => {
  assert.equal(sum(["0.1", "0.2"]), "0.3");
  assert.equal(sum(["999999999999999999.01", "-0.02"]), "999999999999999998.99");
  assert.equal(sum(["-1.5", "0.25"]), "-1.25");
  assert.equal(size("1234567.005"), "1,234,567.01");
  assert.equal(size("-0.994999"), "0.99");
  assert.equal(size("999.995"), "1,000.00");
  assert.equal(size("123456789012345678.905", 0), "123,456,789,012,345,679");
  assert.equal(signed("-12.3"), "−12.30");
  assert.equal(signed("12.3", { dollar: "$" }), "+$12.30");
  assert.equal(signed("-0.00"), "0.00");
  assert.equal(signed("-0.004"), "0.00");
  assert.equal(signed("-0.005"), "−0.01");
  assert.equal(signed("-0.4", { places: 0 }), "0");
  assert.equal(tone("-0.004"), "zero");
  assert.equal(spoken("-0.004"), "0.00 dollars");
  assert.equal(spoken("-5"), "minus 5.00 dollars");
  assert.equal(ago(200), "just now");
  assert.equal(ago(3_900_000), "1 h 5 min ago");
});
