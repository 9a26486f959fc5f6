// The client module, run by Node from test_static.py with the folder of the static files.
import assert from "node:assert/strict";
import test from "node:test";

import { World, snapshot } from "./world.mjs";

const folder = process.env.NORTHSTAR_STATIC;
const { NorthStar, share } = await import(`${folder}/client.js`);
const { applyPatch } = await import(`${folder}/patch.js`);

/** A client that has asked for its first connection. */
async function following(world = new World(), options = {}) {
  const figures = new NorthStar({ world, ...options });
  const seen = [];
  figures.addEventListener("update", ({ detail }) => seen.push(detail));
  figures.start();
  await world.pass(0);
  return { figures, world, seen };
}

/** One that is live over WebSocket at sequence 5. */
async function live(options) {
  const all = await following(new World(), options);
  all.world.link.stand().say("snapshot", "e-5", snapshot(all.world, 5));
  return all;
}

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

test("a snapshot and the deltas after it give the newest tree", async () => {
  const { figures, world, seen } = await following();
  assert.equal(figures.state.name, "connecting");
  assert.equal(world.link.address, "wss://pnl.test/api/pnl/ws");
  world.link.stand().say("snapshot", "e-5", snapshot(world, 5, { gone: "x" }));
  world.link.say("delta", "e-6", { sequence: 6, gone: null });
  assert.deepEqual(figures.snapshot, snapshot(world, 6));
  assert.deepEqual([figures.state.name, figures.state.transport], ["live", "websocket"]);
  assert.equal(figures.cursor, "e-6");
  assert.deepEqual(seen[1].delta, { sequence: 6, gone: null });
  assert.equal(seen[1].previous, seen[0].snapshot);
});

test("a repeated delta is not applied twice", async () => {
  const { figures, world } = await live();
  world.link.say("delta", "e-6", { list: { a: null } });
  world.link.say("delta", "e-6", { list: { a: 9 } });
  world.link.say("delta", "e-4", { list: { a: 9 } });
  assert.deepEqual(figures.snapshot.list, {});
});

test("a hole makes it ask for a snapshot, and shows what it has until then", async () => {
  const { figures, world, seen } = await live();
  world.link.say("delta", "e-7", { sequence: 7 });
  assert.equal(figures.snapshot.sequence, 5);
  await world.pass(1000);
  assert.equal(world.links.length, 2);
  assert.equal(world.link.address, "wss://pnl.test/api/pnl/ws");
  world.link.stand().say("snapshot", "e-7", snapshot(world, 7));
  assert.equal(seen.at(-1).reason, "gap");
  assert.equal(figures.state.name, "live");
});

test("a message that is none ends the connection, and changes nothing", async () => {
  const { figures, world } = await live();
  for (const data of ["{", '{"type":"snapshot","id":"e-6","data":{}}', '{"type":"delta","id":"e-6","data":7}']) {
    const before = world.links.length;
    world.link.object.onmessage({ data });
    assert.equal(figures.snapshot.sequence, 5);
    await world.pass(30_000);
    assert.ok(world.links.length > before, data);
    world.link.stand().say("snapshot", "e-5", snapshot(world, 5));
    await world.pass(10_000);
  }
});

test("a patch that takes the figures themselves away is not shown", async () => {
  const { figures, world } = await live();
  world.link.say("delta", "e-6", { windows: null });
  assert.deepEqual(figures.snapshot.windows, {});
  assert.equal(figures.state.name, "reconnecting");
});

test("it goes on from its cursor after a lost connection", async () => {
  const { figures, world } = await live();
  world.link.end();
  assert.equal(figures.state.name, "reconnecting");
  await world.pass(1000);
  assert.equal(world.link.address, "wss://pnl.test/api/pnl/ws?since=e-5");
  world.link.stand().say("delta", "e-6", { sequence: 6 });
  assert.equal(figures.snapshot.sequence, 6);
  assert.equal(figures.state.name, "live");
});

