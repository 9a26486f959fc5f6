// One month as a grid: what each day came to, the sums of its weeks, and the months of its year.
// Amounts stay the strings they are; only how strong a colour is goes through a float.

import { make, say } from "./dom.js";
import { clock, isLarge, negate, parts, signOf, signed, spoken, sum, tone } from "./figures.js";
import { dayIn, later, weekday } from "./days.js";

/** A figure of today moves all the time; the month is asked for again this often at most. */
const AGAIN_MS = 60_000;
/** No month has days in more weeks; the grid always has the place of all. */
const WEEKS = 6;
/** Strengths of the colour; the strongest is for what 95 of 100 days do not exceed, so that one does not bleach the others. */
const STRENGTHS = 4;
const USUAL = 0.95;
const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const DAYS = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
const FIRST = "1970-01";

const words = (day, options) => clock("UTC", options).format(Date.parse(day));

/** Return a day as a sentence has it: "Thursday 26 November 2026". */
export function dayWords(day) {
  return `${words(day, { weekday: "long" })} ${words(day, { day: "numeric" })} ${words(day, { month: "long" })} ${day.slice(0, 4)}`;
}

/** Return what a day is: "unknown", "ahead" (it has not begun), "nothing" (nothing happened), or "known". */
export function kindOf({ net, components, counts }) {
  if (net.usd === undefined) return net.because?.some(({ code }) => code === "not_begun") ? "ahead" : "unknown";
  // A bill of nothing is no event.
  const isQuiet = Object.keys(counts).every((what) => what === "cost_days") && Object.values(components).every(({ usd }) => usd === undefined || !signOf(usd));
  return isQuiet && !signOf(net.usd) ? "nothing" : "known";
}

/** Return an amount in whole dollars; cents only where there is nothing else. */
export function whole(usd) {
  return signed(usd, { places: tone(usd, 0) === "zero" ? 2 : 0 });
}

/** Return an amount for where there is little room: "+1.2k". */
export function brief(usd) {
  const digits = parts(usd).whole.replace(/^0+/, "").length;
  const [less, unit] = digits > 6 ? [6, "M"] : digits > 3 ? [3, "k"] : [0, ""];
  if (!less) return whole(usd);
  const { whole: all, decimals } = parts(usd);
  const moved = `${usd.startsWith("-") ? "-" : ""}${all.slice(0, -less)}.${all.slice(-less)}${decimals}`;
  return signed(moved, { places: digits - less > 1 ? 0 : 1 }) + unit;
}

/** Say of a day what it came to, as a sentence. */
export function sentence(day, stated) {
  const date = dayWords(day);
  if (!stated) return date;
  const { net } = stated;
  const said = {
    ahead: "it has not begun",
    unknown: "not known",
    nothing: `nothing happened, ${net.grade}`,
    known: `${net.usd && spoken(net.usd)}, ${net.grade}`,
  };
  return `${date}, ${said[kindOf(stated)]}`;
}

/** Return what the days of a month differ from its net by, as a decimal string; null where that is not known. */
export function difference(days, total) {
  const known = days.filter((each) => kindOf(each) !== "ahead").map(({ net }) => net.usd);
  return known.includes(undefined) || total.net.usd === undefined ? null : sum([total.net.usd, ...known.map(negate)]);
}

/** Return how strong the colour of an amount is, 0 to STRENGTHS, beside those of a month. */
export function strength(usd, all) {
  const sizes = all.map((each) => Math.abs(Number(each))).sort((one, other) => one - other);
  const usual = sizes[Math.floor(USUAL * (sizes.length - 1))];
  return usual ? Math.ceil(Math.min(1, Math.abs(Number(usd)) / usual) * STRENGTHS) : 0;
}

export class Calendar {
  #boxes;
  #client;
  #open;
  #month = ""; // that is shown
  #day = ""; // that the Tab key comes to
  #opened = ""; // whose statement is shown
  #known = new Map(); // month -> { at, net (of today, as it was), days, weeks, total }
  #years = new Map(); // year -> { at, months }
  #asking = new Set();
  #today = "";

