// The income statement: a column for each window, and why the chosen one is not final.

import { STATEMENT } from "./components.js";
import { list, make, say } from "./dom.js";
import { MINUS, isLarge, signed, tone } from "./figures.js";
import { figureOf, groupsOf, rowsOf } from "./lines.js";
import { WINDOWS, explain } from "./words.js";

const NET = { level: "net-row", title: "Net" };
/** What has its place before the first figures, so that these push nothing down the page. */
const EXPECTED = STATEMENT.map(({ title, lines }) => ({ title, lines: Object.entries(lines), sources: [] }));

export class Statement {
  #rows = []; // what is shown, each with its element, its head's grade, and a cell for each window
  #open = new Set(); // sources whose own lines are shown
  #body;
  #whyTitle;
  #why;

  constructor({ head, body, why, whyTitle }, choose) {
    this.#body = body;
    this.#why = why;
    this.#whyTitle = whyTitle;
    for (const window of Object.keys(WINDOWS)) {
      // For the pointer; by the keyboard the same is chosen above, without seven stops more.
      const button = make("button", { type: "button", tabindex: "-1", "data-window": window }, WINDOWS[window]);
      button.addEventListener("click", () => choose(window));
      head.append(make("th", { scope: "col", class: "number", "data-window": window }, button));
    }
    this.#build(EXPECTED);
  }

  show(snapshot, chosen, now) {
    this.#build(groupsOf(snapshot), chosen);
    for (const window of Object.keys(WINDOWS)) {
      const stated = snapshot.windows[window];
      if (!stated) continue;
      const all = [stated.net, ...Object.values(stated.components)].map(({ usd }) => usd);
      const places = all.some((usd) => usd !== undefined && isLarge(usd)) ? 0 : 2;
      for (const { cells, ...row } of this.#rows) {
        if (row.level === "net-row") showCell(cells[window], stated.net, places, stated.net.grade);
        else showCell(cells[window], figureOf(row, stated), places);
      }
    }
    const stated = snapshot.windows[chosen];
    if (!stated) return;
    for (const { grade: box, ...row } of this.#rows) {
      // Beside its name, so that no row grows; a sum says nothing that its lines do not.
      if (row.level === "group" || row.level === "net-row") continue;
      const { usd, grade } = figureOf(row, stated) ?? {};
      say(box, usd === undefined || grade === "final" ? "" : grade);
    }
    this.#explain(stated, snapshot, chosen, now);
  }

  /** Make the rows anew when they are others: a source that is new, or is no more. */
  #build(groups, chosen) {
    const rows = [...rowsOf(groups), NET];
    const names = JSON.stringify(rows);
    if (this.#body.dataset.rows === names) return;
    this.#body.dataset.rows = names;
    this.#rows = rows.map((row) => this.#row(row, chosen));
    this.#body.replaceChildren(...this.#rows.map(({ element }) => element));
  }

  #row(row, chosen) {
    const { level, title, source } = row;
    const grade = make("span", { class: "grade" });
    const name = level === "share" ? this.#toggle(source, title) : title;
    const element = make("tr", { class: level }, make("th", { scope: "row" }, name, " ", grade));
    const cells = {};
    for (const window of Object.keys(WINDOWS)) {
      const kind = window === chosen ? "number chosen" : "number";
      cells[window] = make("td", { class: kind, "data-window": window }, make("span", { class: "amount zero" }, "–"));
      element.append(cells[window]);
    }
    element.hidden = level === "share-line" && !this.#open.has(source);
    return { ...row, element, grade, cells };
  }

  #toggle(source, title) {
    const button = make("button", { type: "button", "aria-expanded": String(this.#open.has(source)) }, title);
    button.addEventListener("click", () => {
      if (!this.#open.delete(source)) this.#open.add(source);
      const isOpen = this.#open.has(source);
      button.setAttribute("aria-expanded", String(isOpen));
      for (const { element, level, source: of } of this.#rows) if (level === "share-line" && of === source) element.hidden = !isOpen;
    });
    return button;
  }

  /** Lines with the same reason are named together. */
  #explain({ net, components }, snapshot, chosen, now) {
    const reasons = new Map(); // group and reason -> the lines it holds for
    for (const { level, group, title, ids } of this.#rows) {
      const figure = level === "line" ? components[ids[0]] : undefined;
      if (!figure || figure.grade === "final") continue;
      const because = explain(figure, snapshot, now).join("; ");
      const why = figure.grade === net.grade && because ? because : [figure.grade, because].filter(Boolean).join(", ");
      const key = JSON.stringify([group, why]);
      reasons.set(key, { group, why, lines: [...(reasons.get(key)?.lines ?? []), title.toLowerCase().replace(",", "")] });
    }
    const texts = [...reasons.values()].map(({ group, why, lines }) => `${group}, ${lines.join(" and ")}: ${why}`);
    const title = net.grade === "final" ? "final: nothing is expected to change" : `${net.grade}, because`;
    say(this.#whyTitle, `${WINDOWS[chosen]} is ${title}`);
    list(this.#why, texts.length || net.grade === "final" ? texts : explain(net, snapshot, now));
  }
}

/** A line without a figure says so; one that this window does not have is a dash. */
function showCell(cell, figure, places, word = "") {
  const { usd, grade } = figure ?? {};
  const text = !figure ? "–" : usd === undefined ? "no figure" : signed(usd, { places });
  const key = `${text}|${word}|${grade}`;
  if (cell.dataset.key === key) return;
  cell.dataset.key = key;
  cell.replaceChildren(make("span", { class: `amount ${usd === undefined ? "none" : tone(usd, places)} ${grade ?? ""}` }, text));
  if (word) cell.append(make("span", { class: "grade" }, word));
  cell.title = usd === undefined ? "" : `exactly ${usd.replace("-", MINUS)} USD, ${grade}`;
}
