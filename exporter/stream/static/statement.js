// The income statement: a column for each window, and why the chosen one is not final.

import { list, make, say } from "./dom.js";
import { MINUS, isLarge, signed, tone } from "./figures.js";
import { STATEMENT, WINDOWS, explain, group } from "./words.js";

export class Statement {
  #cells = new Map(); // "line|window" -> td
  #head;
  #whyTitle;
  #why;

  constructor({ head, body, why, whyTitle }, choose) {
    Object.assign(this, { body });
    this.#head = head;
    this.#why = why;
    this.#whyTitle = whyTitle;
    for (const window of Object.keys(WINDOWS)) {
      const button = make("button", { type: "button", "data-window": window }, WINDOWS[window]);
      button.addEventListener("click", () => choose(window));
      head.append(make("th", { scope: "col", class: "number", "data-window": window }, button));
    }
    for (const { label, lines } of STATEMENT) {
      this.#row(label, label, "group");
      for (const [id, text] of Object.entries(lines)) this.#row(id, text, "line");
    }
    this.#row("net", "Net", "net-row");
  }

  #row(id, label, kind) {
    const row = make("tr", { class: kind }, make("th", { scope: "row" }, label));
    for (const window of Object.keys(WINDOWS)) {
      const cell = make("td", { class: "number", "data-window": window });
      this.#cells.set(`${id}|${window}`, cell);
      row.append(cell);
    }
    this.body.append(row);
  }

  show(snapshot, chosen, now) {
    for (const window of Object.keys(WINDOWS)) {
      const stated = snapshot.windows[window];
      if (!stated) continue;
      const { net, components } = stated;
      const all = [net, ...Object.values(components)].map(({ usd }) => usd);
      const places = all.some((usd) => usd !== undefined && isLarge(usd)) ? 0 : 2;
      const isChosen = window === chosen;
      for (const { label, lines } of STATEMENT) {
        this.#cell(label, window, group(components, Object.keys(lines)), places, false);
        for (const id of Object.keys(lines)) this.#cell(id, window, components[id], places, isChosen);
      }
      this.#cell("net", window, net, places, true);
    }
    this.#explain(snapshot, chosen, now);
  }

  /** A line without a figure says so; one of a source that is switched off is a dash. */
  #cell(id, window, figure, places, withGrade) {
    const cell = this.#cells.get(`${id}|${window}`);
    const { usd, grade } = figure ?? {};
    const text = !figure ? "–" : usd === undefined ? "no figure" : signed(usd, { places });
    const word = withGrade && usd !== undefined && grade !== "final" ? grade : "";
    const key = `${text}|${word}|${grade}`;
    if (cell.dataset.key === key) return;
    cell.dataset.key = key;
    cell.replaceChildren(make("span", { class: `amount ${usd === undefined ? "none" : tone(usd)}` }, text));
    if (word) cell.append(make("span", { class: "grade" }, word));
    cell.title = usd === undefined ? "" : `exactly ${usd.replace("-", MINUS)} USD, ${grade}`;
  }

  /** Lines with the same reason are named together. */
  #explain(snapshot, chosen, now) {
    const { net, components } = snapshot.windows[chosen];
    const reasons = new Map(); // why -> the lines it holds for
    for (const { label, lines } of STATEMENT) {
      for (const [id, line] of Object.entries(lines)) {
        const figure = components[id];
        if (!figure || figure.grade === "final") continue;
        const because = explain(figure, snapshot, now).join("; ");
        const why = `${label}|${figure.grade === net.grade && because ? because : [figure.grade, because].filter(Boolean).join(", ")}`;
        reasons.set(why, [...(reasons.get(why) ?? []), line.toLowerCase().replace(",", "")]);
      }
    }
    const title = net.grade === "final" ? "final: nothing is expected to change" : `${net.grade}, because`;
    say(this.#whyTitle, `${WINDOWS[chosen]} is ${title}`);
    const texts = [...reasons].map(([why, lines]) => {
      const [what, because] = why.split("|");
      return `${what}, ${lines.join(" and ")}: ${because}`;
    });
    list(this.#why, texts.length || net.grade === "final" ? texts : explain(net, snapshot, now));
  }
}
