// What one day came to: its lines in income-statement order, and under them what they are made of.

import { dayWords } from "./calendar.js";
import { list, make, say } from "./dom.js";
import { MINUS, isLarge, signOf, signed, tone } from "./figures.js";
import { figureOf, groupsOf, rowsOf } from "./lines.js";
import { ofKind } from "./page_words.js";
import { explain } from "./words.js";

/** Rows at a time: a screen, and not a log. */
const ROWS = 12;
/** What the rows can be, and the kind of source that has them. */
const KINDS = {
  market: "venue",
  event: "venue",
  series: "venue",
  product: "sales",
  customer: "sales",
  model: "api_cost",
  workspace: "api_cost",
  key: "api_cost",
  source: null,
};

export class Day {
  #boxes;
  #client;
  #close;
  #day = "";
  #by = "";
  #answer = null;
  #rows = [];

  /** `boxes` are elements: box, none, title, net, lines, why, by, rows, sum, more, close; `close()` is called to leave. */
  constructor(boxes, client, close) {
    this.#boxes = boxes;
    this.#client = client;
    this.#close = close;
    boxes.close.addEventListener("click", () => this.#close());
    boxes.by.addEventListener("change", () => this.#divide(boxes.by.value));
    boxes.more.addEventListener("click", () => this.#load(this.#rows.length));
  }

  /** Show a day; "" is none. */
  show(day) {
    const isNew = day !== this.#day;
    this.#day = day;
    this.#boxes.box.hidden = !day;
    this.#boxes.none.hidden = Boolean(day);
    if (!day || !isNew) return;
    this.#answer = null;
    this.#rows = [];
    this.#draw("Reading the day.");
    if (this.#client.snapshot && !this.#client.kept) this.#load(0);
  }

  /** Read the day that the address names, with the first figures. */
  follow() {
    if (this.#day && !this.#answer) this.#load(0);
  }

  #divide(by) {
    this.#by = by;
    this.#rows = [];
    this.#load(0);
  }

  #offered() {
    const { snapshot } = this.#client;
    return Object.keys(KINDS).filter((by) => KINDS[by] === null || ofKind(snapshot, KINDS[by]).length);
  }

  async #load(offset) {
    const offered = this.#offered();
    if (!offered.includes(this.#by)) this.#by = offered[0];
    const [day, by] = [this.#day, this.#by];
    const query = new URLSearchParams({ period: day, by, offset: String(offset), limit: String(ROWS) });
    this.#answer ??= {};
    let failed = "";
    const answer = await this.#client.ask(`/api/pnl/statement?${query}`).catch(({ message }) => void (failed = message));
    if (day !== this.#day || by !== this.#by) return;
    if (failed) {
      this.#answer = null;
      this.#draw(failed);
      return;
    }
    this.#answer = answer;
    this.#rows = [...this.#rows.slice(0, offset), ...answer.rows];
    this.#draw("");
  }

  #draw(notice) {
    const { title, net, lines, why, by, rows, sum: proof, more } = this.#boxes;
    const { snapshot } = this.#client;
    say(title, dayWords(this.#day));
    const stated = this.#answer?.statement;
    const usd = stated?.net.usd;
    net.className = `total ${usd === undefined ? "" : tone(usd)} ${stated?.net.grade ?? ""}`;
    say(net, !stated ? "–" : usd === undefined ? "not known" : signed(usd, { dollar: "$" }));
    if (!stated) {
      for (const box of [lines, rows]) box.replaceChildren();
      list(why, []);
      say(proof, notice);
      more.hidden = true;
      return;
    }
    const reasons = explain(stated.net, snapshot, this.#client.now());
    list(why, stated.net.grade === "final" ? ["Final: nothing is expected to change."] : [`${capital(stated.net.grade)}${reasons.length ? `: ${reasons[0]}` : "."}`, ...reasons.slice(1, 3)]);
    lines.replaceChildren(...linesOf(stated, snapshot));
    by.replaceChildren(...this.#offered().map((each) => make("option", { value: each, selected: each === this.#by }, each)));
    const places = this.#rows.some((row) => isLarge(row.net)) ? 0 : 2;
    rows.replaceChildren(...this.#rows.map((row) => rowOf(row.name || "not told apart", row.net, places)));
    const { count, exact, sum: all } = this.#answer;
    const shown = count > this.#rows.length ? `${this.#rows.length} of ${count}. ` : "";
    say(proof, !count ? `Nothing by ${this.#by} on this day.` : `${shown}All together ${signed(all, { dollar: "$" })}${exact ? ", which is exactly what the lines above say." : "; not yet what the lines above say."}`);
    more.hidden = count <= this.#rows.length;
  }
}

function capital(text) {
  return text[0].toUpperCase() + text.slice(1);
}

/** Return the rows of the statement that have come to anything, the groups with their lines. */
function linesOf(stated, { sources }) {
  const window = { components: stated.components, net: stated.net };
  const rows = rowsOf(groupsOf({ windows: { all: window }, sources }));
  return rows.flatMap((row) => {
    const { usd, grade } = figureOf(row, window) ?? {};
    if (row.level === "line" && usd !== undefined && !signOf(usd)) return [];
    const element = rowOf(row.title, usd, 2, usd === undefined || grade === "final" ? "" : grade);
    element.className = row.level;
    return [element];
  });
}

function rowOf(title, usd, places, word = "") {
  const amount = make("span", { class: usd === undefined ? "amount none" : `amount ${tone(usd, places)}` }, usd === undefined ? "no figure" : signed(usd, { places }));
  if (usd !== undefined) amount.title = `exactly ${usd.replace("-", MINUS)} USD`;
  return make("tr", {}, make("th", { scope: "row" }, title, " ", make("span", { class: "grade" }, word)), make("td", { class: "number" }, amount));
}
