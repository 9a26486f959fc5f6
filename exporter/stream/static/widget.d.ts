// Types of /widget.js.

import { NorthStar, Snapshot, State, Token, Update, Window } from "./client";

export { NorthStar };

/** `<northstar-pnl url token window theme compact>`; the attributes as properties where they are more than text. */
export class NorthstarPnl extends HTMLElement {
  readonly snapshot: Snapshot | null;
  readonly client: NorthStar | null;
  get window(): Window;
  set window(window: Window);
  get token(): Token;
  set token(token: Token);
}

declare global {
  interface HTMLElementTagNameMap {
    "northstar-pnl": NorthstarPnl;
  }
  interface HTMLElementEventMap extends NorthstarEvents {}
  interface DocumentEventMap extends NorthstarEvents {}
  interface NorthstarEvents {
    "northstar-update": CustomEvent<Update & { window: Window }>;
    "northstar-state": CustomEvent<State>;
  }
}
