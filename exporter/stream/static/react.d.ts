// Types of /react.js.

import { NorthStar, Patch, Snapshot, State, Token } from "./client";

export interface Figures {
  snapshot: Snapshot | null;
  /** What the last update changed; null when it came whole, or when only the state changed. */
  delta: Patch | null;
  state: State;
  kept: boolean;
  client: NorthStar | null;
}

/** Keep a `token` function the same between renders (a module's, or one of `useCallback`). */
export type UseNorthstarPnl = (options?: { url?: string; token?: Token }) => Figures;

/** Hand React in: `const useNorthstarPnl = createUseNorthstarPnl(React)`. */
export function createUseNorthstarPnl(React: {
  useEffect: (effect: () => void | (() => void), dependencies?: readonly any[]) => void;
  useState: <T>(initial: T) => [T, (next: T) => void];
}): UseNorthstarPnl;
