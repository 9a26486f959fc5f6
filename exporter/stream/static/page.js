// The live page: one screen of the company's figures. It asks nothing of the data but strings.

import { Calendar } from "./calendar.js";
import { Chart } from "./chart.js";
import { Course, isRolling } from "./course.js";
import { Day } from "./day.js";
import { isDay } from "./days.js";
import { make, say } from "./dom.js";
import { isLarge, signed, tone } from "./figures.js";
import { Headline, netIn } from "./headline.js";
import { LastHour } from "./hour.js";
import { NorthStar } from "./northstar.js";
import { ofKind } from "./page_words.js";
import { Past, stepFor } from "./past.js";
import { showCost } from "./cost.js";
import { showOrders } from "./orders.js";
import { Positions } from "./positions.js";
import { showChecks, showSources } from "./sources.js";
import { Statement } from "./statement.js";
import { WindowLine } from "./window_line.js";
import { STATES, WINDOWS, caveat, connectionOf, netOf } from "./words.js";

/** Points of the chart: about as many as it has pixels to tell apart. */
const POINTS = 500;

/** A closer look has to begin within this part of what is looked at. */
const FROM_THE_BEGINNING = 0.1;

/** The cards that belong to one kind of source. */
const CARDS = { "positions-card": "venue", "orders-card": "sales", "cost-card": "api_cost" };

/** Where this tab keeps the token that somebody typed: gone with the tab. */
const TOKEN = "northstar-pnl token";

const at = (id) => document.getElementById(id);
// The title of its tab is looked at while the page is hidden, so it does not rest.
const figures = new NorthStar({ rest: false, token: () => sessionStorage.getItem(TOKEN) ?? "" });
const chart = new Chart(at("chart"), at("readout"), look);
const headline = new Headline({
  label: at("net-label"),
  net: at("net"),
  sign: at("net-sign"),
  digits: at("net-size"),
  change: at("net-change"),
  trust: at("net-trust"),
  why: at("net-because"),
  spoken: at("spoken"),
});
const course = new Course(POINTS, showSoon);
const line = new WindowLine(showSoon);
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
const calendar = new Calendar(
  {
    card: at("calendar"),
    title: at("calendar-title"),
    total: at("calendar-total"),
    months: at("calendar-months"),
    body: at("calendar-body"),
    previous: at("calendar-previous"),
    next: at("calendar-next"),
    check: at("calendar-check"),
  },
  figures,
  (day) => go(day),
);
const day = new Day(
  {
    box: at("day"),
    none: at("day-none"),
    title: at("day-title"),
    net: at("day-net"),
    lines: at("day-lines"),
    why: at("day-why"),
    by: at("day-by"),
    rows: at("day-rows"),
    sum: at("day-sum"),
    more: at("day-more"),
    close: at("day-close"),
  },
  figures,
  () => go(chosen),
);

let chosen = "today";
let closer = null; // finer points of the range that is looked at
let drawing = false;

// The chosen window, or the day whose statement is shown: in the address, so that a bookmark opens it again.

function choose(window) {
  chosen = Object.hasOwn(WINDOWS, window) ? window : "today";
  if (location.hash.slice(1) !== chosen) history.replaceState(null, "", placeOf(chosen));
  mark();
  open("");
  chart.look(null);
  course.follow(figures, chosen);
  line.follow(figures, chosen);
  showSoon();
}

function mark() {
  for (const element of document.querySelectorAll("[data-window]")) {
    element.classList.toggle("chosen", element.dataset.window === chosen);
    if (element.tagName === "BUTTON") element.setAttribute("aria-pressed", String(element.dataset.window === chosen));
  }
}

function open(which) {
  calendar.mark(which);
  day.show(which);
}

function placeOf(what) {
  return what === "today" ? location.pathname : `#${what}`;
}

/** Go to a window or a day as by a link, so that Back returns. */
function go(what) {
  if (location.hash.slice(1) === what) return;
  history.pushState(null, "", placeOf(what));
  arrive();
}

