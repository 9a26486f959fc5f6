// What an order brings and costs, as the snapshot states it: nothing is divided here.

import { make, say } from "./dom.js";
import { parts, signed, size, tone } from "./figures.js";
import { absent } from "./page_words.js";
import { WINDOWS } from "./words.js";

/** How a figure per order is said: a cost as a bill states it, what is left with its sign. */
const FIGURES = {
  average_order: ["Average order", (usd) => `$${size(usd)}`, () => ""],
  api_cost_per_order: ["API cost per order", (usd) => `$${size(usd)}`, () => ""],
  contribution_per_order: ["Contribution per order", (usd) => signed(usd, { dollar: "$" }), tone],
};

export function showOrders(body, title, snapshot, window) {
  say(title, `Orders, ${WINDOWS[window]}`);
  const counts = snapshot.sales?.[window];
  if (counts?.orders !== undefined) return body.replaceChildren(...rows(counts));
  return body.replaceChildren(make("tr", { class: "empty" }, make("td", {}, absent(snapshot, "sales", "Orders"))));
}

/** A figure that is not stated has no row: without an order there is nothing to divide by. */
function* rows({ orders, refunds, per_order: stated = {} }) {
  const ratio = stated.refund_ratio?.value;
  yield row("Orders", whole(orders));
  yield row("Refunds given", whole(refunds), "", ratio === undefined ? "" : `${percent(ratio)} % of orders`);
  for (const [name, [label, write, toneOf]] of Object.entries(FIGURES)) {
    if (!stated[name]) continue;
    const { value, grade } = stated[name];
    if (value === undefined) yield row(label, "no figure", "amount none");
    else yield row(label, write(value), `amount ${toneOf(value)}`, grade === "final" ? "" : grade);
  }
}

function row(label, text, kind = "amount", note = "") {
  const small = note ? make("span", { class: "grade" }, note) : null;
  const amount = make("span", { class: kind || "amount" }, text);
  return make("tr", {}, make("th", { scope: "row" }, label, small && " ", small), make("td", { class: "number" }, amount));
}

/** Return a share in per cent, rounded half up to one decimal: "0.3333" is "33.3". */
export function percent(text) {
  const { whole, decimals } = parts(text);
  return size(`${whole}${decimals.padEnd(2, "0").replace(/^(..)/, "$1.")}`, 1);
}

function whole(count) {
  return size(`${count}`, 0);
}
