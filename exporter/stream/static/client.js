// The client for other people's programs: what follows the figures, alone or together with others.
//
//   const figures = new NorthStar({ url: "https://pnl.example.com" });
//   figures.addEventListener("update", ({ detail }) => show(detail.snapshot));
//   figures.addEventListener("state", () => say(figures.state));
//   figures.start();

import { NorthStar } from "./northstar.js";
import { share } from "./share.js";

export { NorthStar, share };
