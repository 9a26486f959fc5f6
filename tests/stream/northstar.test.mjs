// The client module, run by Node from test_static.py with the folder of the static files.
import assert from "node:assert/strict";
import test from "node:test";

const folder = process.env.NORTHSTAR_STATIC;
const { NorthStar, applyPatch } = await import(`${folder}/northstar.js`);
const { ago, signed, size, spoken, sum } = await import(`${folder}/figures.js`);

test("a merge patch is applied as RFC 7396 says", () => {
  // The examples of the RFC's appendix.
  const cases = [
    ['{"a":"b"}', '{"a":"c"}', '{"a":"c"}'],
    ['{"a":"b"}', '{"b":"c"}', '{"a":"b","b":"c"}'],
    ['{"a":"b"}', '{"a":null}', "{}"],
    ['{"a":"b","b":"c"}', '{"a":null}', '{"b":"c"}'],
    ['{"a":["b"]}', '{"a":"c"}', '{"a":"c"}'],
    ['{"a":"c"}', '{"a":["b"]}', '{"a":["b"]}'],
    ['{"a":{"b":"c"}}', '{"a":{"b":"d","c":null}}', '{"a":{"b":"d"}}'],
    ['{"a":[{"b":"c"}]}', '{"a":[1]}', '{"a":[1]}'],
    ['["a","b"]', '["c","d"]', '["c","d"]'],
    ['{"a":"b"}', '["c"]', '["c"]'],
    ['{"e":null}', '{"a":1}', '{"e":null,"a":1}'],
    ["[1,2]", '{"a":"b","c":null}', '{"a":"b"}'],
    ["{}", '{"a":{"bb":{"ccc":null}}}', '{"a":{"bb":{}}}'],
  ];
  for (const [tree, patch, result] of cases) {
    assert.deepEqual(applyPatch(JSON.parse(tree), JSON.parse(patch)), JSON.parse(result));
  }
});

test("a patch changes neither argument and shares what it does not touch", () => {
  const tree = { a: { b: 1 }, c: { d: 2 } };
  const next = applyPatch(tree, { a: { b: 3 } });
  assert.deepEqual(tree, { a: { b: 1 }, c: { d: 2 } });
  assert.equal(next.c, tree.c);
});

test("a key called __proto__ is only a key", () => {
  applyPatch({}, JSON.parse('{"__proto__":{"polluted":1}}'));
  assert.equal({}.polluted, undefined);
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
  assert.equal(spoken("-5"), "minus 5.00 dollars");
  assert.equal(ago(200), "just now");
  assert.equal(ago(3_900_000), "1 h 5 min ago");
});

class Source extends EventTarget {
  static opened = [];
  readyState = 0;
  constructor(url) {
    super();
    this.url = url;
    Source.opened.push(this);
  }
  close() {
    this.readyState = 2;
  }
  tell(kind, id, data) {
    this.dispatchEvent(Object.assign(new Event(kind), { lastEventId: id, data: JSON.stringify(data) }));
  }
}

function following() {
  Source.opened = [];
  const figures = new NorthStar({ EventSource: Source, fetch: () => new Promise(() => {}) });
  figures.start();
  return [figures, () => Source.opened.at(-1)];
}

test("a snapshot and the deltas after it give the newest tree", () => {
  const [figures, source] = following();
  assert.equal(figures.state.name, "loading");
  source().tell("snapshot", "e-5", { epoch: "e", sequence: 5, net: "1.00", gone: "x" });
  source().tell("delta", "e-6", { sequence: 6, net: "2.00", gone: null });
  assert.deepEqual(figures.tree, { epoch: "e", sequence: 6, net: "2.00" });
  assert.equal(figures.state.name, "live");
  assert.equal(figures.cursor, "e-6");
  figures.stop();
});

test("a repeated delta is not applied twice", () => {
  const [figures, source] = following();
  source().tell("snapshot", "e-5", { epoch: "e", sequence: 5, list: { a: 1 } });
  source().tell("delta", "e-6", { sequence: 6, list: { a: null } });
  source().tell("delta", "e-6", { sequence: 6, list: { a: 9 } });
  assert.deepEqual(figures.tree, { epoch: "e", sequence: 6, list: {} });
  figures.stop();
});

test("a delta that does not follow makes it ask for a snapshot", () => {
  const [figures, source] = following();
  source().tell("snapshot", "e-5", { epoch: "e", sequence: 5 });
  source().tell("delta", "e-7", { sequence: 7 });
  assert.equal(Source.opened.length, 2);
  assert.equal(source().url, "/api/pnl/stream");
  figures.stop();
});

test("where no stream gets through it polls, and says so", async () => {
  const asked = [];
  const answers = [
    { resync: true, snapshot: { epoch: "e", sequence: 1, net: "1" } },
    { resync: false, epoch: "e", sequence: 2, deltas: [{ sequence: 2, patch: { sequence: 2, net: "2" } }] },
  ];
  let done;
  const twice = new Promise((resolve) => (done = resolve));
  const fetch = async (url) => {
    asked.push(url);
    const answer = answers.shift();
    if (!answer) {
      done();
      return new Promise(() => {});
    }
    return { ok: true, json: async () => answer };
  };
  const real = globalThis.setTimeout;
  globalThis.setTimeout = (action, ms) => real(action, ms / 1000);
  try {
    const figures = new NorthStar({ EventSource: undefined, fetch });
    figures.start();
    await twice;
    assert.deepEqual(figures.tree, { epoch: "e", sequence: 2, net: "2" });
    assert.equal(figures.state.name, "polling");
    assert.match(asked[1], /since=e-1&wait=20$/);
    figures.stop();
  } finally {
    globalThis.setTimeout = real;
  }
});

test("a server that does not answer is offline, and what was known stays", async () => {
  const real = globalThis.setTimeout;
  globalThis.setTimeout = (action, ms) => real(action, ms / 1000);
  try {
    const figures = new NorthStar({ EventSource: Source, fetch: async () => Promise.reject(new TypeError("refused")) });
    const offline = new Promise((resolve) => {
      figures.addEventListener("state", () => figures.state.name === "offline" && resolve());
    });
    figures.start();
    Source.opened.at(-1).tell("snapshot", "e-5", { epoch: "e", sequence: 5 });
    Source.opened.at(-1).dispatchEvent(new Event("error"));
    assert.equal(figures.state.name, "reconnecting");
    await offline;
    assert.equal(figures.tree.sequence, 5);
    figures.stop();
  } finally {
    globalThis.setTimeout = real;
  }
});
