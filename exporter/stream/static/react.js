// The figures as a React hook. React is handed in, so this works with any bundler and with none:
//
//   import React from "react";
//   import { createUseNorthstarPnl } from "https://pnl.example.com/react.js";
//   const useNorthstarPnl = createUseNorthstarPnl(React);
//
//   const { snapshot, state } = useNorthstarPnl({ url: "https://pnl.example.com" });

import { share } from "./share.js";

const CONNECTING = { name: "connecting", since: 0, transport: null, reason: "", latency: null, retryAt: null };
const NOTHING = { snapshot: null, delta: null, state: CONNECTING, kept: false, client: null };

/** Return the hook `useNorthstarPnl({ url, token })`. Components with the same url and token share a connection. */
export function createUseNorthstarPnl({ useEffect, useState }) {
  return function useNorthstarPnl({ url = "", token = "" } = {}) {
    const [figures, setFigures] = useState(NOTHING);
    useEffect(() => {
      const { client, leave } = share({ url, token });
      const heard = new AbortController();
      const show = (event) => {
        const { snapshot, state, kept } = client;
        const delta = event?.detail ? event.detail.delta : null;
        setFigures({ snapshot, delta, state, kept, client });
      };
      client.addEventListener("update", show, { signal: heard.signal });
      client.addEventListener("state", show, { signal: heard.signal });
      show();
      return () => {
        heard.abort();
        leave();
      };
    }, [url, token]);
    return figures;
  };
}
