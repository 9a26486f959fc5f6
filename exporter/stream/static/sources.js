// Where the figures come from, how old each is, and the checks that hold them together.

import { CHECKS, FEEDS } from "./checks.js";
import { make } from "./dom.js";
import { ago, signed, timeOfDay } from "./figures.js";
import { sourceName, trouble } from "./words.js";

export function showSources(box, { sources, timezone }, now, isCurrent) {
  const rows = Object.entries(sources).map(([source, { grade, live, live_since: liveSince, as_of: asOf, error }]) => {
    const word = grade !== "final" ? grade : isCurrent ? "fresh" : "was fresh";
    const at = (text) => timeOfDay(Date.parse(text), timezone, { seconds: false, now });
    const when = asOf ? `${at(asOf)}, ${ago(now - Date.parse(asOf))}` : "never read yet";
    const feed = live ? `${FEEDS[live] ?? live}${liveSince ? ` since ${at(liveSince)}` : ""}` : "";
    return make(
      "li",
      { class: `source ${grade}` },
      make("span", { class: "who" }, sourceName(source)),
      make("span", { class: "word" }, word),
      make("span", { class: "when" }, when),
      feed ? make("span", { class: `feed ${live}` }, feed) : null,
      error ? make("span", { class: "error" }, trouble(source, error, timezone, now)) : null,
    );
  });
  box.replaceChildren(...rows);
}

export function showChecks(box, checks = {}) {
  const known = Object.entries(checks);
  const failed = known.filter(([, { ok }]) => !ok);
  const rows = failed.map(([check, { usd, contracts, detail }]) => {
    const off = contracts !== undefined ? `${signed(contracts)} contracts` : usd === undefined ? "an unknown amount" : signed(usd, { dollar: "$" });
    const why = make("span", { class: "error" }, `off by ${off}${detail ? `: ${detail}` : ""}`);
    return make("li", { class: "failed" }, make("span", { class: "mark" }, "Fails: "), CHECKS[check] ?? check.replaceAll("_", " "), why);
  });
  const names = known.filter(([, { ok }]) => ok).map(([check]) => CHECKS[check] ?? check.replaceAll("_", " "));
  if (names.length) {
    const all = failed.length ? `${names.length} others hold` : `All ${names.length} hold`;
    rows.push(make("li", {}, `${all}. ${names.join(". ")}.`));
  }
  box.replaceChildren(...rows);
}
