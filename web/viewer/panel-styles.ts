/** The style of the quality's dot and panel; its colours are those of `styles.ts`. */

export const PANEL_STYLE = `
.dot { width: 8px; height: 8px; border-radius: 50%; background: var(--dim); flex: none; }
.dot.good { background: var(--good); } .dot.fair { background: var(--warn); }
.dot.poor, .dot.bad { background: var(--bad); } .dot.bad { border-radius: 1px; }
.quality { font-variant-numeric: tabular-nums; }
.details { position: absolute; left: 8px; bottom: 8px; box-sizing: border-box; width: min(430px, calc(100% - 16px)); max-height: calc(100% - 16px); overflow: auto; padding: 10px 14px 14px; background: #18242af5; border: 1px solid var(--line); border-radius: 10px; font-size: 13px; cursor: default; user-select: text; -webkit-user-select: text; touch-action: pan-y; outline: none; }
.details:focus-visible { outline: 2px solid var(--accent); outline-offset: -2px; }
.details header { display: flex; align-items: start; gap: 8px; margin-bottom: 8px; }
.details h3 { flex: 1; margin: 5px 0 0; font-size: 14px; font-weight: 600; line-height: 1.35; }
.details h4 { margin: 14px 0 6px; font-size: 13px; font-weight: 600; }
.details dl { margin: 0; display: grid; grid-template-columns: auto 1fr; gap: 3px 16px; font-variant-numeric: tabular-nums; }
.details dt { color: var(--dim); } .details dd { margin: 0; text-align: right; overflow-wrap: anywhere; }
.timeline { list-style: none; margin: 0; padding: 0; display: grid; gap: 5px; font-variant-numeric: tabular-nums; }
.timeline li { display: grid; grid-template-columns: 1fr auto; column-gap: 12px; }
.timeline .at { color: var(--dim); white-space: nowrap; }
.timeline i { grid-column: 1 / -1; height: 3px; min-width: 2px; border-radius: 2px; background: var(--accent); }
:host([data-small]) .details { display: none; }
@container (max-width: 560px) { .details { left: 0; right: 0; bottom: 0; width: 100%; max-height: 100%; border-radius: 10px 10px 0 0; } }
@media (prefers-color-scheme: light) { .details { background: #fffffff7; } }
`;
