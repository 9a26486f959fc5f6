// The live page. It writes text only as textContent, and asks nothing of the data but strings.

import { DayChart } from "./chart.js";
import { MINUS, age, ago as agoInWords, isLarge, negate, signOf, signed, size, spoken, sum, timeOfDay } from "./figures.js";
import { NorthStar } from "./client.js";

const WINDOWS = {
  today: "Today",
  "24h": "24 hours",
  "7d": "7 days",
  "30d": "30 days",
  mtd: "This month",
  ytd: "This year",
  all: "All time",
};

const STATEMENT = [
  {
    label: "Trading",
    lines: {
      trading_realised: "Realised",
      trading_unrealised_change: "Unrealised, change",
      trading_fees: "Fees",
    },
  },
  { label: "Sales", lines: { sales_gross: "Gross", sales_refunds: "Refunds", sales_fees: "Fees" } },
  { label: "API cost", lines: { api_cost_billed: "Billed", api_cost_estimated: "Estimated" } },
];

const NAMES = { kalshi: "Kalshi", anthropic: "Anthropic", sales: "Sales" };
const CHECKS = {
  balanced: "Double entry balances",
  cash: "Venue cash is explained",
  position: "Contracts match the venue",
  exposure: "Open cost matches the venue",
  realised: "Realised P&L matches the venue",
  fees: "Fees match the venue",
};
const GRADES = ["missing", "stale", "partial", "estimated", "final"];
const MOST_POSITIONS = 6;
const SPEAK_EVERY_MS = 15_000;
/** Rows that change places every second cannot be read. */
const SORT_EVERY_MS = 30_000;

const figures = new NorthStar({ rest: false });
const at = (id) => document.getElementById(id);
const chart = new DayChart(at("chart"));
let chosen = "today";
let chartDay = null;
let spokenAt = 0;
let order = [];
let sortedAt = 0;

// Small tools.

function make(tag, className, ...children) {
  const element = document.createElement(tag);
  if (className) element.className = className;
  element.append(...children);
  return element;
}

/** Set text only when it differs, so that nothing is announced, selected or animated in vain. */
function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

function name(source) {
  return NAMES[source] ?? source;
}

/** Return a reason ("kalshi: 2 positions have no mark") as a sentence's beginning. */
function reason(text) {
  const [source, ...rest] = text.split(": ");
  return rest.length ? `${name(source)}: ${rest.join(": ")}` : name(text);
}

function zone() {
  return figures.snapshot?.timezone ?? "UTC";
}

function time(text, options) {
  return timeOfDay(Date.parse(text), zone(), { now: figures.now(), ...options });
}

function ago(text) {
  return agoInWords(figures.now() - Date.parse(text));
}

function tone(usd) {
  return ["loss", "zero", "gain"][signOf(usd) + 1];
}

// The answer.

function showNet(prefix, figure) {
  const sign = at(`${prefix}-sign`);
  const digits = at(`${prefix}-size`);
  const box = at(prefix);
  if (figure.usd === undefined) {
    box.className = "net none";
    say(sign, "");
    say(digits, "No figure");
    return;
  }
  const places = isLarge(figure.usd) ? 0 : 2;
  const shown = `$${size(figure.usd, places)}`;
  const moved = digits.textContent !== shown && digits.dataset.shown !== undefined;
  box.className = `net ${tone(figure.usd)} ${figure.grade === "stale" ? "old" : ""}`;
  box.title = `exactly ${figure.usd.replace("-", MINUS)} USD`;
  say(sign, signOf(figure.usd) > 0 ? "+" : signOf(figure.usd) < 0 ? MINUS : "");
  say(digits, shown);
  digits.dataset.shown = "";
  if (moved) {
    // Restarting an animation needs a frame without it.
    digits.classList.remove("moved");
    requestAnimationFrame(() => digits.classList.add("moved"));
  }
}

/** Whether what is shown is what the exporter says now. */
function isCurrent() {
  return figures.state.name === "live";
}

function trust(figure) {
  if (figure.grade === "missing") return "";
  if (!figure.as_of) return figure.grade;
  return `${isCurrent() ? "" : "not current: "}${figure.grade}, as of ${time(figure.as_of)}, ${ago(figure.as_of)}`;
}

/** Say why there is no figure, with the source's own trouble where it has one. */
function explain(figure) {
  const reasons = (figure.because ?? []).map(reason);
  if (figure.grade !== "missing" && figure.grade !== "stale") return reasons;
  for (const [source, state] of Object.entries(figures.snapshot.sources ?? {})) {
    if (!state.error) continue;
    const said = state.error.sentence;
    const who = said.includes(name(source)) ? "" : `${name(source)}: `;
    const sentence = `${who}${said} Since ${time(state.error.since, { seconds: false })}.`;
    const known = reasons.findIndex((text) => text === name(source) || text.startsWith(`${name(source)}:`));
    if (known >= 0) reasons[known] = sentence;
  }
  return reasons;
}

