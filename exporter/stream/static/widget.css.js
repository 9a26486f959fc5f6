// How the widget looks unless its page says otherwise: variables and parts are its handles.

export const STYLE = `
:host {
  --paper: var(--northstar-paper, light-dark(#ffffff, #1b1e24));
  --ink: var(--northstar-ink, light-dark(#1c1f24, #eceae6));
  --soft: var(--northstar-soft, light-dark(#5d636c, #a2a9b3));
  --faint: var(--northstar-faint, light-dark(#e6e3de, #2f343d));
  --gain: var(--northstar-gain, light-dark(#1c5bb5, #7db0ff));
  --loss: var(--northstar-loss, light-dark(#a84a08, #ffa05c));
  display: block; color-scheme: light dark; max-width: 26rem; container-type: inline-size;
  font: 15px/1.4 var(--northstar-font, system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", sans-serif);
  font-variant-numeric: tabular-nums;
}
:host([theme="light"]) { color-scheme: light; }
:host([theme="dark"]) { color-scheme: dark; }
:host([hidden]), [hidden] { display: none !important; }
* { box-sizing: border-box; margin: 0; }
.card { background: var(--paper); color: var(--ink); border: 1px solid var(--faint); border-radius: var(--northstar-radius, 12px); padding: 1rem 1.1rem; }
.head { display: flex; gap: 0.6rem; align-items: baseline; color: var(--soft); font-size: 0.87em; }
.label { font-weight: 500; font-size: 1em; }
.label::first-letter { text-transform: uppercase; }
.demo { color: var(--loss); border: 1px solid; border-radius: 9px; padding: 0 0.45rem; font-size: 0.92em; }
.connection { margin-left: auto; text-align: right; }
.dot { display: inline-block; width: 0.55em; height: 0.55em; border-radius: 50%; border: 2px solid var(--loss); margin-right: 0.4em; }
.live .dot { background: var(--gain); border-color: var(--gain); }
.connecting .dot, .resting .dot { border-color: var(--soft); }
.net { font-size: var(--northstar-size, clamp(2rem, 13cqi, 3rem)); font-weight: 640; letter-spacing: -0.025em; line-height: 1.12; white-space: nowrap; margin: 0.15rem 0 0.1rem; }
.sign { display: inline-block; margin-right: 0.05em; }
.sign:empty { display: none; }
.gain { color: var(--gain); }
.loss { color: var(--loss); }
.none { color: var(--soft); font-weight: 450; }
.old .net, .old .chart { opacity: 0.55; }
.change { font-weight: 550; }
.change.zero { color: var(--soft); font-weight: 400; }
.trust, .why { color: var(--soft); font-size: 0.87em; }
.trust::first-letter, .why li::first-letter { text-transform: uppercase; }
.why { list-style: none; padding: 0; overflow-wrap: anywhere; }
.alarmed .trust, .alarmed .why { color: var(--loss); }
.caveat { color: var(--loss); font-size: 0.87em; margin-top: 0.35rem; }
.caveat:empty, .trust:empty, .change:empty, .why:empty { display: none; }
.chart { display: block; width: 100%; height: 44px; margin: 0.5rem 0 0.1rem; overflow: visible; }
.line { fill: none; stroke: var(--ink); stroke-width: 1.5; stroke-linejoin: round; vector-effect: non-scaling-stroke; }
line.zero { stroke: var(--soft); opacity: 0.5; }
circle { fill: var(--ink); }
table { width: 100%; border-collapse: collapse; margin-top: 0.5rem; }
th { font-weight: 400; text-align: left; padding: 0.2rem 0; width: 100%; }
td { text-align: right; white-space: nowrap; padding: 0.2rem 0; }
.group > * { border-top: 1px solid var(--faint); }
.lines th { padding-left: 1rem; color: var(--soft); }
.lines td { color: var(--soft); }
.word { color: var(--soft); font-size: 0.8em; padding-right: 0.6rem; }
button { font: inherit; color: inherit; background: none; border: 0; padding: 0; cursor: pointer; text-align: left; width: 100%; }
button::before { content: "›"; display: inline-block; width: 0.8em; color: var(--soft); }
button[aria-expanded="true"]::before { transform: rotate(90deg) translateX(0.1em); }
:focus-visible { outline: 2px solid var(--gain); outline-offset: 2px; border-radius: 3px; }
.compact { display: flex; flex-wrap: wrap; gap: 0 0.7rem; align-items: baseline; padding: 0.35rem 0.7rem; }
.compact .head { display: contents; }
.compact .connection { order: 9; }
.compact .net { font-size: var(--northstar-size, 1.15rem); margin: 0; letter-spacing: 0; }
.compact :is(.change, .why, .chart, table) { display: none; }
.compact .trust { align-self: baseline; }
.compact .caveat { order: 10; flex-basis: 100%; margin: 0; }
.spoken { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
@keyframes settle { from { opacity: 0.7; } }
.moved { animation: settle 300ms ease-out; }
@media (prefers-reduced-motion: reduce) { .moved { animation: none; } }
@media (forced-colors: active) { .live .dot { background: CanvasText; } .card { border-color: CanvasText; } }
`;
