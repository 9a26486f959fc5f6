// The hook in a React that is handed in, run by Node from test_static.py.
import assert from "node:assert/strict";
import test from "node:test";

const { createUseNorthstarPnl } = await import(`${process.env.NORTHSTAR_STATIC}/react.js`);

const NOBODY = "http://127.0.0.1:9"; // nothing answers there

/** As much of React as the hook asks for: one component, drawn as often as its state changes. */
function mounted(options, { onServer = false } = {}) {
  const component = { draws: [], unmount: null };
  const React = {
    useState: (first) => [component.draws.at(-1) ?? first, (next) => component.draws.push(next)],
    useEffect: (effect) => {
      if (!onServer) component.unmount = effect();
    },
  };
  component.first = createUseNorthstarPnl(React)(options);
  return component;
}

test("on a server it is connecting, and asks nobody", () => {
  const { first, draws } = mounted({ url: NOBODY }, { onServer: true });
  assert.deepEqual([first.snapshot, first.client, first.kept, first.state.name], [null, null, false, "connecting"]);
  assert.equal(first.state.reason, "");
  assert.deepEqual(draws, []);
});

test("components share a connection, and the last one ends it", async () => {
  const [one, other] = [mounted({ url: NOBODY }), mounted({ url: NOBODY })];
  const { client } = one.draws.at(-1);
  assert.equal(other.draws.at(-1).client, client);
  one.unmount();
  one.unmount(); // a second time is no harm
  const drawn = one.draws.length;
  client.dispatchEvent(new Event("state"));
  assert.equal(one.draws.length, drawn, "nothing is drawn after the end");
  assert.equal(other.draws.at(-1).client, client, "who is still there goes on");
  const third = mounted({ url: NOBODY });
  assert.equal(third.draws.at(-1).client, client);
  other.unmount();
  third.unmount();
  const next = mounted({ url: NOBODY });
  assert.notEqual(next.draws.at(-1).client, client, "what has ended is not taken up again");
  next.unmount();
});