function showChange(figure) {
  const box = at("net-change");
  const now = Date.parse(figures.snapshot.as_of);
  if (figure.usd === undefined) {
    const last = chart.valueAt(now);
    say(box, last ? `Last known ${signed(last.usd, { dollar: "$" })} at ${timeOfDay(last.at, zone(), { seconds: false })}` : "\u00a0");
    box.className = "change";
    return;
  }
  const first = chart.points.find((point) => point.usd !== null);
  const hourAgo = chart.valueAt(now - 3_600_000);
  const from = hourAgo ?? first;
  if (!from || now - from.at < 1000) return say(box, "\u00a0");
  const change = sum([figure.usd, negate(from.usd)]);
  const since = hourAgo ? "in the last hour" : `since ${timeOfDay(from.at, zone(), { seconds: false, now: figures.now() })}`;
  box.className = `change ${tone(change)}`;
  say(box, signOf(change) === 0 ? `unchanged ${since}` : `${signed(change, { dollar: "$" })} ${since}`);
}

function showAnswer() {
  const { today, mtd } = figures.snapshot.windows;
  document.body.dataset.grade = today.net.grade;
  showNet("net", today.net);
  showNet("month", mtd.net);
  showChange(today.net);
  list(at("net-because"), explain(today.net), 3);
  const net = today.net.usd;
  document.title = `${net === undefined ? "no figure" : signed(net, { dollar: "$" })} today · NorthStar`;
  if (Date.now() - spokenAt > SPEAK_EVERY_MS) {
    spokenAt = Date.now();
    say(at("spoken"), net === undefined ? "Net today: no figure." : `Net today ${spoken(net)}, ${today.net.grade}.`);
  }
}

function list(box, texts, most = Infinity) {
  const shown = texts.slice(0, most);
  if (texts.length > most) shown.push(`and ${texts.length - most} more`);
  if (box.dataset.texts === JSON.stringify(shown)) return;
  box.dataset.texts = JSON.stringify(shown);
  box.replaceChildren(...shown.map((text) => make("li", "", text)));
}

// The income statement.

const cells = new Map(); // "line|window" -> td

function buildStatement() {
  const head = at("statement-head");
  const body = at("statement-body");
  for (const [window, label] of Object.entries(WINDOWS)) {
    const choice = () => {
      const button = make("button", "", label);
      button.type = "button";
      button.dataset.window = window;
      button.addEventListener("click", () => choose(window));
      return button;
    };
    at("windows").append(choice());
    const th = make("th", "number", choice());
    th.scope = "col";
    th.dataset.window = window;
    head.append(th);
  }
  const row = (id, label, className) => {
    const th = make("th", "", label);
    th.scope = "row";
    const tr = make("tr", className, th);
    for (const window of Object.keys(WINDOWS)) {
      const td = make("td", "number");
      td.dataset.window = window;
      cells.set(`${id}|${window}`, td);
      tr.append(td);
    }
    body.append(tr);
  };
  for (const group of STATEMENT) {
    row(group.label, group.label, "group");
    for (const [id, label] of Object.entries(group.lines)) row(id, label, "line");
  }
  row("net", "Net", "net-row");
}

function choose(window) {
  chosen = window;
  for (const element of document.querySelectorAll("[data-window]")) {
    element.classList.toggle("chosen", element.dataset.window === window);
    if (element.tagName === "BUTTON") element.setAttribute("aria-pressed", String(element.dataset.window === window));
  }
  if (figures.snapshot) showStatement();
}

function worst(parts) {
  const ranks = parts.map((part) => GRADES.indexOf(part.grade)).filter((rank) => rank >= 0);
  return GRADES[Math.min(GRADES.length - 1, ...ranks)];
}

function group(components, ids) {
  const parts = ids.map((id) => components[id]).filter(Boolean);
  if (!parts.length) return null;
  const usd = parts.every((part) => part.usd !== undefined) ? sum(parts.map((part) => part.usd)) : undefined;
  return { grade: worst(parts), usd };
}

function showCell(id, window, figure, places, wordToo) {
  const cell = cells.get(`${id}|${window}`);
  const missing = figure && figure.usd === undefined;
  const text = !figure ? "–" : missing ? "no figure" : signed(figure.usd, { places });
  const word = figure && wordToo && !missing && figure.grade !== "final" ? figure.grade : "";
  const key = `${text}|${word}`;
  if (cell.dataset.key === key) return;
  cell.dataset.key = key;
  cell.replaceChildren(make("span", `amount ${!figure || missing ? "none" : tone(figure.usd)}`, text));
  if (word) cell.append(make("span", "grade", word));
  cell.title = figure?.usd !== undefined ? `exactly ${figure.usd.replace("-", MINUS)} USD, ${figure.grade}` : "";
}

