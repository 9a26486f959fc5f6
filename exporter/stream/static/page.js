// The live page: one screen of the company's figures. It asks nothing of the data but strings.

import { Chart } from "./chart.js";
import { list, make, say, stir } from "./dom.js";
import { MINUS, isLarge, negate, signMark, signOf, signed, size, spoken, sum, timeOfDay, tone } from "./figures.js";
import { LastHour } from "./hour.js";
import { NorthStar } from "./northstar.js";
import { Past, stepFor } from "./past.js";
import { showCost } from "./cost.js";
import { showOrders } from "./orders.js";
import { Positions } from "./positions.js";
import { showChecks, showSources } from "./sources.js";
import { Statement } from "./statement.js";
import { STATES, WAYS, WINDOWS, caveat, explain, netOf, trust } from "./words.js";

const HOUR_MS = 3_600_000;
const LONGEST_MS = 366 * 24 * HOUR_MS;
/** Points of the chart: about as many as it has pixels to tell apart. */
const POINTS = 500;
/** Who listens all day is told the figure this often, and that its grade has changed this soon; it is there to be read at any time. */
const SPEAK_MS = 600_000;
const REGRADE_MS = 30_000;
/** A connection that is back sooner is not worth a word. */
const BRIEF_MS = 3_000;
/** The past that could not be read is asked for again after this. */
const AGAIN_MS = 30_000;

/** Where this tab keeps the token that somebody typed: gone with the tab. */
const TOKEN = "northstar-pnl token";

const at = (id) => document.getElementById(id);
// The title of its tab is looked at while the page is hidden, so it does not rest.
const figures = new NorthStar({ rest: false, token: () => sessionStorage.getItem(TOKEN) ?? "" });
const chart = new Chart(at("chart"), at("readout"), look);
const statement = new Statement(
  { head: at("statement-head"), body: at("statement-body"), why: at("why"), whyTitle: at("why-title") },
  choose,
);
const hour = new LastHour({
  net: at("hour-net"),
  body: at("hour-body"),
  happened: at("happened"),
  since: at("happened-since"),
});
const positions = new Positions({ body: at("positions-body"), rest: at("positions-rest"), total: at("positions-total") });

let chosen = "today";
let past = null; // of the chosen window
let stated = null; // { window, at, usd }: the newest figure that was here, closer than any step of the past
let pastOf = null;
let closer = null; // finer points of the range that is looked at
let told = { at: 0, grade: "", state: "connecting" };
let drawing = false;

// The chosen window: in the address, so that a bookmark opens it again.

function choose(window) {
  chosen = Object.hasOwn(WINDOWS, window) ? window : "today";
  if (location.hash.slice(1) !== chosen) history.replaceState(null, "", chosen === "today" ? location.pathname : `#${chosen}`);
  for (const element of document.querySelectorAll("[data-window]")) {
    element.classList.toggle("chosen", element.dataset.window === chosen);
    if (element.tagName === "BUTTON") element.setAttribute("aria-pressed", String(element.dataset.window === chosen));
  }
  chart.look(null);
  remember();
  showSoon();
}

// What was.

function remember() {
  const begin = figures.kept ? undefined : figures.snapshot?.windows[chosen]?.from;
  const which = `${chosen} ${/^\d/.test(chosen) ? "" : begin}`;
  if (!begin || pastOf === which) return;
  pastOf = which;
  const newest = Date.parse(figures.snapshot.as_of); // the clock here may be wrong
  const from = Math.max(Date.parse(begin), newest - LONGEST_MS);
  const read = (past = new Past([`${chosen}.net`], stepFor(newest - from, POINTS)));
  read.loadSince(figures, from, POINTS).then(showSoon, () => setTimeout(() => past === read && (pastOf = null), AGAIN_MS));
}

/** Read a range with finer points; null is all of it. */
function look(range) {
  at("whole").disabled = range === null;
  closer = null;
  if (!range) return;
  const read = new Past([`${chosen}.net`], stepFor(range.to - range.from, POINTS));
  read.load(figures, range.from, range.to + 1).then(
    () => {
      if (chart.view?.from !== range.from || chart.view?.to !== range.to) return;
      closer = read;
      showSoon();
    },
    () => {}, // the coarse points stay
  );
}