test("WebSocket refused falls to SSE, that refused to polling, all refused is offline", async () => {
  const world = new World();
  world.refuse.add("websocket");
  const { figures } = await following(world);
  assert.deepEqual(world.links.map(({ transport }) => transport), ["websocket", "sse"]);
  world.link.stand().say("snapshot", "e-5", snapshot(world, 5));
  assert.deepEqual([figures.state.name, figures.state.transport], ["live", "sse"]);

  world.refuse.add("sse");
  world.link.end();
  await world.pass(1000);
  assert.match(world.poll.address, /deltas\?since=e-5&wait=0$/);
  const answer = { epoch: "e", sequence: 6, resync: false, deltas: [{ sequence: 6, patch: { sequence: 6 } }] };
  world.poll.answer(200, answer);
  await world.pass(0);
  assert.deepEqual([figures.state.transport, figures.cursor], ["polling", "e-6"]);
  assert.match(world.poll.address, /since=e-6&wait=20$/);

  world.refuse.add("polling");
  world.poll.answer(503, { error: { message: "The exporter has published no snapshot yet." } });
  await world.pass(30_000);
  assert.equal(figures.state.name, "offline");
  assert.equal(figures.snapshot.sequence, 6);
});

test("a better transport takes over at the same cursor as soon as it stands", async () => {
  const world = new World();
  world.refuse.add("websocket");
  const { figures, seen } = await following(world);
  const stream = world.link.stand().say("snapshot", "e-5", snapshot(world, 5));
  world.refuse.clear();
  await world.pass(95_000);
  assert.equal(world.link.transport, "websocket");
  assert.match(world.link.address, /since=e-5$/);
  stream.say("delta", "e-6", { sequence: 6, as_of: new Date(world.clock).toISOString() });
  assert.equal(figures.cursor, "e-6");
  world.link.stand();
  assert.equal(stream.open, false);
  stream.say("delta", "e-7", { sequence: 99 });
  world.link.say("delta", "e-6", { sequence: 6 }).say("delta", "e-7", { sequence: 7 });
  assert.deepEqual([figures.state.transport, figures.snapshot.sequence], ["websocket", 7]);
  assert.deepEqual(seen.map(({ snapshot: { sequence } }) => sequence), [5, 6, 7]);
});

test("a better transport that fails leaves the one that works alone", async () => {
  const world = new World();
  world.refuse.add("websocket");
  const { figures } = await following(world);
  world.link.stand().say("snapshot", "e-5", snapshot(world, 5));
  const stream = world.link;
  await world.pass(400_000);
  assert.ok(world.links.filter(({ transport }) => transport === "websocket").length > 2);
  assert.deepEqual([stream.open, figures.state.transport], [true, "sse"]);
});

test("a connection that carries nothing is left for the next transport", async () => {
  const world = new World();
  world.health = () => ({ epoch: "e", sequence: 9, parts: {} });
  const { figures } = await following(world);
  world.link.stand();
  assert.equal(figures.state.name, "connecting");
  await world.pass(4000);
  assert.deepEqual(world.links.map(({ transport, open }) => [transport, open]), [["websocket", false], ["sse", true]]);
});

test("a connection that is swallowed is given up", async () => {
  const { world } = await following();
  await world.pass(8001);
  assert.deepEqual(world.links.map(({ transport, open }) => [transport, open]), [["websocket", false], ["sse", true]]);
});

test("a transport that flickers is left alone for a while, then tried again", async () => {
  const { world } = await following();
  for (const _ of [1, 2, 3]) {
    assert.equal(world.link.transport, "websocket");
    world.link.stand().end();
    await world.pass(4000);
  }
  assert.equal(world.link.transport, "sse");
  world.link.stand().say("snapshot", "e-5", snapshot(world, 5));
  await world.pass(400_000);
  assert.equal(world.link.transport, "websocket");
});

