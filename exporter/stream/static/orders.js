// What an order brings and costs: the snapshot has the counts and the amounts, the division is made here.

import { absent } from "./checks.js";
import { make, say } from "./dom.js";
import { signed, size, tone } from "./figures.js";
import { divide } from "./ratio.js";
import { STATEMENT, WINDOWS, group } from "./words.js";

const LINES = Object.fromEntries(STATEMENT.map(({ label, lines }) => [label, Object.keys(lines)]));
const COUNTED = "sales_gross"; // the component of the very sales that the orders count

/** What is divided by the orders, and how it is said: a cost as a bill states it, what is left with its sign. */
const FIGURES = [
  ["Average order", [COUNTED], (usd) => `$${size(usd)}`],
  ["API cost per order", LINES["API cost"], (usd) => `$${size(usd)}`],
  ["Contribution per order", [...LINES.Sales, ...LINES["API cost"]], (usd) => signed(usd, { dollar: "$" })],
];

export function showOrders(body, title, snapshot, window) {
  const { sales, windows } = snapshot;
  say(title, `Orders, ${WINDOWS[window]}`);
  const { components = {} } = windows[window] ?? {};
  const counts = sales?.[window];
  if (counts) return body.replaceChildren(...rows(counts, components));
  return body.replaceChildren(make("tr", { class: "empty" }, make("td", {}, absent(snapshot, "sales", "Orders"))));
}

/** Without an order there is nothing to divide, and a source that is switched off has no part in it. */
function* rows({ orders, refunds }, components) {
  yield row("Orders", whole(orders));
  yield row("Refunds given", whole(refunds), "", orders ? `${divide(`${100 * refunds}`, orders, 1)} % of orders` : "");
  if (!orders) return;
  for (const [label, ids, write] of FIGURES) {
    const parts = [COUNTED, ...ids];
    if (!parts.every((id) => id in components)) continue;
    const { usd } = group(components, ids);
    const { grade } = group(components, parts);
    const known = usd !== undefined && grade !== "missing";
    const share = known ? divide(usd, orders) : "0";
    const kind = !known ? "none" : label.startsWith("Contribution") ? tone(share) : "";
    yield row(label, known ? write(share) : "no figure", `amount ${kind}`, known && grade !== "final" ? grade : "");
  }
}

function row(label, text, kind = "amount", note = "") {
  const small = note ? make("span", { class: "grade" }, note) : null;
  const amount = make("span", { class: kind || "amount" }, text);
  return make("tr", {}, make("th", { scope: "row" }, label, small && " ", small), make("td", { class: "number" }, amount));
}

function whole(count) {
  return size(`${count}`, 0);
}
