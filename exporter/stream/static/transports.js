// Three ways to the same messages. Each is one function, `open(link)`, that returns how to close it again.
//
//   link.base, link.cursor          where to ask, and the cursor to go on from (null: from a snapshot)
//   link.ticket()                   a promise of what an address needs when a header cannot be sent ("" without a token)
//   link.headers()                  headers for a request, with the token when there is one
//   link.up()                       the connection stands; said once, before the first message
//   link.told(message)              { kind: "snapshot", cursor, tree } | { kind: "delta", cursor, patch }
//                                   | { kind: "resync", reason } | { kind: "retry", ms } | { kind: "heartbeat" }
//   link.down({ reason, status })   it ended; said once, and nothing is said after it
//
// None of them tries again: when and with which is the client's business alone.

/** One long poll; the server answers earlier as soon as something is new. */
const POLL_SECONDS = 20;
/** Pause between two polls of a page that nobody looks at. */
const HIDDEN_POLL_MS = 30_000;

export function websocket(link) {
  const { WebSocket } = link.world;
  return opening(link, (query) => {
    const address = new URL(`${link.base}/api/pnl/ws${query}`, link.world.location);
    address.protocol = address.protocol.replace("http", "ws");
    const socket = new WebSocket(address);
    socket.onopen = () => link.up();
    socket.onmessage = ({ data }) =>
      understood(link, socket, () => {
        const { type, id, data: body } = JSON.parse(data);
        return message(type, id, body);
      });
    socket.onclose = ({ code, reason }) => link.down({ reason, status: STATUS[code] });
    return () => socket.close();
  });
}

/** What the close codes of the server mean, in the words of HTTP. */
const STATUS = { 1008: 403, 1012: 503, 1013: 503, 4401: 401, 4403: 403, 4429: 429 };

export function sse(link) {
  const { EventSource } = link.world;
  return opening(link, (query) => {
    const source = new EventSource(new URL(`${link.base}/api/pnl/stream${query}`, link.world.location).href);
    source.onopen = () => link.up();
    for (const kind of ["snapshot", "delta", "resync"]) {
      source.addEventListener(kind, ({ data, lastEventId }) =>
        understood(link, source, () => message(kind, lastEventId, JSON.parse(data))),
      );
    }
    // Left alone it would try again by itself, all clients after the same pause and with the same address.
    source.onerror = () => {
      source.close();
      link.down({});
    };
    return () => source.close();
  });
}

export function polling(link) {
  const { fetch, sleep, hidden } = link.world;
  const asked = new AbortController();
  let cursor = link.cursor;
  let standing = false;
  const turn = async () => {
    const query = new URLSearchParams({ ...(cursor && { since: cursor }), wait: standing ? POLL_SECONDS : 0 });
    const response = await fetch(`${link.base}/api/pnl/deltas?${query}`, {
      headers: await link.headers(),
      cache: "no-store",
      signal: AbortSignal.any([asked.signal, AbortSignal.timeout((POLL_SECONDS + 10) * 1000)]),
    });
    const answer = await response.json();
    if (!response.ok) throw Object.assign(new Error(answer.error?.message ?? ""), { status: response.status });
    if (!standing) link.up();
    standing = true;
    if (answer.resync) {
      if (cursor) link.told({ kind: "resync", reason: answer.reason });
      link.told({ kind: "snapshot", cursor: `${answer.epoch}-${answer.sequence}`, tree: answer.snapshot });
    }
    for (const { sequence, patch } of answer.deltas ?? []) {
      link.told({ kind: "delta", cursor: `${answer.epoch}-${sequence}`, patch });
    }
    cursor = `${answer.epoch}-${answer.sequence}`;
  };
  (async () => {
    try {
      while (!asked.signal.aborted) {
        await turn();
        if (hidden()) await sleep(HIDDEN_POLL_MS);
      }
    } catch (error) {
      if (!asked.signal.aborted) link.down(error.status || standing ? said(error) : await refusal(link));
    }
  })();
  return () => asked.abort();
}

/** A browser asks before it sends a token, and hides why the answer was no. Asked without one, the server says it. */
async function refusal({ base, world }) {
  try {
    const response = await world.fetch(`${base}/api/health/live`, { cache: "no-store" });
    if (response.status === 403) return { status: 403, reason: (await response.json()).error.message };
  } catch {
    // Nobody is there.
  }
  return {};
}

/** Wait for the ticket of the address, then connect; closed meanwhile, it never connects. */
function opening(link, connect) {
  let close = null;
  let closed = false;
  link.ticket().then(
    (ticket) => {
      if (closed) return;
      const query = new URLSearchParams({ ...(link.cursor && { since: link.cursor }), ...ticket }).toString();
      close = connect(query && `?${query}`);
    },
    (error) => link.down(said(error)),
  );
  return () => {
    closed = true;
    close?.();
  };
}

/** Return what an answer said; what a browser says of a network that failed is for nobody. */
function said({ status, message: sentence }) {
  return status ? { reason: sentence, status } : {};
}

/** Pass a message on; one that cannot be read ends the connection, because the next may build on it. */
function understood(link, connection, read) {
  let heard;
  try {
    heard = read();
  } catch {
    connection.close();
    return link.down({ reason: "The server sent something that is no message." });
  }
  return link.told(heard);
}

function message(kind, cursor, body) {
  if (kind === "snapshot") return { kind, cursor, tree: body };
  if (kind === "delta") return { kind, cursor, patch: body };
  if (kind === "resync") return { kind, reason: body.reason };
  if (kind === "retry" && body.ms >= 0 && body.ms < 60_000) return { kind, ms: body.ms };
  return { kind: "heartbeat" }; // and whatever else may come to be said: the line is alive
}
