// <northstar-pnl>: one window's net with its change, parts, age and grade, on anybody's page.
//
//   <script type="module" src="https://pnl.example.com/widget.js"></script>
//   <northstar-pnl url="https://pnl.example.com" window="today" theme="auto"></northstar-pnl>
//
// Attributes: url, token, window, theme (light, dark, auto), compact. Events: northstar-update, northstar-state.

import { list, make, say, stir } from "./dom.js";
import { MINUS, isLarge, negate, signMark, signOf, signed, size, spoken, sum, timeOfDay, tone } from "./figures.js";
import { NorthStar } from "./northstar.js";
import { Past, stepFor } from "./past.js";
import { share } from "./share.js";
import { drawSparkline } from "./sparkline.js";
import { svg } from "./svg.js";
import { STYLE } from "./widget.css.js";
import { STATEMENT, STATES, WAYS, WINDOWS, caveat, explain, group, netOf, trust } from "./words.js";

/** Who listens all day is told the figure this often, and that its grade has changed this soon. */
const SPEAK_MS = 600_000;
const REGRADE_MS = 60_000;
/** A connection that is back sooner is not worth a word. */
const BRIEF_MS = 3_000;
/** The past that could not be read is asked for again after this. */
const AGAIN_MS = 60_000;
const HOUR_MS = 3_600_000;
/** Points of the sparkline: as many as it has pixels to tell apart, and no further back than a year. */
const POINTS = 150;
const LONGEST_MS = 366 * 24 * HOUR_MS;

// Node has no pages; there this is only read for what it exports.
const Base = globalThis.HTMLElement ?? class {};

export class NorthstarPnl extends Base {
  static observedAttributes = ["url", "token", "window", "theme", "compact"];

  #client = null;
  #leave = null;
  #heard = null;
  #token = null; // a function, which an attribute cannot hold
  #boxes = build();
  #rows = new Map();
  #open = new Set(); // groups whose lines are shown
  #hour = null;
  #past = null;
  #pastOf = null;
  #timer = null;
  #drawing = false;
  #spoken = { at: 0, grade: "", state: "connecting" };