test("the pause before another try is anywhere up to a bound that doubles", async () => {
  for (const [chance, pauses] of [[0.25, [250, 500, 1000]], [0.5, [500, 1000, 2000]], [0.999, [999, 1998, 3996]]]) {
    const world = new World();
    world.chance = chance;
    ["websocket", "sse", "polling"].forEach((name) => world.refuse.add(name));
    const { figures } = await following(world);
    for (const pause of pauses) {
      assert.equal(figures.state.retryAt - world.clock, pause);
      await world.pass(pause);
    }
    figures.stop();
  }
});

test("many failures later the pause is still bounded", async () => {
  const world = new World();
  ["websocket", "sse", "polling"].forEach((name) => world.refuse.add(name));
  const { figures } = await following(world);
  await world.pass(600_000);
  assert.equal(figures.state.name, "offline");
  assert.ok(figures.state.retryAt - world.clock <= 15_000);
});

test("a resync is told with its reason, and the old figures stay until the new ones are there", async () => {
  const { figures, world, seen } = await live();
  world.link.say("resync", "", { reason: "other_epoch" });
  assert.equal(figures.snapshot.sequence, 5);
  world.link.say("snapshot", "f-1", snapshot(world, 1, { epoch: "f" }));
  assert.deepEqual([seen.at(-1).reason, figures.cursor], ["other_epoch", "f-1"]);
});

test("a restored database goes back, a replica that lags does not", async () => {
  const { figures, world } = await live();
  world.link.say("snapshot", "e-4", snapshot(world, 4));
  assert.equal(figures.cursor, "e-5");
  world.link.say("resync", "", { reason: "unknown_cursor" }).say("snapshot", "e-4", snapshot(world, 4));
  assert.equal(figures.cursor, "e-4");
});

test("an exporter that stopped makes it silent, with the server's words and by the exporter's limit", async () => {
  const { figures, world } = await live();
  const began = world.clock;
  world.link.say("snapshot", "e-5", snapshot(world, 5, { limits: { snapshot_age_seconds: "30" } }));
  world.health = () => ({
    epoch: "e",
    sequence: 5,
    as_of: new Date(began).toISOString(),
    parts: { exporter: { ok: false, age_seconds: (world.clock - began) / 1000, reason: "Old." } },
  });
  await world.pass(29_000);
  assert.equal(figures.state.name, "live");
  await world.pass(2000);
  assert.deepEqual([figures.state.name, figures.state.reason], ["silent", "Old."]);
  world.link.say("delta", "e-6", { sequence: 6, as_of: new Date(world.clock).toISOString() });
  assert.equal(figures.state.name, "live");
});

test("an exporter that states no limit is given a minute", async () => {
  const { figures, world } = await live();
  world.health = () => ({ epoch: "e", sequence: 5, parts: {} });
  for (const limits of [undefined, {}, { snapshot_age_seconds: "soon" }]) {
    world.link.say("snapshot", "e-5", snapshot(world, 5, { limits }));
    await world.pass(59_000);
    assert.equal(figures.state.name, "live");
    await world.pass(2000);
    assert.equal(figures.state.name, "silent");
  }
});

test("a clock that is wrong here does not make figures old", async () => {
  const world = new World();
  const ahead = 3_600_000;
  const asOf = new Date(world.clock - ahead - 1000).toISOString();
  world.health = () => ({ epoch: "e", sequence: 5, as_of: asOf, parts: { exporter: { ok: true, age_seconds: 1.5 } } });
  const { figures } = await following(world);
  world.link.stand().say("snapshot", "e-5", { ...snapshot(world, 5), as_of: asOf });
  assert.equal(figures.state.name, "silent");
  await world.pass(500);
  assert.equal(figures.state.name, "live");
  assert.equal(Math.round(figures.skew / 60_000), -60);
});