function showStatement() {
  const { windows } = figures.snapshot;
  for (const window of Object.keys(WINDOWS)) {
    const { net, components } = windows[window];
    const all = [net, ...Object.values(components)];
    const places = all.some((figure) => figure.usd !== undefined && isLarge(figure.usd)) ? 0 : 2;
    for (const { label, lines } of STATEMENT) {
      showCell(label, window, group(components, Object.keys(lines)), places, false);
      for (const id of Object.keys(lines)) showCell(id, window, components[id], places, true);
    }
    showCell("net", window, net, places, true);
  }
  // Lines with the same reason are named together.
  const reasons = new Map();
  const { net, components } = windows[chosen];
  for (const { label, lines } of STATEMENT) {
    for (const [id, line] of Object.entries(lines)) {
      const figure = components[id];
      if (!figure || figure.grade === "final") continue;
      const why = [figure.grade, ...explain(figure)].join(". ");
      const key = `${label}|${why}`;
      if (!reasons.has(key)) reasons.set(key, { label, why, lines: [] });
      reasons.get(key).lines.push(line.toLowerCase().replace(",", ""));
    }
  }
  say(at("why-title"), `${net.grade === "final" ? "Final" : `Why ${net.grade}`}: ${WINDOWS[chosen].toLowerCase()}`);
  const whole = net.grade === "final" ? "Every line is final." : (net.because ?? []).map(reason).join("; ");
  const rows = [...reasons.values()].map(({ label, why, lines }) => [`${label}: ${lines.join(", ")}`, why]);
  if (!rows.length) rows.push(["", whole]);
  const shown = JSON.stringify(rows);
  if (at("why").dataset.shown === shown) return;
  at("why").dataset.shown = shown;
  at("why").replaceChildren(...rows.map(([line, why]) => make("li", "", ...(line ? [make("strong", "", line)] : []), why)));
}

// Positions, sources, checks.

function showPositions() {
  const { positions = {}, unrealised } = figures.snapshot;
  const known = Object.entries(positions);
  // Floats only decide the order.
  const weight = ([, position]) => (position.unrealised === undefined ? Infinity : Math.abs(Number(position.unrealised)));
  if (Date.now() - sortedAt > SORT_EVERY_MS || known.length !== order.length || !order.every((market) => market in positions)) {
    known.sort((one, other) => weight(other) - weight(one) || (one[0] < other[0] ? -1 : 1));
    order = known.map(([market]) => market);
    sortedAt = Date.now();
  }
  const fractions = known.some(([, { count }]) => /\.0*[1-9]/.test(count));
  const rows = order.slice(0, MOST_POSITIONS).map((market) => {
    const position = positions[market];
    const missing = position.unrealised === undefined;
    const result = make("td", "number", make("span", `amount ${missing ? "none" : tone(position.unrealised)}`, missing ? "no mark" : signed(position.unrealised)));
    if (!missing && position.grade !== "final") result.append(make("span", "grade", position.grade));
    const th = make("th", "market", market);
    th.scope = "row";
    th.title = market;
    return make(
      "tr",
      "",
      th,
      make("td", "", position.side),
      make("td", "number", size(position.count, fractions ? 2 : 0)),
      make("td", "number wide", size(position.cost)),
      make("td", "number wide", position.mark === undefined ? "–" : size(position.mark, Math.max(2, Math.min(4, (position.mark.split(".")[1] ?? "").length)))),
      result,
    );
  });
  if (!rows.length) rows.push(make("tr", "empty", Object.assign(make("td", "", "No open positions"), { colSpan: 6 })));
  at("positions-body").replaceChildren(...rows);
  const rest = known.length - MOST_POSITIONS;
  say(at("positions-rest"), rest > 0 ? `and ${rest} smaller ones` : "");
  const total = !unrealised ? "" : unrealised.usd === undefined ? "unrealised: no figure" : `unrealised ${signed(unrealised.usd, { dollar: "$" })}`;
  say(at("positions-total"), total && unrealised.grade !== "final" && unrealised.usd !== undefined ? `${total}, ${unrealised.grade}` : total);
}

