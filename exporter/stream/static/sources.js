// Where the figures come from, how old each is, and the checks that hold them together.

import { make } from "./dom.js";
import { ago, signed, timeOfDay } from "./figures.js";
import { FEEDS, checkName } from "./page_words.js";
import { titleOf, trouble } from "./words.js";

export function showSources(box, snapshot, now, isCurrent) {
  const { sources, timezone } = snapshot;
  const rows = Object.entries(sources).map(([source, { grade, live, live_since: liveSince, as_of: asOf, error }]) => {
    const word = grade !== "final" ? grade : isCurrent ? "fresh" : "was fresh";
    const at = (text) => timeOfDay(Date.parse(text), timezone, { seconds: false, now });
    const when = asOf ? `${at(asOf)}, ${ago(now - Date.parse(asOf))}` : "never read yet";
    const feed = live ? `${FEEDS[live] ?? live}${liveSince ? ` since ${at(liveSince)}` : ""}` : "";
    return make(
      "li",
      { class: `source ${grade}` },
      make("span", { class: "who" }, titleOf(snapshot, source)),
      make("span", { class: "word" }, word),
      make("span", { class: "when" }, when),
      feed ? make("span", { class: `feed ${live}` }, feed) : null,
      error ? make("span", { class: "error" }, trouble(snapshot, source, error, now)) : null,
    );
  });
  box.replaceChildren(...rows);
}

export function showChecks(box, snapshot) {
  const known = Object.entries(snapshot.checks ?? {});
  const failed = known.filter(([, { ok }]) => !ok);
  const rows = failed.map(([check, stated]) => {
    const why = causes(snapshot, stated).map((text) => make("span", { class: "error" }, text));
    return make("li", { class: "failed" }, make("span", { class: "mark" }, "Fails: "), checkName(check), ...why);
  });
  const names = known.filter(([, { ok }]) => ok).map(([check]) => checkName(check));
  if (names.length) {
    const all = failed.length ? `${names.length} others hold` : `All ${names.length} hold`;
    rows.push(make("li", {}, `${all}. ${names.join(". ")}.`));
  }
  box.replaceChildren(...rows);
}

/** Say what a check is off by, and why; of each source that fails it, where it has several. */
function causes(snapshot, { parts = {}, ...whole }) {
  const failed = Object.entries(parts).filter(([, { ok }]) => !ok);
  if (!failed.length) return [off(whole)];
  return failed.map(([source, part]) => `${titleOf(snapshot, source)}: ${off(part)}`);
}

function off({ usd, contracts, detail }) {
  const amount = contracts !== undefined ? `${signed(contracts)} contracts` : usd === undefined ? "an unknown amount" : signed(usd, { dollar: "$" });
  return `off by ${amount}${detail ? `: ${detail}` : ""}`;
}
