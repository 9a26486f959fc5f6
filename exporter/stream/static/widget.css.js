// How the widget looks unless its page says otherwise: variables and parts are its handles.
// Lengths are in heights of the page's own text, so that it is as large as what it stands beside.

export const STYLE = `
:host {
  --paper: var(--northstar-paper, light-dark(#ffffff, #1b1e24));
  --ink: var(--northstar-ink, light-dark(#1c1f24, #eceae6));
  --soft: var(--northstar-soft, light-dark(#5d636c, #a2a9b3));
  --faint: var(--northstar-faint, light-dark(#e6e3de, #2f343d));
  --gain: var(--northstar-gain, light-dark(#1c5bb5, #7db0ff));
  --loss: var(--northstar-loss, light-dark(#a84a08, #ffa05c));
  /** A container has no width of its own to a row that asks for one: this is what it asks for. */
  display: block; color-scheme: light dark; max-width: 26em; min-width: 0; container-type: inline-size; contain-intrinsic-inline-size: 20em;
  font: 0.9375em/1.4 var(--northstar-font, system-ui, sans-serif);
  font-variant-numeric: tabular-nums; text-align: start;
}
:host([compact]) { display: inline-block; vertical-align: middle; max-width: 100%; container-type: normal; }
:host([theme="light"]) { color-scheme: light; }
:host([theme="dark"]) { color-scheme: dark; }
:host([hidden]), [hidden] { display: none !important; }
* { box-sizing: border-box; margin: 0; }
.card { background: var(--paper); color: var(--ink); border: 1px solid var(--faint); border-radius: var(--northstar-radius, 12px); padding: 1em 1.1em; }
.head { display: flex; flex-wrap: wrap; gap: 0 0.6em; align-items: baseline; color: var(--soft); font-size: 0.87em; }
.label { font-weight: 500; font-size: 1em; }
.demo { color: var(--loss); border: 1px solid; border-radius: 9px; padding: 0 0.45em; font-size: 0.92em; white-space: nowrap; }
.connection { margin-left: auto; white-space: nowrap; }
.dot { display: inline-block; width: 0.55em; height: 0.55em; border-radius: 50%; border: 2px solid var(--loss); margin-right: 0.4em; }
.live .dot { background: var(--gain); border-color: var(--gain); }
.connecting .dot, .resting .dot { border-color: var(--soft); }
.net {
  /** As large as there is room for: --digits is how many characters the figure has. */
  font-size: var(--northstar-size, min(clamp(2em, 13cqi, 3em), calc((100cqi - 2.4em) * 1.45 / var(--digits, 9))));
  font-weight: 640; letter-spacing: -0.025em; line-height: 1.12; white-space: nowrap; margin: 0.08em 0 0.04em;
}
.sign { display: inline-block; margin-right: 0.05em; }
.sign:empty { display: none; }
.gain { color: var(--gain); }
.loss { color: var(--loss); }
.zero, .none { color: var(--soft); }
.none { font-weight: 450; }
.net.zero { color: var(--ink); }
.change { font-weight: 550; }
.change.zero { font-weight: 400; }
.trust, .why { color: var(--soft); font-size: 0.87em; }
.trust::first-letter, .why li::first-letter { text-transform: uppercase; }
.why { list-style: none; padding: 0; overflow-wrap: anywhere; }
.net:is(.stale, .missing) ~ :is(.trust, .why) { color: var(--loss); }
.caveat { color: var(--loss); font-size: 0.87em; margin-top: 0.35em; overflow-wrap: anywhere; }
.caveat:empty, .trust:empty, .change:empty, .why:empty { display: none; }
.chart { display: block; width: 100%; height: 44px; margin: 0.5em 0 0.1em; overflow: visible; }
.line { fill: none; stroke: var(--ink); stroke-width: 1.5; stroke-linejoin: round; vector-effect: non-scaling-stroke; }
line.zero { stroke: var(--soft); opacity: 0.5; }
.end { stroke: var(--ink); stroke-width: 6; stroke-linecap: round; vector-effect: non-scaling-stroke; }
table { width: 100%; border-collapse: collapse; margin-top: 0.5em; }
th { font-weight: 400; text-align: left; padding: 0.2em 0; }
td { text-align: right; white-space: nowrap; padding: 0.2em 0 0.2em 0.5em; vertical-align: baseline; }
.group > * { border-top: 1px solid var(--faint); }
.lines th { padding-left: 1em; color: var(--soft); }
.lines td { color: var(--soft); }
.share { font-size: 0.87em; }
.line + .share > * { border-top: 1px dashed var(--faint); }
.share-line { display: none; }
.word { color: var(--soft); font-size: 0.8em; }
button { font: inherit; color: inherit; background: none; border: 0; padding: 0; cursor: pointer; text-align: left; }
button::before { content: "›" / ""; display: inline-block; width: 0.8em; color: var(--soft); }
button[aria-expanded="true"]::before { transform: rotate(90deg) translateX(0.1em); }
:focus-visible { outline: 2px solid var(--gain); outline-offset: 2px; border-radius: 3px; }
/** What is old has lost its colour, and can still be read. */
.old :is(.net, .change, td) { color: var(--soft); }
.old :is(.line, .end) { stroke: var(--soft); }
.compact { display: flex; flex-wrap: wrap; gap: 0 0.7em; align-items: baseline; padding: 0.35em 0.7em; }
.compact .head { display: contents; }
.compact :is(.label, .connection) { font-size: 0.87em; color: var(--soft); }
.compact .connection { order: 9; }
.compact .net { font-size: var(--northstar-size, 1.15em); margin: 0; letter-spacing: 0; }
.compact :is(.change, .why, .chart, table) { display: none; }
.compact .caveat { order: 10; flex-basis: 100%; margin: 0; }
@container (max-width: 18em) {
  .card { padding: 0.7em 0.8em; }
  .connection { flex-basis: 100%; }
}
.spoken { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
@keyframes settle { from { opacity: 0.7; } }
.moved { animation: settle 300ms ease-out; }
@media (prefers-reduced-motion: reduce) { .moved { animation: none; } }
@media (forced-colors: active) { .live .dot { background: CanvasText; } .card { border-color: CanvasText; } }
`;
