// The income statement: a column for each window, and why the chosen one is not final.

import { list, make, say } from "./dom.js";
import { MINUS, isLarge, signed, tone } from "./figures.js";
import { STATEMENT, WINDOWS, explain, group, reason } from "./words.js";

export class Statement {
  #cells = new Map(); // "line|window" -> td
  #heads = new Map(); // line -> th
  #head;
  #whyTitle;
  #why;

  constructor({ head, body, why, whyTitle }, choose) {
    Object.assign(this, { body });
    this.#head = head;
    this.#why = why;
    this.#whyTitle = whyTitle;
    for (const window of Object.keys(WINDOWS)) {
      // For the pointer; by the keyboard the same is chosen above, without seven stops more.
      const button = make("button", { type: "button", tabindex: "-1", "data-window": window }, WINDOWS[window]);
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
    const head = make("th", { scope: "row" }, label, " ", make("span", { class: "grade" }));
    this.#heads.set(id, head);
    const row = make("tr", { class: kind }, head);
    for (const window of Object.keys(WINDOWS)) {
      const cell = make("td", { class: "number", "data-window": window }, make("span", { class: "amount zero" }, "–"));
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
      for (const { label, lines } of STATEMENT) {
        this.#cell(label, window, group(components, Object.keys(lines)), places);
        for (const id of Object.keys(lines)) this.#cell(id, window, components[id], places);
      }
      this.#cell("net", window, net, places, true);
    }
    const components = snapshot.windows[chosen]?.components ?? {};
    for (const { label, lines } of STATEMENT) {
      const ids = Object.keys(lines);
      const isOn = ids.some((id) => components[id]);
      for (const id of [label, ...ids]) this.#heads.get(id).parentElement.hidden = !isOn;
      for (const id of ids) this.#grade(id, components[id]);
    }
    this.#explain(snapshot, chosen, now);
  }

  /** Of the chosen window each line says how certain it is, where it is not final: beside its name, so that no row grows. */
  #grade(id, { usd, grade } = {}) {
    say(this.#heads.get(id).lastChild, usd === undefined || grade === "final" ? "" : grade);
  }

  /** A line without a figure says so; one that this window does not have is a dash. */
  #cell(id, window, figure, places, withGrade = false) {
    const cell = this.#cells.get(`${id}|${window}`);
    const { usd, grade } = figure ?? {};
    const text = !figure ? "–" : usd === undefined ? "no figure" : signed(usd, { places });
    const word = withGrade ? grade : "";
    const key = `${text}|${word}|${grade}`;
    if (cell.dataset.key === key) return;
    cell.dataset.key = key;
    cell.replaceChildren(make("span", { class: `amount ${usd === undefined ? "none" : tone(usd, places)} ${grade ?? ""}` }, text));
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
        const because = (figure.because ?? []).map(reason).join("; ");
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
