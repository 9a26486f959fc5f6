// A world for the client: its clock moves by hand, its server says what a test tells it to.

export class World {
  clock = Date.parse("2026-11-22T12:00:00Z");
  timers = new Map();
  links = []; // every connection that was tried, of whatever transport
  requests = [];
  refuse = new Set(); // transports that cannot connect now
  kept = new Map();
  chance = 0.5;
  isHidden = false;
  isOnline = true;
  health = () => ({ status: "ok", epoch: "e", sequence: 0, parts: {} });
  ticket = () => [200, { token: "short-lived" }];
  #number = 0;

  constructor() {
    const world = this;
    this.WebSocket = class {
      constructor(address) {
        world.links.push(new Connection(world, "websocket", String(address), this));
      }
      close() {
        world.links.find((link) => link.object === this).open = false;
      }
    };
    this.EventSource = class extends EventTarget {
      constructor(address) {
        super();
        world.links.push(new Connection(world, "sse", address, this));
      }
      close() {
        world.links.find((link) => link.object === this).open = false;
      }
    };
  }

  location = "https://pnl.test/";
  storage = {
    getItem: (key) => this.kept.get(key) ?? null,
    setItem: (key, text) => this.kept.set(key, text),
  };
  now = () => this.clock;
  elapsed = () => this.clock;
  random = () => this.chance;
  hidden = () => this.isHidden;
  online = () => this.isOnline;
  later = (action, ms) => {
    this.timers.set(++this.#number, { at: this.clock + ms, action });
    return this.#number;
  };
  never = (number) => this.timers.delete(number);
  sleep = (ms) => new Promise((done) => this.later(done, ms));
  watch = (tell) => {
    this.tell = tell;
    return () => (this.tell = null);
  };
  fetch = (address, { headers = {}, signal } = {}) => {
    const request = { address, headers };
    this.requests.push(request);
    if (address.endsWith("/api/health")) return Promise.resolve().then(() => json(200, this.health()));
    if (address.endsWith("/api/token")) return Promise.resolve().then(() => json(...this.ticket(headers)));
    if (this.refuse.has("polling")) return Promise.reject(new TypeError("refused"));
    return new Promise((answer, fail) => {
      signal?.addEventListener("abort", () => fail(signal.reason));
      request.answer = (status, body) => answer(json(status, body));
    });
  };

  /** Let time pass, timer by timer, and what was promised happen. */
  async pass(ms) {
    const end = this.clock + ms;
    await settled();
    for (;;) {
      const [number, timer] = [...this.timers].sort(([, one], [, other]) => one.at - other.at)[0] ?? [];
      if (!timer || timer.at > end) break;
      this.timers.delete(number);
      this.clock = Math.max(this.clock, timer.at);
      timer.action();
      await settled();
    }
    this.clock = end;
  }

  get link() {
    return this.links.at(-1);
  }

  /** The polls that wait for an answer. */
  get poll() {
    return this.requests.filter(({ answer }) => answer).at(-1);
  }
}

class Connection {
  open = true;

  constructor(world, transport, address, object) {
    Object.assign(this, { transport, address, object });
    if (world.refuse.has(transport)) Promise.resolve().then(() => this.end(1006));
  }

  stand() {
    if (this.transport === "websocket") this.object.onopen();
    else this.object.onopen(new Event("open"));
    return this;
  }

  say(kind, id, data) {
    if (this.transport === "websocket") this.object.onmessage({ data: JSON.stringify({ type: kind, id, data }) });
    else this.object.dispatchEvent(Object.assign(new Event(kind), { lastEventId: id, data: JSON.stringify(data) }));
    return this;
  }

  end(code = 1012) {
    if (this.transport === "websocket") this.object.onclose({ code, reason: "" });
    else this.object.onerror(new Event("error"));
  }
}

function json(status, body) {
  return { ok: status < 400, status, json: async () => body };
}

/** Wait until everything that is promised already has happened. */
async function settled() {
  for (let turn = 0; turn < 20; turn++) await Promise.resolve();
}

/** A snapshot at `sequence`, with what a test is about. */
export function snapshot(world, sequence, rest = {}) {
  const as_of = new Date(world.clock).toISOString();
  return { epoch: "e", sequence, as_of, currency: "USD", timezone: "UTC", windows: {}, sources: {}, ...rest };
}
