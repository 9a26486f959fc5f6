// The line of a window: what the records say, and then the figures as they come; run by Node.
import assert from "node:assert/strict";
import test from "node:test";

const { WindowLine, lineOf } = await import(`${process.env.NORTHSTAR_STATIC}/window_line.js`);

const remembered = (...points) => ({ points, series: () => points.map(([at, usd]) => ({ at, usd })) });

test("a line begins with the records and ends with the live figure", () => {
  const points = [{ at: 0, usd: "0.00", partial: false }, { at: 10, usd: "7.00", partial: true }];
  const line = lineOf({ points, asOf: 10 }, remembered([5, "1.00"], [10, "7.00"], [12, "7.50"]));
  assert.deepEqual(line.series().map(({ at, usd }) => [at, usd]), [[0, "0.00"], [10, "7.00"], [12, "7.50"]]);
  assert.equal(line.hasPartial, true);
});

test("a window is asked for once, and without an answer it is what is remembered", async () => {
  const asked = [];
  const from = "2026-11-01T00:00:00.000000Z";
  const snapshot = { as_of: "2026-11-22T12:00:00.000000Z", windows: { mtd: { from, net: { grade: "final" } }, today: { from, net: {} } } };
  const client = { snapshot, kept: false, ask: async (path) => (asked.push(path), Promise.reject(new Error("403"))) };
  const line = new WindowLine(() => {});
  const past = remembered([5, "1.00"]);
  for (const window of ["mtd", "mtd", "today"]) line.follow(client, window);
  await Promise.resolve();
  assert.deepEqual(asked, ["/api/pnl/course?period=month&step=hour"]);
  assert.equal(line.of("mtd", past, from), past);
  let told = 0;
  const other = new WindowLine(() => (told += 1));
  const answer = { from, as_of: snapshot.as_of, points: [{ at: from, usd: "0.00" }, { at: snapshot.as_of, usd: "5.00" }] };
  other.follow({ ...client, ask: async () => answer }, "mtd");
  await new Promise((done) => setTimeout(done));
  assert.equal(told, 1);
  assert.equal(other.of("mtd", past, from).points.length, 2);
  assert.equal(other.of("mtd", past, "2026-12-01T00:00:00.000000Z"), past);
});