/** Show what the address names: a day beside the window that is chosen, or a window. */
function arrive() {
  const named = location.hash.slice(1);
  if (isDay(named)) open(named);
  else choose(named);
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
      // What is not remembered of it from its beginning on is no closer look.
      const isLate = !(read.points[0]?.at - range.from < FROM_THE_BEGINNING * (range.to - range.from));
      if (isLate && drawnLine() !== course.past) return;
      closer = read;
      showSoon();
    },
    () => {}, // the coarse points stay
  );
}

function drawnLine() {
  return line.of(chosen, course.past, figures.snapshot?.windows[chosen]?.from);
}

// The answer.

function showHeadline(now) {
  const figure = netIn(figures.snapshot, chosen);
  const last = course.past?.valueAt(now) ?? null;
  headline.show(figures, chosen, now, { gained: gained(figure, now), last });
}

/** Return what the chosen window gained in the last hour: the sum of what stands beside it, unless time itself moves the window. */
function gained(figure, now) {
  const { snapshot } = figures;
  if (figure.usd === undefined) return null;
  const all = hour.change(snapshot, now);
  const isInside = all && !isRolling(chosen) && Date.parse(snapshot.windows[chosen].from) <= all.at;
  return isInside ? all : course.gained(figure, now);
}

/** Beside the chosen window stands the month; beside anything else, today. */
function showOther(windows) {
  const other = chosen === "today" ? "mtd" : "today";
  const { usd, grade } = netIn({ windows }, other);
  say(at("other-label"), netOf(other));
  at("other").className = usd === undefined ? "amount none" : `amount ${tone(usd)} ${grade}`;
  say(at("other"), usd === undefined ? "no figure" : signed(usd, { dollar: "$", places: isLarge(usd) ? 0 : 2 }));
  say(at("other-trust"), usd === undefined ? "" : grade);
}

function showAnswer(snapshot) {
  document.body.dataset.grade = netIn(snapshot, chosen).grade;
  showOther(snapshot.windows);
  const { usd } = netIn(snapshot, "today");
  const current = figures.state.name === "live" ? "" : `${STATES[figures.state.name].toLowerCase()}: `;
  document.title = `${current}${usd === undefined ? "no figure" : signed(usd, { dollar: "$" })} today · NorthStar`;
}

// How it reaches us, and everything that says its age.

function showState() {
  const { name } = figures.state;
  document.body.dataset.state = name;
  at("entry").hidden = name !== "refused";
  say(at("connection"), connectionOf(figures.state));
  const now = figures.now();
  const notice = caveat(figures, now);
  at("notice").hidden = notice === "";
  say(at("notice"), notice);
  showHeadline(now);
}

function tick() {
  showState();
  const { snapshot } = figures;
  if (!snapshot) return;
  showSources(at("sources"), snapshot, figures.now(), figures.state.name === "live");
}

function show() {
  const { snapshot, kept } = figures;
  if (!snapshot) return;
  const now = figures.now();
  document.body.toggleAttribute("data-kept", kept);
  at("demo").hidden = snapshot.demo !== true;
  showAnswer(snapshot);
  statement.show(snapshot, chosen, now);
  // What the sources of a kind tell has no place where there are none.
  for (const [card, kind] of Object.entries(CARDS)) at(card).hidden = !ofKind(snapshot, kind).length;
  positions.show(snapshot);
  showOrders(at("orders"), at("orders-title"), snapshot, chosen);
  showCost(at("cost"), at("cost-title"), snapshot, chosen);
  if (!kept) {
    hour.show(snapshot, now);
    showChecks(at("checks"), snapshot);
  }
  const drawn = drawnLine();
  at("legend").hidden = !drawn?.hasPartial;
  chart.show(drawn, closer, snapshot.timezone, netOf(chosen));
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
  course.follow(figures, chosen);
  line.follow(figures, chosen);
  if (!kept) {
    course.add(snapshot);
    hour.load(figures, showSoon);
    hour.add(snapshot, previous?.epoch === snapshot.epoch ? previous : null);
    calendar.follow(snapshot);
    day.follow();
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
globalThis.addEventListener("popstate", arrive);
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
if (isDay(location.hash.slice(1))) mark();
arrive();
showState();
setInterval(tick, 1000);
figures.start();
