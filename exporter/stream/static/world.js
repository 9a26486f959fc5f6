// What the client needs of a browser, in one place: tests put another world in its stead.

function storage() {
  try {
    return globalThis.localStorage ?? null; // throws where a page may keep nothing
  } catch {
    return null;
  }
}

export const browser = {
  WebSocket: globalThis.WebSocket,
  EventSource: globalThis.EventSource,
  fetch: (...asked) => globalThis.fetch(...asked),
  location: globalThis.location?.href,
  storage: storage(),
  now: () => Date.now(),
  elapsed: () => performance.now(),
  random: () => Math.random(),
  later: (action, ms) => setTimeout(action, ms),
  never: (timer) => clearTimeout(timer),
  sleep: (ms) => new Promise((done) => setTimeout(done, ms)),
  hidden: () => globalThis.document?.visibilityState === "hidden",
  online: () => globalThis.navigator?.onLine !== false,
  /** Call back with "seen", "hidden", "online", "offline" or "leaving"; return how to stop that. */
  watch(tell) {
    const page = globalThis.document;
    if (!page) return () => {};
    const heard = new AbortController();
    const on = (target, name, say) => target.addEventListener(name, say, { signal: heard.signal });
    on(page, "visibilitychange", () => tell(page.visibilityState === "hidden" ? "hidden" : "seen"));
    on(globalThis, "online", () => tell("online"));
    on(globalThis, "offline", () => tell("offline"));
    on(globalThis, "pagehide", () => tell("leaving"));
    on(globalThis, "pageshow", ({ persisted }) => persisted && tell("online"));
    return () => heard.abort();
  },
};
