// <northstar-pnl>: one window's net with its change, parts, age and grade, on anybody's page.
//
//   <script type="module" src="https://pnl.example.com/widget.js"></script>
//   <northstar-pnl url="https://pnl.example.com" window="today" theme="auto"></northstar-pnl>
//
// Attributes: url, token, window, theme (light, dark, auto), compact. Events: northstar-update, northstar-state.

import { Course } from "./course.js";
import { make, say } from "./dom.js";
import { isLarge, signed, tone } from "./figures.js";
import { Headline, netIn } from "./headline.js";
import { figureOf, groupsOf, rowsOf } from "./lines.js";
import { NorthStar } from "./northstar.js";
import { share } from "./share.js";
import { drawSparkline } from "./sparkline.js";
import { svg } from "./svg.js";
import { STYLE } from "./widget.css.js";
import { STATES, WINDOWS, caveat, connectionOf } from "./words.js";

/** Points of the sparkline: as many as it has pixels to tell apart. */
const POINTS = 150;

// Node has no pages; there this is only read for what it exports.
const Base = globalThis.HTMLElement ?? class {};
const sheet = globalThis.CSSStyleSheet && new CSSStyleSheet();
sheet?.replaceSync(STYLE);

export class NorthstarPnl extends Base {
  static observedAttributes = ["url", "token", "window", "theme", "compact"];

  #client = null;
  #leave = null;
  #heard = null;
  #token = null; // a function, which an attribute cannot hold
  #boxes = build();
  #headline = new Headline(this.#boxes);
  #rows = []; // of the statement, each with its element and what is in it
  #open = new Set(); // groups whose lines are shown
  #course = null;
  #timer = null;
  #drawing = false;

  constructor() {
    super();
    const root = this.attachShadow({ mode: "open" });
    // A constructed sheet passes where a page's policy forbids inline styles.
    root.adoptedStyleSheets = [sheet];
    root.append(this.#boxes.card);
  }

  /** The newest snapshot, or null. */
  get snapshot() {
    return this.#client?.snapshot ?? null;
  }

  /** The client it follows: `state`, `cursor`, `ask()`. Null while it is on no page. */
  get client() {
    return this.#client;
  }

  /** One of today, 24h, 7d, 30d, mtd, ytd, all. */
  get window() {
    const asked = this.getAttribute("window") ?? "";
    return Object.hasOwn(WINDOWS, asked) ? asked : "today";
  }

  set window(window) {
    this.setAttribute("window", window);
  }

  /** A token, or a function that returns one, also as a promise. */
  get token() {
    return this.#token ?? this.getAttribute("token") ?? "";
  }

  set token(token) {
    this.#token = token;
    this.#follow();
  }

  connectedCallback() {
    this.#follow();
  }

  disconnectedCallback() {
    this.#unfollow();
  }

  attributeChangedCallback(name, before, after) {
    if (before === after || !this.isConnected) return;
    if (name === "url" || name === "token") this.#follow();
    else this.#remember();
    this.#draw();
  }

  #follow() {
    this.#unfollow();
    if (!this.isConnected) return;
    // Without an address it is the server that this module came from.
    const url = this.getAttribute("url") ?? new URL(import.meta.url).origin;
    const { client, leave } = share({ url, token: this.token });
    this.#client = client;
    this.#leave = leave;
    this.#course = new Course(POINTS, () => this.#draw());
    this.#heard = new AbortController();
    const { signal } = this.#heard;
    client.addEventListener("update", ({ detail }) => this.#updated(detail), { signal });
    client.addEventListener("state", () => this.#stateChanged(), { signal });
    this.#timer = setInterval(() => document.hidden || this.#draw(), 1000);
    this.#remember();
    this.#draw();
  }

  #unfollow() {
    clearInterval(this.#timer);
    this.#heard?.abort();
    this.#leave?.();
    this.#client = this.#leave = this.#heard = this.#course = null;
  }

  #updated(detail) {
    this.#remember();
    if (!detail.kept) this.#course.add(detail.snapshot);
    this.#tell("northstar-update", { ...detail, window: this.window });
    this.#draw();
  }

  #stateChanged() {
    this.#tell("northstar-state", { ...this.#client.state });
    this.#draw();
  }