  constructor() {
    super();
    const root = this.attachShadow({ mode: "open" });
    // A constructed sheet passes where a page's policy forbids inline styles.
    root.adoptedStyleSheets = [sheet()];
    root.append(this.#boxes.card);
    for (const { label, lines } of STATEMENT) this.#buildGroup(label, lines);
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
    this.#client = this.#leave = this.#heard = this.#hour = this.#past = this.#pastOf = null;
  }

  #updated(detail) {
    this.#remember();
    if (!detail.kept) for (const past of [this.#hour, this.#past]) past?.add(detail.snapshot);
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

  /** Ask for the past, once per window: the last hour by the minute for the change, the whole for the line. */
  #remember() {
    const { client, window } = { client: this.#client, window: this.window };
    if (!client?.snapshot || client.kept || this.hasAttribute("compact")) return;
    const begin = client.snapshot.windows[window]?.from;
    const isRolling = /^\d/.test(window);
    const which = `${window} ${isRolling ? "" : begin}`;
    if (!begin || this.#pastOf === which) return;
    this.#pastOf = which;
    const now = Date.parse(client.snapshot.as_of); // the clock here may be wrong
    const from = Math.max(Date.parse(begin), now - LONGEST_MS);
    const hour = (this.#hour = new Past([`${window}.net`], 60_000));
    const past = (this.#past = new Past([`${window}.net`], stepFor(now - from, POINTS)));
    Promise.all([hour.load(client, now - HOUR_MS - 120_000), past.loadSince(client, from, POINTS)]).then(
      () => this.#draw(),
      // Another origin may be kept from asking; the figures themselves come all the same.
      () => setTimeout(() => this.#past === past && (this.#pastOf = null), AGAIN_MS),
    );
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
    const { card, label, demo, caution, graded, why, chart } = this.#boxes;
    const now = client.now();
    const { net: figure, components = {} } = snapshot?.windows[this.window] ?? { net: { grade: "missing" } };
    const alarmed = snapshot !== null && (figure.grade === "stale" || figure.grade === "missing");
    const old = kept || figure.grade === "stale" || !["live", "reconnecting"].includes(state.name);
    const classes = { compact: this.hasAttribute("compact"), old: old && snapshot !== null, alarmed };
    card.className = ["card", state.name, ...Object.keys(classes).filter((name) => classes[name])].join(" ");
    say(label, netOf(this.window));
    demo.hidden = snapshot?.demo !== true;
    say(caution, caveat(client, now));
    this.#showState(state);
    this.#showNet(snapshot, figure);
    if (!snapshot) return;
    say(graded, classes.compact && !old ? figure.grade : trust(figure, snapshot, now));
    const reasons = explain(figure, snapshot, now);
    list(why, alarmed && !reasons.length ? ["no source has answered yet"] : reasons, 3);
    this.#showChange(figure, snapshot, now);
    this.#showComponents(components);
    drawSparkline(chart, this.#past?.series() ?? [], this.#past?.stepMs ?? 0, snapshot.timezone);
    this.#speak(figure, state);
  }

  #showState({ name, latency, transport }) {
    const way = name === "live" && WAYS[transport] ? ` by ${WAYS[transport]}` : "";
    const far = name === "live" && latency !== null ? `, ${latency} ms` : "";
    say(this.#boxes.state, this.hasAttribute("compact") ? STATES[name] : STATES[name] + way + far);
  }

  #showNet(snapshot, { usd, grade }) {
    const { net, sign, digits } = this.#boxes;
    const known = usd !== undefined;
    const places = known && isLarge(usd) ? 0 : 2;
    const mark = known ? signMark(usd, places) : "";
    const shown = !snapshot ? "$ –" : known ? `$${size(usd, places)}` : "No figure";
    const moved = digits.textContent !== shown && /\d/.test(digits.textContent);
    net.className = `net ${known ? tone(usd, places) : "none"}`;
    net.title = known ? `exactly ${usd.replace("-", MINUS)} USD, ${grade}` : "";
    net.style.setProperty("--digits", mark.length + shown.length);
    say(sign, mark);
    say(digits, shown);
    if (moved) stir(net);
  }

  #showChange({ usd }, { timezone }, now) {
    const box = this.#boxes.change;
    const from = this.#hour?.baseline(now - HOUR_MS) ?? null;
    if (usd === undefined || !from || now - from.at < 60_000) return say(box, "");
    const change = sum([usd, negate(from.usd)]);
    const whole = now - from.at >= HOUR_MS;
    const since = whole ? "in the last hour" : `since ${timeOfDay(from.at, timezone, { seconds: false })}`;
    box.className = `change ${tone(change)}`;
    return say(box, signOf(change) ? `${signed(change, { dollar: "$" })} ${since}` : `unchanged ${since}`);
  }

  #showComponents(components) {
    this.#boxes.table.hidden = !Object.keys(components).length;
    for (const { label, lines } of STATEMENT) {
      this.#showRow(label, group(components, Object.keys(lines)));
      this.#rows.get(label).button.setAttribute("aria-expanded", String(this.#open.has(label)));
      for (const id of Object.keys(lines)) this.#showRow(id, this.#open.has(label) ? components[id] : null);
    }
  }

  #showRow(id, figure) {
    const { row, word, amount } = this.#rows.get(id);
    row.hidden = !figure;
    if (!figure) return;
    const { usd, grade } = figure;
    const places = usd !== undefined && isLarge(usd) ? 0 : 2;
    say(word, usd === undefined || grade === "final" ? "" : grade);
    say(amount, usd === undefined ? "no figure" : signed(usd, { places }));
    amount.className = usd === undefined ? "none" : tone(usd, places);
  }

  #buildGroup(label, lines) {
    const button = make("button", { type: "button", part: "toggle" }, label);
    button.addEventListener("click", () => {
      if (!this.#open.delete(label)) this.#open.add(label);
      this.#draw();
    });
    this.#buildRow(label, "group", "row", button);
    for (const [id, text] of Object.entries(lines)) this.#buildRow(id, "lines", "row line", text);
  }

  #buildRow(id, kind, part, head) {
    const [word, amount] = [make("span", { class: "word" }), make("td")];
    const row = make("tr", { class: kind, part, hidden: true }, make("th", { scope: "row" }, head, " ", word), amount);
    this.#rows.set(id, { row, word, amount, button: head });
    this.#boxes.body.append(row);
  }

  /** Tell a screen reader what is new: a grade that changed, a connection that stays lost, and else seldom. */
  #speak({ usd, grade }, { name, since }) {
    const [now, last] = [Date.now(), this.#spoken];
    const lasting = name !== last.state && now - since > BRIEF_MS;
    if (!lasting && now - last.at < (grade === last.grade ? SPEAK_MS : REGRADE_MS)) return;
    const net = `${netOf(this.window)}: ${usd === undefined ? "no figure" : `${spoken(usd)}, ${grade}`}.`;
    say(this.#boxes.spoken, lasting ? `${STATES[name]}. ${net}` : net);
    this.#spoken = { at: now, grade, state: lasting || !last.at ? name : last.state };
  }
}

/** Return the parts of one widget by name; `card` holds the others. */
function build() {
  const label = make("p", { class: "label", id: "label", part: "label" });
  const demo = make("span", { class: "demo", part: "demo", hidden: true }, "Demo data");
  const state = make("span");
  const dot = make("span", { class: "dot", "aria-hidden": "true" });
  const connection = make("p", { class: "connection", part: "connection" }, dot, state);
  const [sign, digits] = [make("span", { class: "sign" }), make("span")];
  const net = make("p", { class: "net", part: "net" }, sign, digits);
  const change = make("p", { class: "change", part: "change" });
  const graded = make("p", { class: "trust", part: "trust" });
  const why = make("ul", { class: "why", part: "why" });
  const caution = make("p", { class: "caveat", part: "caveat" });
  const chart = svg("svg", { class: "chart", part: "chart", role: "img", preserveAspectRatio: "none", hidden: "" });
  const body = make("tbody");
  const table = make("table", { part: "components", hidden: true }, body);
  const spoken = make("p", { class: "spoken", role: "status" });
  const head = make("div", { class: "head", part: "head" }, label, demo, connection);
  const parts = [head, net, change, graded, why, caution, chart, table, spoken];
  const card = make("section", { class: "card", part: "card", "aria-labelledby": "label" }, ...parts);
  return { card, label, demo, state, sign, digits, net, change, graded, why, caution, chart, body, table, spoken };
}

let shared = null;

function sheet() {
  if (!shared) {
    shared = new CSSStyleSheet();
    shared.replaceSync(STYLE);
  }
  return shared;
}

if (globalThis.customElements && !customElements.get("northstar-pnl")) customElements.define("northstar-pnl", NorthstarPnl);

export { NorthStar };