function showSources() {
  const { sources = {}, checks = {} } = figures.snapshot;
  const rows = Object.entries(sources).map(([source, state]) => {
    const row = make("li", `source ${state.grade}`);
    const word = state.grade !== "final" ? state.grade : isCurrent() ? "fresh" : "was fresh";
    const since = state.as_of ? `as of ${time(state.as_of)}, ${ago(state.as_of)}` : "never read yet";
    row.append(make("span", "who", name(source)), make("span", "word", word), make("span", "when", since));
    if (state.error) row.append(make("span", "error", `${state.error.sentence} Since ${time(state.error.since, { seconds: false })}.`));
    return row;
  });
  at("sources").replaceChildren(...rows);
  const shown = Object.entries(checks).map(([check, { ok, usd, contracts, detail }]) => {
    const size = contracts !== undefined ? `${signed(contracts)} contracts` : usd !== undefined ? signed(usd, { dollar: "$" }) : "an unknown amount";
    const row = make("li", ok ? "ok" : "failed");
    row.append(make("span", "mark", ok ? "✓" : "✗"), make("span", "", CHECKS[check] ?? check.replaceAll("_", " ")));
    if (!ok) row.append(make("span", "error", `off by ${size}${detail ? `: ${detail}` : ""}`));
    row.firstChild.setAttribute("aria-label", ok ? "holds:" : "fails:");
    return row;
  });
  at("checks").replaceChildren(...shown);
}

// The day's line.

async function loadChart() {
  const { today } = figures.snapshot.windows;
  if (chartDay === today.from) return;
  chartDay = today.from;
  const from = Date.parse(today.from);
  const step = Math.max(1, Math.ceil((figures.now() - from) / 400_000));
  const query = new URLSearchParams({ from: today.from, step: String(step), fields: "today.net" });
  try {
    const response = await fetch(`/api/pnl/history?${query}`);
    if (!response.ok) throw new Error(String(response.status));
    const { points } = await response.json();
    const series = points.map(({ at: when, values }) => ({ at: Date.parse(when), usd: values[0] }));
    chart.begin(series, step * 1000, from, zone());
    addToChart();
    showChange(figures.snapshot.windows.today.net);
  } catch {
    chartDay = null; // tried again with the next change
  }
}

function addToChart() {
  chart.add(Date.parse(figures.snapshot.as_of), figures.snapshot.windows.today.net.usd ?? null);
}

// States, in words.

const STATES = {
  connecting: "Connecting",
  live: "Live",
  silent: "Connected, nothing new",
  reconnecting: "Reconnecting",
  offline: "Offline",
  resting: "Paused",
  refused: "Refused",
};

function showState() {
  const { name: state, latency } = figures.state;
  document.body.dataset.state = state;
  say(at("connection"), state === "live" && latency !== null ? `Live, ${latency} ms away` : STATES[state]);
  showNotice();
}

/** Say in one sentence why what is shown may be old: we are cut off, or the exporter is silent. */
function showNotice() {
  const { name: state, since, reason: why } = figures.state;
  const notice = at("notice");
  const lost = state === "offline" || state === "refused";
  document.body.toggleAttribute("data-silent", state === "silent");
  notice.hidden = !lost && state !== "silent";
  if (lost) {
    const trouble = why || `The server has not answered since ${timeOfDay(since, zone())}.`;
    const shown = figures.snapshot ? `What you see is the last snapshot, of ${time(figures.snapshot.as_of)} ${zone()}.` : "There is no snapshot to show yet.";
    say(notice, `${trouble} ${shown} It is tried again every few seconds.`);
  } else if (state === "silent") {
    const quiet = age(figures.now() - Date.parse(figures.snapshot.as_of));
    say(notice, `Nothing new for ${quiet}: is the exporter running? What you see is of ${time(figures.snapshot.as_of)} ${zone()}.`);
  }
}

function tick() {
  showNotice();
  if (figures.snapshot) {
    const { today, mtd } = figures.snapshot.windows;
    say(at("net-trust"), trust(today.net));
    say(at("month-trust"), mtd.net.grade === "missing" ? "" : mtd.net.grade);
    showSources();
    const { timezone, mark_rule: rule, sequence } = figures.snapshot;
    say(at("about"), `Times are ${timezone}. Amounts are US dollars. Open contracts are valued at the ${rule}. Snapshot ${sequence}, ${time(figures.snapshot.as_of)}.`);
  } else if (figures.state.name === "offline") {
    say(at("net-trust"), figures.state.reason || "The server does not answer.");
  }
}

let drawing = false;

/** Show the newest figures with the next frame, however many deltas came since the last. */
function showSoon() {
  if (drawing) return;
  drawing = true;
  const frame = document.hidden ? (show) => setTimeout(show, 500) : requestAnimationFrame;
  frame(() => {
    drawing = false;
    if (!figures.snapshot) return;
    at("demo").hidden = figures.snapshot.demo !== true;
    if (chartDay === figures.snapshot.windows.today.from) addToChart();
    showAnswer();
    showStatement();
    showPositions();
    tick();
    loadChart();
  });
}

buildStatement();
choose(chosen);
figures.addEventListener("update", showSoon);
figures.addEventListener("state", showState);
showState();
setInterval(tick, 1000);
figures.start();
