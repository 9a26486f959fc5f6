// Reasons, and the lines of the statement, run by Node from test_static.py.
import assert from "node:assert/strict";
import test from "node:test";

const folder = process.env.NORTHSTAR_STATIC;
const { explain, failure, titleOf } = await import(`${folder}/words.js`);
const { figureOf, groupsOf, rowsOf } = await import(`${folder}/lines.js`);
const { absent, marketOf, ofKind } = await import(`${folder}/page_words.js`);

const NOW = Date.parse("2026-11-22T12:00:00Z");

function company(changes = {}) {
  const sources = {
    kalshi: { grade: "final", title: "Kalshi", kind: "venue" },
    hedge: { grade: "final", title: "Hedge book", kind: "venue" },
    bill: { grade: "final", title: "Anthropic", kind: "api_cost" },
  };
  const of = (realised, fees) => ({ components: { trading_realised: figure(realised), trading_fees: figure(fees) } });
  const all = {
    net: figure("9.00"),
    components: { ...of("14.00", "-2.00").components, api_cost_billed: figure("-3.00", "estimated") },
    by_source: { kalshi: { net: figure("9.00"), ...of("10.00", "-1.00") }, hedge: { net: figure("3.00"), ...of("4.00", "-1.00") } },
  };
  return { timezone: "UTC", sequence: 1, windows: { all }, sources, ...changes };
}

function figure(usd, grade = "final", because) {
  return { usd, grade, ...(because && { because }) };
}

test("a reason names its source by its title, and says its text", () => {
  const because = [
    { source: "hedge", code: "no_mark", text: "no mark for A: B" },
    { source: "gone", code: "no_mark", text: "no mark for C" },
  ];
  assert.deepEqual(explain({ because }, company(), NOW), ["Hedge book: no mark for A: B", "gone: no mark for C"]);
  assert.deepEqual(explain({}, company(), NOW), []);
});

test("a reason without a text is said by its code, one that nobody knows by its own words", () => {
  const because = [{ source: "bill", code: "bill_open" }, { source: "bill", code: "quite_new" }, { source: "bill" }];
  assert.deepEqual(explain({ because }, company(), NOW), [
    "Anthropic: a bill may still change",
    "Anthropic: quite new",
    "Anthropic: not certain",
  ]);
});

test("a source's own trouble says since when, whatever its sentence looks like", () => {
  const snapshot = company();
  const error = { reason: "forbidden", sentence: "Refused: 403: really.", since: "2026-11-22T11:40:00Z" };
  snapshot.sources.kalshi.error = error;
  const because = [{ source: "kalshi", code: "forbidden", text: error.sentence }, { source: "hedge", code: "forbidden", text: "x" }];
  assert.deepEqual(explain({ because }, snapshot, NOW), ["Refused: 403: really. Since 11:40.", "Hedge book: x"]);
  assert.equal(failure(snapshot, "kalshi", { reason: "breaker_open" }), "Kalshi: left alone after failures.");
  assert.equal(failure(snapshot, "other", { reason: "forbidden" }), "other: forbidden.");
});

test("a snapshot of an earlier version is read: its reasons are sentences, its sources have neither title nor kind", () => {
  const snapshot = company({ sources: { kalshi: { grade: "missing" } } });
  assert.deepEqual(explain({ because: ["kalshi: no mark for X"] }, snapshot, NOW), ["kalshi: no mark for X"]);
  assert.equal(titleOf(snapshot, "kalshi"), "kalshi");
  assert.deepEqual(ofKind(snapshot, "venue"), ["kalshi"]);
  assert.deepEqual(ofKind(snapshot, "sales"), ["kalshi"]);
  assert.equal(absent(snapshot, "venue", "Positions"), "No figure yet: kalshi has not answered.");
  delete snapshot.windows.all.by_source;
  assert.deepEqual(groupsOf(snapshot).map(({ title }) => title), ["Trading", "API cost"]);
});

test("a kind with several sources has each of them below its lines", () => {
  const snapshot = company();
  const rows = rowsOf(groupsOf(snapshot)).map((row) => [row.level, row.title, figureOf(row, snapshot.windows.all).usd]);
  assert.deepEqual(rows, [
    ["group", "Trading", "12.00"],
    ["line", "Realised", "14.00"],
    ["line", "Fees", "-2.00"],
    ["share", "Kalshi", "9.00"],
    ["share-line", "Realised", "10.00"],
    ["share-line", "Fees", "-1.00"],
    ["share", "Hedge book", "3.00"],
    ["share-line", "Realised", "4.00"],
    ["share-line", "Fees", "-1.00"],
    ["group", "API cost", "-3.00"],
    ["line", "Billed", "-3.00"],
  ]);
});

test("a component that no table names is a line all the same: it is part of the net", () => {
  const snapshot = company();
  snapshot.windows.all.components.other_rent = figure("-5.00");
  snapshot.sources.rent = { title: "Rent", kind: "a kind of tomorrow" };
  assert.deepEqual(groupsOf(snapshot).at(-1), { title: "Other", lines: [["other_rent", "other rent"]], sources: [] });
  assert.deepEqual(groupsOf({ windows: {}, sources: {} }), []);
});

test("a sum has the worst grade of its lines, and no amount when one of them has none", () => {
  const row = { ids: ["trading_realised", "trading_fees"] };
  const components = { trading_realised: figure("1.00", "estimated"), trading_fees: { grade: "missing" } };
  assert.deepEqual(figureOf(row, { components }), { grade: "missing" });
  components.trading_fees = figure("-0.10");
  assert.deepEqual(figureOf(row, { components }), { usd: "0.90", grade: "estimated" });
  assert.equal(figureOf(row, {}), null);
});

test("a market is named with its venue where there are several", () => {
  const snapshot = company();
  assert.deepEqual(marketOf(snapshot, "hedge:KX-1", { source: "hedge" }), { market: "KX-1", venue: "Hedge book" });
  assert.deepEqual(marketOf(snapshot, "KX-1", { source: "kalshi" }), { market: "KX-1", venue: "Kalshi" });
  delete snapshot.sources.hedge;
  assert.deepEqual(marketOf(snapshot, "KX-1", { source: "kalshi" }), { market: "KX-1", venue: "" });
  assert.deepEqual(marketOf(snapshot, "KX-1", {}), { market: "KX-1", venue: "" });
});

test("what is not there names every source of its kind that has not answered", () => {
  const snapshot = company();
  snapshot.sources.kalshi.grade = snapshot.sources.hedge.grade = "missing";
  assert.equal(absent(snapshot, "venue", "Positions"), "No figure yet: Kalshi and Hedge book have not answered.");
  assert.equal(absent({ ...snapshot, scope: "totals" }, "venue", "Positions"), "Positions are not for this token: it reads totals.");
});
