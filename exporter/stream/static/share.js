// One connection for everybody on a page who follows the same figures with the same token.

import { NorthStar } from "./northstar.js";

const followed = []; // { url, token, client, users }

/**
 * Follow `url` together with everybody on this page who does so with the same token: one connection.
 * Returns the client, and `leave`; the last one to leave stops it.
 */
export function share({ url = "", token = "", ...options } = {}) {
  let shared = followed.find((known) => known.url === url && known.token === token);
  if (!shared) {
    shared = { url, token, client: new NorthStar({ url, token, ...options }), users: 0 };
    followed.push(shared);
  }
  shared.users += 1;
  shared.client.start();
  let here = true;
  const leave = () => {
    if (!here) return;
    here = false;
    shared.users -= 1;
    if (shared.users) return;
    followed.splice(followed.indexOf(shared), 1);
    shared.client.stop();
  };
  return { client: shared.client, leave };
}