  /** `boxes` are elements: card, title, total, months, body, previous, next, check; `open(day)` shows a day's statement. */
  constructor(boxes, client, open) {
    this.#boxes = boxes;
    this.#client = client;
    this.#open = open;
    const { body, previous, next, months } = boxes;
    previous.addEventListener("click", () => this.#turn(-1));
    next.addEventListener("click", () => this.#turn(1));
    body.addEventListener("keydown", (event) => this.#key(event));
    body.addEventListener("click", ({ target }) => this.#choose(target.closest("[data-day]")));
    months.replaceChildren(...MONTHS.map((name) => {
      const button = make("button", { type: "button" }, make("span", {}, name), make("span", { class: "amount" }, "\u00a0"));
      button.addEventListener("click", () => this.#show(button.dataset.month));
      return button;
    }));
    body.replaceChildren(...Array.from({ length: WEEKS }, () => make("tr", {}, ...DAYS.map(() => make("td")), make("th", { scope: "row" }))));
  }

  /** Take the newest snapshot in: the month of now at first, and what has become of today. */
  follow(snapshot) {
    this.#today = dayIn(Date.parse(snapshot.as_of), snapshot.timezone);
    if (!this.#month) this.#show((this.#opened || this.#today).slice(0, 7));
    else this.#load();
  }

  /** Show which day is open; "" is none. */
  mark(day) {
    this.#opened = day;
    if (day) this.#day = day;
    if (!this.#today) return; // the first figures say which day it is
    if (day && day.slice(0, 7) !== this.#month) this.#show(day.slice(0, 7));
    else this.#draw();
  }

  #turn(by) {
    this.#show(later(`${this.#month}-15`, 0, by).slice(0, 7));
  }

  #show(month) {
    const last = this.#today.slice(0, 7);
    this.#month = month < FIRST ? FIRST : month > last ? last : month;
    if (!this.#day.startsWith(this.#month)) {
      const isHere = this.#today.startsWith(this.#month);
      this.#day = this.#opened.startsWith(this.#month) ? this.#opened : isHere ? this.#today : `${this.#month}-01`;
    }
    this.#draw();
    this.#load();
  }

  /** Ask for what is shown: once, and again where today is in it and has moved. */
  #load() {
    const [month, year] = [this.#month, this.#month.slice(0, 4)];
    const isNow = this.#today.startsWith(month);
    const net = isNow ? (this.#client.snapshot.windows.today?.net.usd ?? "") : "";
    const query = (range) => this.#client.ask(`/api/pnl/periods?${new URLSearchParams(range)}`);
    this.#ask(this.#known, month, isNow && this.#known.get(month)?.net !== net, async () => {
      const { periods, weeks, total } = await query({ by: "day", from: month, sums: "true" });
      return { net, days: new Map(periods.map((each) => [each.first, each])), weeks, total };
    });
    this.#ask(this.#years, year, isNow && this.#years.get(year)?.net !== net, async () => {
      const { periods } = await query({ by: "month", from: year });
      return { net, months: new Map(periods.map((each) => [each.period, each])) };
    });
  }

  async #ask(known, key, hasMoved, question) {
    const { at = 0 } = known.get(key) ?? {};
    const now = Date.now();
    if (this.#asking.has(key) || (at && (!hasMoved || now - at < AGAIN_MS))) return;
    this.#asking.add(key);
    try {
      known.set(key, { at: now, ...(await question()) });
      this.#boxes.card.hidden = false;
    } catch ({ status }) {
      // Not for this token, or of a server that knows none: what cannot be shown has no place.
      if ([403, 404, 422].includes(status)) this.#boxes.card.hidden = true;
      known.set(key, { ...known.get(key), at: now, net: null });
    }
    this.#asking.delete(key);
    this.#draw();
  }

  #draw() {
    if (!this.#month) return;
    const { title, total, check, previous, next, body } = this.#boxes;
    const found = this.#known.get(this.#month);
    const first = `${this.#month}-01`;
    say(title, `${words(first, { month: "long" })} ${this.#month.slice(0, 4)}`);
    const net = found?.total?.net;
    say(total, net ? (net.usd === undefined ? "not known" : `${signed(net.usd, { dollar: "$", places: isLarge(net.usd) ? 0 : 2 })}`) : "–");
    total.className = `total ${net?.usd === undefined ? "" : tone(net.usd)} ${net?.grade ?? ""}`;
    total.setAttribute("aria-label", net ? `The month: ${net.usd === undefined ? "not known" : spoken(net.usd)}, ${net.grade}` : "The month");
    const off = found?.total ? difference([...found.days.values()], found.total) : null;
    check.classList.toggle("off", off !== null && signOf(off) !== 0);
    const grade = net ? `${net.grade[0].toUpperCase()}${net.grade.slice(1)}. ` : "";
    say(check, off === null ? grade : signOf(off) ? `The days do not sum to the month: ${signed(off, { dollar: "$" })} is missing.` : `${grade}The days sum to it exactly.`);
    previous.disabled = this.#month <= FIRST;
    next.disabled = this.#month >= this.#today.slice(0, 7);
    this.#drawMonths();
    const amounts = [...(found?.days?.values() ?? [])].map((each) => each.net.usd).filter((usd) => usd !== undefined);
    const begin = later(first, -weekday(first));
    [...body.rows].forEach((row, week) => {
      const monday = later(begin, 7 * week);
      const isIn = monday.slice(0, 7) <= this.#month && later(monday, 6).slice(0, 7) >= this.#month;
      row.classList.toggle("beyond", !isIn);
      [...row.cells].slice(0, 7).forEach((cell, place) => this.#drawDay(cell, later(monday, place), found, amounts));
      this.#drawWeek(row.cells[7], isIn ? monday : "", found);
    });
  }

  #drawDay(cell, day, found, amounts) {
    if (!day.startsWith(this.#month)) {
      if (cell.className === "other" && !cell.dataset.day) return;
      for (const name of cell.getAttributeNames()) cell.removeAttribute(name);
      cell.className = "other";
      cell.replaceChildren();
      return;
    }
    const stated = found?.days?.get(day);
    const kind = stated ? kindOf(stated) : found?.days ? "unknown" : day > this.#today ? "ahead" : "asked";
    const usd = kind === "known" ? stated.net.usd : null;
    const grade = stated && kind !== "ahead" ? stated.net.grade : "";
    cell.className = `day ${kind} ${grade}`;
    cell.dataset.day = day;
    cell.dataset.tone = usd === null ? "zero" : tone(usd);
    cell.dataset.strength = usd === null ? 0 : strength(usd, amounts);
    cell.tabIndex = day === this.#day ? 0 : -1;
    cell.setAttribute("aria-label", sentence(day, stated));
    cell.setAttribute("aria-selected", String(day === this.#opened));
    if (day === this.#today) cell.setAttribute("aria-current", "date");
    else cell.removeAttribute("aria-current");
    const texts = [String(Number(day.slice(8))), ...(usd === null ? [{ unknown: "?" }[kind] ?? ""] : [whole(usd), brief(usd)])];
    if (cell.dataset.shown === texts.join()) return;
    cell.dataset.shown = texts.join();
    const [date, long, short = long] = texts;
    cell.replaceChildren(make("span", { class: "date" }, date), make("span", { class: "amount long" }, long), make("span", { class: "amount short" }, short));
  }

  #drawWeek(cell, monday, found) {
    const stated = monday && found?.weeks?.find(({ first, last }) => first <= later(monday, 6) && last >= monday);
    const usd = stated && kindOf(stated) !== "ahead" ? stated.net.usd : undefined;
    cell.className = usd === undefined ? "week" : `week ${tone(usd)} ${stated.net.grade}`;
    const text = usd === undefined ? (stated && kindOf(stated) === "unknown" ? "?" : "") : whole(usd);
    const name = monday ? `W${weekOf(monday)}` : "";
    const label = monday ? `Week ${weekOf(monday)}${usd === undefined ? "" : `, ${spoken(usd)}, ${stated.net.grade}`}` : "";
    cell.setAttribute("aria-label", label);
    cell.replaceChildren(make("span", { class: "date" }, name), make("span", { class: "amount long" }, text), make("span", { class: "amount short" }, usd === undefined ? text : brief(usd)));
  }

  #drawMonths() {
    const year = this.#month.slice(0, 4);
    const found = this.#years.get(year)?.months;
    [...this.#boxes.months.children].forEach((button, place) => {
      const month = `${year}-${String(place + 1).padStart(2, "0")}`;
      const stated = this.#today.startsWith(month) ? (this.#known.get(month)?.total ?? found?.get(month)) : found?.get(month);
      const kind = stated ? kindOf(stated) : "ahead";
      const usd = kind === "known" ? stated.net.usd : undefined;
      const [name, amount] = button.children;
      button.dataset.month = month;
      button.disabled = month > this.#today.slice(0, 7);
      if (month === this.#month) button.setAttribute("aria-current", "true");
      else button.removeAttribute("aria-current");
      say(name, MONTHS[place]);
      say(amount, usd === undefined ? (kind === "unknown" ? "?" : "\u00a0") : brief(usd));
      amount.className = `amount ${usd === undefined ? "zero" : tone(usd)}`;
      const said = usd === undefined ? { unknown: ", not known", nothing: ", nothing happened" }[kind] ?? "" : `, ${spoken(usd)}, ${stated.net.grade}`;
      button.setAttribute("aria-label", `${words(`${month}-01`, { month: "long" })} ${year}${said}`);
    });
  }

  #choose(cell) {
    if (!cell) return;
    this.#day = cell.dataset.day;
    this.#draw();
    if (this.#day <= this.#today) this.#open(this.#day);
  }

  #key(event) {
    const from = event.target.closest("[data-day]")?.dataset.day;
    if (!from || event.altKey || event.metaKey) return;
    if (event.key === "Enter" || event.key === " ") {
      event.preventDefault();
      this.#choose(event.target.closest("[data-day]"));
      return;
    }
    const months = event.shiftKey ? 12 : 1;
    const to = {
      ArrowLeft: () => later(from, -1),
      ArrowRight: () => later(from, 1),
      ArrowUp: () => later(from, -7),
      ArrowDown: () => later(from, 7),
      Home: () => (event.ctrlKey ? `${this.#month}-01` : within(later(from, -weekday(from)), this.#month)),
      End: () => within(event.ctrlKey ? `${this.#month}-31` : later(from, 6 - weekday(from)), this.#month),
      PageUp: () => later(from, 0, -months),
      PageDown: () => later(from, 0, months),
    }[event.key]?.();
    if (to === undefined) return;
    event.preventDefault();
    if (to.slice(0, 7) > this.#today.slice(0, 7) || to.slice(0, 7) < FIRST) return;
    this.#day = to;
    if (to.startsWith(this.#month)) this.#draw();
    else this.#show(to.slice(0, 7));
    this.#boxes.body.querySelector(`[data-day="${to}"]`)?.focus();
  }
}

/** Return the nearest day of a month. */
function within(day, month) {
  const [first, last] = [`${month}-01`, later(later(`${month}-01`, 0, 1), -1)];
  return day < first ? first : day > last ? last : day;
}

/** Return the number of the ISO week that begins on a Monday: its Thursday says of which year it is. */
function weekOf(monday) {
  const thursday = later(monday, 3);
  return Math.floor((Date.parse(thursday) - Date.parse(`${thursday.slice(0, 4)}-01-01`)) / (7 * 86_400_000)) + 1;
}
