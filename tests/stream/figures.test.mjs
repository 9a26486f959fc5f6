// Amounts and times as people read them, run by Node from test_static.py.
import assert from "node:assert/strict";
import test from "node:test";

const { divide } = await import(`${process.env.NORTHSTAR_STATIC}/ratio.js`);
const { ago, signed, size, spoken, sum, tone } = await import(`${process.env.NORTHSTAR_STATIC}/figures.js`);

test("an amount is divided once, and rounded once", () => {
  assert.equal(divide("40", 3), "13.33");
  assert.equal(divide("20", 3), "6.67");
  assert.equal(divide("0.0149999999", 1), "0.01");
  assert.equal(divide("0.01", 2), "0.01");
  assert.equal(divide("-0.01", 2), "-0.01");
  assert.equal(divide("-23.24", 2), "-11.62");
  assert.equal(divide("999999999999999999.99", 1), "999999999999999999.99");
  assert.equal(divide("100", 41, 1), "2.4");
  assert.equal(divide("7", 2, 0), "4");
  assert.equal(divide("0.00", 7), "0.00");
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