// The answer.

function showNet({ usd, grade }) {
  const [box, digits] = [at("net"), at("net-size")];
  const places = usd !== undefined && isLarge(usd) ? 0 : 2;
  const mark = usd === undefined ? "" : signMark(usd, places);
  const shown = usd === undefined ? "No figure" : `$${size(usd, places)}`;
  const moved = digits.textContent !== shown && /\d/.test(digits.textContent);
  box.className = usd === undefined ? "net none" : `net ${tone(usd, places)} ${grade}`;
  box.style.setProperty("--digits", mark.length + shown.length);
  box.title = usd === undefined ? "" : `exactly ${usd.replace("-", MINUS)} USD, ${grade}`;
  say(at("net-sign"), mark);
  say(digits, shown);
  if (moved) stir(box);
}

function showChange({ usd, grade }, now) {
  const box = at("net-change");
  const zone = figures.snapshot.timezone;
  if (usd !== undefined) stated = { window: chosen, at: now, usd };
  const here = stated?.window === chosen ? stated : null;
  const last = usd === undefined ? (here ?? past?.valueAt(now)) : null;
  box.className = "change zero";
  if (last) return say(box, `Last known ${signed(last.usd, { dollar: "$" })} at ${timeOfDay(last.at, zone, { seconds: false, now })}`);
  const moved = usd === undefined ? null : change(usd, now);
  if (!moved || now - moved.at < 60_000) return say(box, "\u00a0");
  const since = now - moved.at >= HOUR_MS ? "in the last hour" : `since ${timeOfDay(moved.at, zone, { seconds: false, now })}`;
  box.className = `change ${tone(moved.usd)} ${grade}`;
  return say(box, signOf(moved.usd) ? `${signed(moved.usd, { dollar: "$" })} ${since}` : `unchanged ${since}`);
}

/** Return what the chosen window gained in the last hour, as { at, usd }: what the hour says, unless time itself moves the window. */
function change(usd, now) {
  const all = hour.change(figures.snapshot, now);
  const begin = Date.parse(figures.snapshot.windows[chosen].from);
  if (all && !/^\d/.test(chosen) && begin <= all.at) return all;
  const from = past?.baseline(now - HOUR_MS);
  return from ? { at: from.at, usd: sum([usd, negate(from.usd)]) } : null;
}

/** Beside the chosen window stands the month; beside anything else, today. */
function showOther(windows) {
  const other = chosen === "today" ? "mtd" : "today";
  const { usd, grade } = windows[other]?.net ?? { grade: "missing" };
  say(at("other-label"), netOf(other));
  at("other").className = usd === undefined ? "amount none" : `amount ${tone(usd)} ${grade}`;
  say(at("other"), usd === undefined ? "no figure" : signed(usd, { dollar: "$", places: isLarge(usd) ? 0 : 2 }));
  say(at("other-trust"), usd === undefined ? "" : grade);
}

function showAnswer(snapshot, now) {
  const figure = snapshot.windows[chosen]?.net ?? { grade: "missing" };
  document.body.dataset.grade = figure.grade;
  say(at("net-label"), netOf(chosen));
  showNet(figure);
  showChange(figure, now);
  say(at("net-trust"), trust(figure, snapshot, now));
  list(at("net-because"), explain(figure, snapshot, now), 3);
  showOther(snapshot.windows);
  const { usd } = snapshot.windows.today?.net ?? {};
  const current = figures.state.name === "live" ? "" : `${STATES[figures.state.name].toLowerCase()}: `;
  document.title = `${current}${usd === undefined ? "no figure" : signed(usd, { dollar: "$" })} today · NorthStar`;
}

/** Tell a screen reader what is new: a grade that changed, a connection that stays lost, and else seldom. */
function speak(figure) {
  const now = Date.now();
  const { name, since } = figures.state;
  const lasting = name !== told.state && now - since > BRIEF_MS;
  const due = now - told.at >= (figure.grade === told.grade ? SPEAK_MS : REGRADE_MS);
  if (!lasting && !due) return;
  const net = `${netOf(chosen)}: ${figure.usd === undefined ? "no figure" : `${spoken(figure.usd)}, ${figure.grade}`}.`;
  say(at("spoken"), lasting ? `${STATES[name]}. ${net}` : net);
  told = { at: now, grade: figure.grade, state: lasting || !told.at ? name : told.state };
}