  #tell(name, detail) {
    this.dispatchEvent(new CustomEvent(name, { detail, bubbles: true, composed: true }));
  }

  #remember() {
    if (this.#client && !this.hasAttribute("compact")) this.#course.follow(this.#client, this.window);
  }

  /** Show with the next frame, however much came since the last. */
  #draw() {
    if (this.#drawing) return;
    this.#drawing = true;
    requestAnimationFrame(() => {
      this.#drawing = false;
      if (this.#client) this.#show(this.#client);
    });
  }

  #show(client) {
    const { snapshot, state, kept } = client;
    const { card, demo, caution, connection, chart } = this.#boxes;
    const now = client.now();
    const figure = netIn(snapshot, this.window);
    const isCompact = this.hasAttribute("compact");
    const isOld = snapshot && (kept || figure.grade === "stale" || !["live", "reconnecting"].includes(state.name));
    card.className = `card ${state.name}${isCompact ? " compact" : ""}${isOld ? " old" : ""}`;
    demo.hidden = !snapshot?.demo;
    say(caution, caveat(client, now));
    say(connection, isCompact ? STATES[state.name] : connectionOf(state));
    const { past } = this.#course;
    const last = past?.valueAt(now);
    this.#headline.show(client, this.window, now, { gained: this.#course.gained(figure, now), last, brief: isCompact && !isOld });
    if (!snapshot) return;
    this.#showRows(snapshot);
    drawSparkline(chart, past?.series() ?? [], past?.stepMs ?? 0, snapshot.timezone);
  }

  #showRows(snapshot) {
    const rows = rowsOf(groupsOf(snapshot));
    const { table, body } = this.#boxes;
    const names = JSON.stringify(rows);
    if (body.dataset.rows !== names) {
      body.dataset.rows = names;
      this.#rows = rows.map((row) => this.#row(row));
      body.replaceChildren(...this.#rows.map(({ element }) => element));
    }
    const stated = snapshot.windows[this.window];
    table.hidden = !stated || !rows.length;
    if (stated) for (const row of this.#rows) this.#showRow(row, figureOf(row, stated));
  }

  #showRow({ level, group, element, button, word, amount }, figure) {
    const isOpen = this.#open.has(group);
    button?.setAttribute("aria-expanded", String(isOpen));
    element.hidden = !figure || (level !== "group" && !isOpen);
    if (element.hidden) return;
    const { usd, grade } = figure;
    const places = usd !== undefined && isLarge(usd) ? 0 : 2;
    say(word, usd === undefined || grade === "final" ? "" : grade);
    say(amount, usd === undefined ? "no figure" : signed(usd, { places }));
    amount.className = usd === undefined ? "none" : tone(usd, places);
  }

  #row(row) {
    const { level, title, group } = row;
    const isGroup = level === "group";
    const button = isGroup ? make("button", { type: "button", part: "toggle" }, title) : null;
    button?.addEventListener("click", () => {
      if (!this.#open.delete(group)) this.#open.add(group);
      this.#draw();
    });
    const [word, amount] = [make("span", { class: "word" }), make("td")];
    const head = make("th", { scope: "row" }, button ?? title, " ", word);
    const element = make("tr", { class: isGroup ? "group" : `lines ${level}`, part: isGroup ? "row" : "row line", hidden: true }, head, amount);
    return { ...row, element, button, word, amount };
  }
}

/** Return the parts of one widget by name; `card` holds the others. */
function build() {
  const line = (name, tag = "p", ...inside) => make(tag, { class: name, part: name }, ...inside);
  const label = line("label");
  label.id = "label";
  const demo = make("span", { class: "demo", part: "demo", hidden: true }, "Demo data");
  const connection = make("span");
  const dot = make("span", { class: "dot", "aria-hidden": "true" });
  const place = line("connection", "p", dot, connection);
  const [sign, digits] = [make("span", { class: "sign" }), make("span")];
  const net = line("net", "p", sign, digits);
  const change = line("change");
  const trust = line("trust");
  const why = line("why", "ul");
  const caution = line("caveat");
  const chart = svg("svg", { class: "chart", part: "chart", role: "img", preserveAspectRatio: "none", hidden: "" });
  const body = make("tbody");
  const table = make("table", { part: "components", hidden: true }, body);
  const spoken = make("p", { class: "spoken", role: "status" });
  const head = line("head", "div", label, demo, place);
  const parts = [head, net, change, trust, why, caution, chart, table, spoken];
  const card = make("section", { class: "card", part: "card", "aria-labelledby": "label" }, ...parts);
  return { card, label, demo, connection, sign, digits, net, change, trust, why, caution, chart, body, table, spoken };
}

if (globalThis.customElements && !customElements.get("northstar-pnl")) customElements.define("northstar-pnl", NorthstarPnl);

export { NorthStar };