test("a dead line is found by its silence", async () => {
  const { figures, world } = await live();
  world.fetch = () => Promise.reject(new TypeError("network"));
  await world.pass(21_000);
  assert.equal(world.links[0].open, false);
  assert.notEqual(figures.state.name, "live");
});

test("heartbeats keep a line alive whose server may not be asked otherwise", async () => {
  const { figures, world } = await live();
  const real = world.fetch;
  world.fetch = (address, options) => (address.endsWith("health") ? Promise.reject(new TypeError("CORS")) : real(address, options));
  for (let beat = 0; beat < 3; beat++) {
    await world.pass(15_000);
    world.link.say("heartbeat");
  }
  assert.deepEqual([world.links.length, figures.state.name], [1, "live"]);
});

test("the way to the server and back is measured", async () => {
  const { figures, world } = await live();
  const real = world.fetch;
  world.fetch = async (...asked) => {
    await world.sleep(40);
    return real(...asked);
  };
  await world.pass(600);
  assert.equal(figures.state.latency, 40);
});

test("a device without a network says so at once, and goes on when it is back", async () => {
  const { figures, world } = await live();
  world.tell("offline");
  assert.deepEqual([figures.state.name, figures.state.reason], ["offline", "This device is offline."]);
  assert.equal(world.links[0].open, false);
  await world.pass(600_000);
  assert.equal(world.links.length, 1);
  world.tell("online");
  await world.pass(0);
  assert.match(world.link.address, /since=e-5$/);
});

test("a page hidden for long lets go, and goes on when somebody looks", async () => {
  const { figures, world } = await live();
  world.isHidden = true;
  world.tell("hidden");
  await world.pass(299_000);
  assert.equal(world.link.open, true);
  await world.pass(2000);
  assert.deepEqual([world.link.open, figures.state.name], [false, "resting"]);
  world.isHidden = false;
  world.tell("seen");
  await world.pass(0);
  assert.match(world.link.address, /since=e-5$/);
});

test("a page that asked not to rest stays connected while hidden", async () => {
  const { figures, world } = await live({ rest: false });
  world.isHidden = true;
  world.tell("hidden");
  const beating = setInterval(() => {}, 1e9);
  for (let minute = 0; minute < 10; minute++) {
    await world.pass(60_000);
    world.link.say("delta", `e-${6 + minute}`, { as_of: new Date(world.clock).toISOString() });
  }
  clearInterval(beating);
  assert.deepEqual([world.links.length, figures.state.name], [1, "live"]);
});

test("a look at the page ends a long pause", async () => {
  const world = new World();
  ["websocket", "sse", "polling"].forEach((name) => world.refuse.add(name));
  const { figures } = await following(world);
  await world.pass(120_000);
  world.refuse.clear();
  const before = world.links.length;
  world.tell("seen");
  await world.pass(0);
  assert.equal(world.links.length, before + 1);
  figures.stop();
});

test("a refused token is not hammered with", async () => {
  const world = new World();
  world.refuse.add("websocket").add("sse");
  const { figures } = await following(world, { token: "secret" });
  assert.deepEqual(world.poll.headers, { Authorization: "Bearer secret" });
  world.poll.answer(401, { error: { message: "This token is not known." } });
  await world.pass(0);
  assert.deepEqual([figures.state.name, figures.state.reason], ["refused", "This token is not known."]);
  const before = world.links.length;
  await world.pass(59_000);
  assert.equal(world.links.length, before);
});

test("an address carries a short-lived token, never the one that lasts", async () => {
  const { world } = await following(new World(), { token: async () => "secret" });
  assert.equal(world.link.address, "wss://pnl.test/api/pnl/ws?token=short-lived");
  const [asked] = world.requests.filter(({ address }) => address.endsWith("/api/token"));
  assert.deepEqual(asked.headers, { Authorization: "Bearer secret" });
  world.refuse.add("websocket");
  world.link.end(1006);
  await world.pass(1000);
  assert.equal(world.link.address, "https://pnl.test/api/pnl/stream?token=short-lived");
});

