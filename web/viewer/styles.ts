/** The viewer's own style. Set through CSSOM, so that `style-src 'self'` allows it. */

export const STYLE = `
:host {
  --bg: #10181b; --ink: #eef3f2; --dim: #a9b8b8; --bar: #18242880; --line: #ffffff24;
  --accent: #7cc4cf; --warn: #f0c26b; --bad: #f08a7b; --good: #7fd3a0;
  display: block; position: relative; min-height: 220px; background: var(--bg); color: var(--ink);
  font: 15px/1.45 system-ui, sans-serif; border-radius: 10px; overflow: hidden; container-type: inline-size;
}
:host([hidden]) { display: none; }
.frame { display: flex; flex-direction: column; width: 100%; height: 100%; min-height: inherit; }
.stage { position: relative; flex: 1; min-height: 160px; outline: none; touch-action: none; user-select: none; -webkit-user-select: none; }
video, .vnc, canvas.picture { position: absolute; inset: 0; width: 100%; height: 100%; object-fit: contain; background: #0b1113; }
video, canvas.picture { pointer-events: none; }
:host([data-state="ended"]) :is(video, canvas.picture) { visibility: hidden; }
.vnc.beneath { visibility: hidden; }
.vnc[hidden], .cover[hidden], [hidden] { display: none !important; }
.keys { position: absolute; left: 0; bottom: 0; width: 1px; height: 1px; padding: 0; border: 0; opacity: 0; resize: none; font-size: 16px; pointer-events: none; caret-color: transparent; }
.stage:has(.keys:focus-visible):has(.cover[hidden])::after, .stage:has(.vnc:focus-within)::after { content: ""; position: absolute; inset: 0; border: 2px solid var(--accent); pointer-events: none; }
.cover { position: absolute; inset: 0; display: grid; place-content: center; justify-items: center; gap: 10px; padding: 20px; text-align: center; background: color-mix(in srgb, var(--bg) 86%, transparent); overflow: auto; }
.cover h2 { margin: 0; font-size: 20px; font-weight: 600; letter-spacing: -.01em; }
.cover p { margin: 0; color: var(--dim); max-width: 46ch; overflow-wrap: anywhere; }
.cover .elapsed { font-variant-numeric: tabular-nums; font-size: 13px; }
progress { appearance: none; width: min(320px, 70cqw); height: 6px; border: 0; border-radius: 3px; overflow: hidden; background: var(--line); }
progress::-webkit-progress-bar { background: var(--line); }
progress::-webkit-progress-value { background: var(--accent); transition: width .3s; }
progress::-moz-progress-bar { background: var(--accent); }
.stages { list-style: none; margin: 6px 0 0; padding: 0; display: grid; gap: 4px; text-align: left; font-size: 14px; color: var(--dim); }
.stages li::before { content: "○"; display: inline-block; width: 1.5em; }
.stages li.done { color: var(--ink); }
.stages li.done::before { content: "✓"; color: var(--good); }
.bar { display: flex; align-items: center; gap: 4px; padding: 5px 8px; background: #18242a; border-top: 1px solid var(--line); }
.bar .space { flex: 1; min-width: 0; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; font-size: 13px; color: var(--dim); padding: 0 6px; }
button { font: inherit; font-size: 13px; color: var(--ink); background: transparent; border: 1px solid transparent; border-radius: 7px; min-height: 32px; min-width: 32px; padding: 3px 9px; display: inline-flex; align-items: center; justify-content: center; gap: 6px; cursor: pointer; white-space: nowrap; }
button:hover { background: #ffffff14; }
button:focus-visible { outline: 2px solid var(--accent); outline-offset: 1px; }
button svg { width: 18px; height: 18px; fill: none; stroke: currentColor; stroke-width: 1.8; stroke-linecap: round; stroke-linejoin: round; }
.cover a { color: var(--accent); font-size: 14px; }
.cover button { border-color: var(--line); min-height: 38px; padding: 6px 14px; font-size: 14px; }
.sr { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
:host([data-small]) { position: fixed !important; right: 16px; bottom: 16px; width: min(340px, calc(100vw - 32px)) !important; height: auto !important; aspect-ratio: 16 / 11 !important; min-height: 0 !important; z-index: 50; box-shadow: 0 10px 34px #0008; }
:host([data-small]) .stage { min-height: 0; }
:host([data-small]) .stages, :host([data-small]) .bar .space, :host([data-small]) .vnc-button { display: none; }
:host([data-small]) .bar { justify-content: flex-end; }
:host(:fullscreen) { border-radius: 0; width: 100vw !important; height: 100vh !important; }
@container (max-width: 560px) { .label { display: none; } .cover h2 { font-size: 17px; } .bar .space { font-size: 12px; } }
@media (prefers-color-scheme: light) {
  :host { --bg: #e9efee; --ink: #16262a; --dim: #51646a; --line: #16262a26; --accent: #1d6b7a; --good: #1c7f4a; --warn: #a96c00; --bad: #b8392a; }
  .bar { background: #f8faf9; }
  video, .vnc, canvas.picture { background: #dbe3e2; }
  button:hover { background: #16262a12; }
}
@media (prefers-reduced-motion: reduce) { progress::-webkit-progress-value { transition: none; } }
`;
