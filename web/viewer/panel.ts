/** The quality: a dot with a word in the toolbar, and on a click a panel with all that is known. */

import { icon, keepPresses, make } from "./dom";
import type { Quality, Told } from "./quality";
import { rows, summary, verdict } from "./quality-words";
import { grade } from "./score";
import { type Span, type Step, spansOf } from "./timeline";

const CLOSE = "M6 6l12 12M18 6L6 18";

/** What the panel shows. */
export interface Shown {
  quality: Quality | null;
  told: Told;
  /** Why this rung: a sentence, or nothing. */
  why: string;
  /** The session's steps, as the API has them, and this page's own. */
  session: readonly Step[];
  page: readonly Step[];
}

export class Panel {
  /** Called when it was opened. */
  opened: () => void = () => undefined;
  readonly button = make("button", {
    type: "button",
    class: "quality",
    "aria-expanded": "false",
    "aria-controls": "details",
  });
  readonly element = make("section", {
    class: "details",
    id: "details",
    "aria-label": "The connection in detail",
    tabindex: "-1",
    hidden: "",
  });
  private readonly dot = make("span", { class: "dot" });
  private readonly word = make("span");
  private readonly verdict = make("h3");
  private readonly list = make("dl");
  private readonly values = new Map<string, HTMLElement>();
  private readonly steps = make("div", { class: "timelines" });
  private drawn = "";

  constructor() {
    const close = make("button", { type: "button", "aria-label": "Close the details" });
    close.append(icon(CLOSE));
    close.addEventListener("click", () => this.toggle(false));
    const head = make("header", {}, this.verdict, close);
    this.element.append(head, this.list, this.steps);
    this.button.append(this.dot, this.word);
    this.button.hidden = true;
    this.button.addEventListener("click", () => this.toggle());
    this.element.addEventListener("keydown", (event) => {
      event.stopPropagation();
      if (event.key === "Escape") this.toggle(false);
    });
    keepPresses(this.element);
  }

  /** Opens or closes it. */
  toggle(open = this.element.hidden): void {
    const had = this.element.contains(this.root?.activeElement ?? null);
    this.element.hidden = !open;
    this.button.setAttribute("aria-expanded", String(open));
    if (open) {
      this.opened();
      this.element.focus({ preventScroll: true });
    } else if (had) this.button.focus();
  }

  render(shown: Shown): void {
    const { quality, told, why } = shown;
    const word = summary(quality);
    this.dot.className = `dot ${grade(quality?.score ?? null)}`;
    if (this.word.textContent !== word) this.word.textContent = word;
    this.button.setAttribute("aria-label", `Quality of the connection: ${word}`);
    if (this.element.hidden) return;
    this.verdict.textContent = verdict(quality);
    this.renderRows(rows(quality, told, why));
    this.renderSteps(shown);
  }

  /** Changes texts in place, so that nothing jumps and what is selected stays so. */
  private renderRows(wanted: [string, string][]): void {
    const isSame =
      wanted.length === this.values.size && wanted.every(([name]) => this.values.has(name));
    if (!isSame) {
      this.values.clear();
      this.list.replaceChildren();
      for (const [name] of wanted) {
        const value = make("dd");
        this.values.set(name, value);
        this.list.append(make("dt", {}, name), value);
      }
    }
    for (const [name, text] of wanted) {
      const value = this.values.get(name);
      if (value && value.textContent !== text) value.textContent = text;
    }
  }

  private renderSteps({ session, page }: Shown): void {
    const said = JSON.stringify([session, page]);
    if (said === this.drawn) return;
    this.drawn = said;
    const lists = [
      timeline("The session, from Connect to the picture", spansOf(session)),
      timeline("This page", spansOf(page)),
    ];
    this.steps.replaceChildren(...lists.flat());
  }

  private get root(): ShadowRoot | null {
    const root = this.element.getRootNode();
    return root instanceof ShadowRoot ? root : null;
  }
}

function timeline(title: string, spans: readonly Span[]): HTMLElement[] {
  if (spans.length === 0) return [];
  const items = spans.map((span) => {
    const bar = make("i", { "aria-hidden": "true" });
    bar.style.setProperty("margin-left", `${(span.from * 100).toFixed(1)}%`);
    bar.style.setProperty("width", `${(span.length * 100).toFixed(1)}%`);
    const when = `${seconds(span.atMs)} (+${seconds(span.tookMs)})`;
    return make("li", {}, make("span", {}, span.text), make("span", { class: "at" }, when), bar);
  });
  return [make("h4", {}, title), make("ol", { class: "timeline" }, ...items)];
}

function seconds(ms: number): string {
  return ms < 1_000 ? `${Math.round(ms)} ms` : `${(ms / 1_000).toFixed(2)} s`;
}