test("where no token is asked for, the address carries none", async () => {
  const world = new World();
  world.ticket = () => [200, { token: "" }];
  await following(world, { token: "secret" });
  assert.equal(world.link.address, "wss://pnl.test/api/pnl/ws");
});

test("a token that is not known is refused in the server's words", async () => {
  const world = new World();
  world.ticket = () => [401, { error: { message: "This token is not known." } }];
  const { figures } = await following(world, { token: "secret" });
  assert.deepEqual([figures.state.name, figures.state.reason], ["refused", "This token is not known."]);
});

test("after an end it waits as long as the server asked", async () => {
  const { figures, world } = await live();
  world.link.object.onmessage({ data: '{"type":"retry","data":{"ms":3500}}' });
  world.link.end();
  assert.equal(figures.state.retryAt - world.clock, 3500);
  await world.pass(3500);
  world.refuse.add("websocket").add("sse").add("polling");
  world.link.end();
  await world.pass(0);
  assert.notEqual(figures.state.retryAt - world.clock, 3500);
});

test("the last snapshot is kept, marked as kept, and gone when the server speaks", async () => {
  const { figures, world } = await live();
  world.link.say("delta", "e-6", { sequence: 6, positions: { M: {} }, windows: { today: { net: { usd: "2" } } } });
  figures.stop();
  const [[place, text]] = [...world.kept];
  assert.equal(place, "northstar-pnl ");
  assert.equal(JSON.parse(text).positions, undefined);

  const later = new World();
  later.kept = world.kept;
  later.isOnline = false;
  const { figures: again, seen } = await following(later);
  assert.deepEqual([again.kept, again.snapshot.windows.today.net.usd, again.cursor], [true, "2", null]);
  assert.deepEqual([seen[0].kept, again.state.name], [true, "offline"]);
  later.isOnline = true;
  later.tell("online");
  await later.pass(0);
  later.link.stand().say("snapshot", "e-9", snapshot(later, 9));
  assert.deepEqual([again.kept, again.state.name], [false, "live"]);
});

test("what is kept is apart by token, and holds none", async () => {
  const { figures, world } = await live({ token: "one-secret" });
  figures.stop();
  const [[place, text]] = [...world.kept];
  assert.notEqual(place, "northstar-pnl ");
  assert.doesNotMatch(place + text, /one-secret/);
});

test("nothing is kept where it is not wanted, and what is not ours is not read", async () => {
  const { figures, world } = await live({ keep: false });
  figures.stop();
  assert.equal(world.kept.size, 0);
  for (const text of ["{", "null", "[]", '{"windows":{}}', '{"windows":{},"sources":{},"as_of":"soon"}']) {
    const other = new World();
    other.kept.set("northstar-pnl ", text);
    assert.equal((await following(other)).figures.snapshot, null);
  }
});

test("a storage that throws is no reason to stop", async () => {
  const { figures, world } = await following();
  world.storage.setItem = () => {
    throw new Error("full");
  };
  world.link.stand().say("snapshot", "e-5", snapshot(world, 5));
  assert.equal(figures.state.name, "live");
});

test("stopped, it leaves nothing behind", async () => {
  const { figures, world } = await live();
  figures.stop();
  assert.deepEqual([world.link.open, world.timers.size, world.tell], [false, 0, null]);
});

test("those who share a client share one connection, and the last one closes it", async () => {
  const world = new World();
  const one = share({ url: "https://a.test", world });
  const two = share({ url: "https://a.test", world });
  const other = share({ url: "https://a.test", token: "t", world });
  assert.equal(one.client, two.client);
  assert.notEqual(one.client, other.client);
  await world.pass(0);
  assert.equal(world.links.length, 2);
  one.leave();
  one.leave();
  assert.equal(world.links[0].open, true);
  two.leave();
  assert.equal(world.links[0].open, false);
  other.leave();
});