// How it reaches us, and everything that says its age.

function showState() {
  const { name, latency, transport, reason } = figures.state;
  document.body.dataset.state = name;
  at("entry").hidden = name !== "refused";
  const way = name === "live" && WAYS[transport] ? ` by ${WAYS[transport]}` : "";
  const far = name === "live" && latency !== null ? `, ${latency} ms away` : "";
  say(at("connection"), STATES[name] + way + far);
  const now = figures.now();
  const notice = caveat(figures, now);
  at("notice").hidden = notice === "";
  say(at("notice"), notice);
  if (!figures.snapshot) say(at("net-trust"), reason || "Waiting for the first figures");
}

function tick() {
  showState();
  const { snapshot } = figures;
  if (!snapshot) return;
  const now = figures.now();
  const figure = snapshot.windows[chosen]?.net ?? { grade: "missing" };
  say(at("net-trust"), trust(figure, snapshot, now));
  showSources(at("sources"), snapshot, now, figures.state.name === "live");
  speak(figure);
}

function show() {
  const { snapshot, kept } = figures;
  if (!snapshot) return;
  const now = figures.now();
  document.body.toggleAttribute("data-kept", kept);
  at("demo").hidden = snapshot.demo !== true;
  showAnswer(snapshot, now);
  statement.show(snapshot, chosen, now);
  // What a source tells has no place where it is switched off.
  at("positions-card").hidden = !snapshot.sources.kalshi;
  at("cost-card").hidden = !snapshot.sources.anthropic;
  at("orders-card").hidden = !snapshot.sources.sales;
  positions.show(snapshot);
  showOrders(at("orders"), at("orders-title"), snapshot, chosen);
  showCost(at("cost"), at("cost-title"), snapshot, chosen);
  if (!kept) {
    hour.show(snapshot, now);
    showChecks(at("checks"), snapshot.checks);
  }
  chart.show(past, closer, snapshot.timezone, netOf(chosen));
  const { timezone, mark_rule: rule, sequence } = snapshot;
  const about = [`Times are ${timezone}.`, "Amounts are US dollars.", rule && `Open contracts are valued at the ${rule}.`, sequence && `Snapshot ${sequence}.`];
  say(at("about"), about.filter(Boolean).join(" "));
  tick();
}

/** Show the newest figures with the next frame, however many deltas came since the last. */
function showSoon() {
  if (drawing) return;
  drawing = true;
  const frame = document.hidden ? (draw) => setTimeout(draw, 500) : requestAnimationFrame;
  frame(() => {
    drawing = false;
    show();
  });
}

function updated({ detail: { snapshot, previous, kept } }) {
  remember();
  if (!kept) {
    past?.add(snapshot);
    hour.load(figures, showSoon);
    hour.add(snapshot, previous?.epoch === snapshot.epoch ? previous : null);
  }
  showSoon();
}

for (const window of Object.keys(WINDOWS)) {
  const button = make("button", { type: "button", "data-window": window }, WINDOWS[window]);
  button.addEventListener("click", () => choose(window));
  at("windows").append(button);
}
at("closer").addEventListener("click", () => chart.zoom(0.5));
at("further").addEventListener("click", () => chart.zoom(2));
at("whole").addEventListener("click", () => chart.look(null));
globalThis.addEventListener("hashchange", () => choose(location.hash.slice(1)));
at("entry").addEventListener("submit", (event) => {
  event.preventDefault();
  sessionStorage.setItem(TOKEN, at("token").value.trim());
  at("token").value = "";
  figures.stop();
  figures.start();
});
figures.addEventListener("update", updated);
figures.addEventListener("state", () => {
  showState();
  showSoon(); // the title says it, too, and with the clocks compared every age is another one
});
choose(location.hash.slice(1));
showState();
setInterval(tick, 1000);
figures.start();
