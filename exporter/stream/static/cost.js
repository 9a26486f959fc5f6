// What the API costs, by model, and what the month is going to cost.

import { make, say } from "./dom.js";
import { MINUS, dayOf, signOf, size, sum } from "./figures.js";
import { absent } from "./page_words.js";
import { WINDOWS } from "./words.js";

/** Models shown by name; the rest is one line. */
const MOST = 5;

/** Costs are shown positive here, as a bill states them; the statement has them with their sign. */
export function showCost(body, title, snapshot, window) {
  const { api_cost: cost } = snapshot;
  say(title, `AI cost, ${WINDOWS[window]}`);
  const stated = cost?.windows?.[window];
  if (!stated) {
    body.replaceChildren(make("tr", { class: "empty" }, make("td", {}, absent(snapshot, "api_cost", "Models"))));
    return;
  }
  const models = Object.entries(stated.by.model).sort(([, one], [, other]) => Number(other) - Number(one));
  const rows = models.slice(0, MOST).map(([model, usd]) => row(model === "none" ? "No model" : model, dollars(usd)));
  const rest = models.slice(MOST).map(([, usd]) => usd);
  if (rest.length) rows.push(row(`${rest.length} more`, dollars(sum(rest))));
  if (!rows.length) rows.push(row("Nothing yet", dollars("0")));
  rows.push(...ahead(cost));
  body.replaceChildren(...rows);
}

function* ahead({ forecast, burn_rate: burn, budgets, credit }) {
  if (burn?.usd_per_day) yield row(`Daily, mean of ${burn.days} days`, dollars(burn.usd_per_day), "ahead");
  if (forecast?.mid) {
    const range = `${dollars(forecast.low, 0)} to ${dollars(forecast.high, 0)}`;
    yield row("This month, expected", dollars(forecast.mid, 0), burn ? "" : "ahead", range);
  }
  const { usd, spent, gone } = budgets?.total ?? {};
  if (usd) yield row("Budget of the month", dollars(usd, 0), "", `${dollars(spent, 0)} spent${end(gone)}`);
  if (credit?.left) yield row("Credit left", dollars(credit.left, 0), "", `of ${dollars(credit.usd, 0)}${end(credit.gone)}`);
}

function end(day) {
  return day ? `, used up on ${dayOf(Date.parse(day), "UTC")}` : "";
}

function row(label, amount, kind = "", note = "") {
  const small = note ? make("span", { class: "grade" }, note) : null;
  return make("tr", { class: kind }, make("th", { scope: "row" }, label, small), make("td", { class: "number" }, amount));
}

function dollars(usd, places = 2) {
  return `${signOf(usd) < 0 ? MINUS : ""}$${size(usd, places)}`;
}
