/** The viewer's elements: made once, then told what to show. It decides nothing. */

import { icon, keepPresses, make } from "./dom";
import { isReady, isWell, phase, type State, waitingFor } from "./machine";
import { Panel, type Shown } from "./panel";
import { PANEL_STYLE } from "./panel-styles";
import { STYLE } from "./styles";
import { announcement, elapsed, headline, reason, rungLine, waitingSentence } from "./words";

const FULL = "M4 9V4h5M15 4h5v5M20 15v5h-5M9 20H4v-5";
const SMALL = "M4 5h16v14H4zM12 12h8v7h-8z";
const KEYS = "M3 7h18v10H3zM7 10h.01M11 10h.01M15 10h.01M8 14h8";

export interface Pressed {
  rung(): void;
  again(): void;
  /** The details were opened: they want figures now. */
  details(): void;
}

/** A wait that is so long makes one ask why. */
const LONG_MS = 4_000;
/** Whether a finger is the main pointer: then a button brings up the keyboard. */
const COARSE = "(pointer: coarse)";

export class View {
  readonly stage = make("div", { class: "stage", part: "stage" });
  readonly field = make("textarea", {
    class: "keys",
    "aria-label": "Keyboard of the desktop. Control, Alt and Shift together let go of it.",
    autocapitalize: "off",
    autocomplete: "off",
    autocorrect: "off",
    spellcheck: "false",
  });
  readonly vnc = make("div", { class: "vnc", hidden: "" });
  private readonly title = make("h2");
  private readonly text = make("p");
  private readonly time = make("p", { class: "elapsed" });
  private readonly progress = make("progress", {
    max: "100",
    "aria-label": "Start of the machine",
  });
  private readonly stages = make("ul", { class: "stages" });
  private readonly again = make("button", { type: "button" }, "Try again");
  /** Where the page has a pre-flight: the attribute `check` of the host. */
  private readonly check = make("a", { target: "_blank", rel: "noopener" }, "Check my connection");
  private readonly cover = make("div", { class: "cover" });
  private readonly bar = make("div", { class: "bar", role: "toolbar", "aria-label": "Viewer" });
  private readonly status = make("span", { class: "space" });
  private readonly live = make("div", { class: "sr", role: "status", "aria-live": "polite" });
  private readonly panel = new Panel();
  private readonly rungButton = make("button", { type: "button", class: "vnc-button" });
  private readonly smallButton = make("button", { type: "button" });
  private readonly fullButton = make("button", { type: "button" });
  private readonly keysButton = make("button", { type: "button" });
  private said = "";
  private sinceMs = 0;
  private waited = "";

  constructor(
    private readonly host: HTMLElement,
    root: ShadowRoot,
    pressed: Pressed,
  ) {
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(STYLE + PANEL_STYLE);
    root.adoptedStyleSheets = [sheet];
    this.cover.append(this.title, this.progress, this.text, this.stages, this.time, this.again);
    this.cover.append(this.check);
    keepPresses(this.again, this.check);
    this.stage.append(this.vnc, this.field, this.cover, this.panel.element);
    root.append(make("div", { class: "frame" }, this.stage, this.toolbar(pressed)), this.live);
    this.again.addEventListener("click", () => pressed.again());
    this.labelSize();
    host.addEventListener("fullscreenchange", () => this.labelSize());
  }

  /** Puts the focus on the toolbar: the documented way out of the keyboard. */
  focusToolbar(): void {
    this.fullButton.focus();
  }

  render(state: State, nowMs: number): void {
    const now = phase(state);
    const waited = `${now} ${waitingFor(state)}`;
    if (waited !== this.waited) this.sinceMs = nowMs;
    this.waited = waited;
    const covered = now !== "live";
    this.cover.hidden = !covered;
    this.title.textContent = headline(state);
    this.text.textContent = this.words(state);
    const booting = covered && !state.over && !isReady(state) && !state.firstFrame;
    const rests = Boolean(state.facts?.rests);
    // Waking has no stages that could be counted.
    this.progress.hidden = !booting || rests;
    this.progress.value = state.facts?.percent ?? 0;
    this.stages.hidden = !booting || rests;
    this.renderStages(state);
    this.again.hidden = now !== "failed";
    this.renderBar(state, covered);
    this.tick(state, nowMs);
    const announced = announcement(state);
    if (announced !== this.said) this.live.textContent = announced;
    this.said = announced;
  }

  /** Shows the time that the present wait has taken. */
  tick(state: State, nowMs: number): void {
    const waiting = waitingFor(state) !== "nothing";
    const where = this.host.getAttribute("check");
    const isLong = waiting && nowMs - this.sinceMs > LONG_MS;
    this.check.hidden = !where || !(isLong || phase(state) === "failed");
    if (where) this.check.href = where;
    this.time.hidden = !waiting;
    if (!waiting) return;
    const percent = this.progress.hidden ? "" : `${state.facts?.percent ?? 0} % · `;
    this.time.textContent = `${percent}${elapsed(nowMs - this.sinceMs)}`;
  }

  renderQuality(shown: Shown): void {
    this.panel.button.hidden = shown.quality === null;
    this.panel.render(shown);
  }

  renderControl(held: boolean | null, notice: string): void {
    const words = held === false ? "You are watching; another viewer holds control." : notice;
    this.status.dataset.control = words;
  }

  private words(state: State): string {
    if (state.over) return state.reason;
    const why = reason(state);
    // It goes on by itself, and says so.
    if (state.named) return `${why} ${waitingSentence(state)}`.trim();
    const step = isReady(state) ? "" : (state.facts?.step ?? "");
    return step && !state.firstFrame ? `${step} ${why}`.trim() : waitingSentence(state);
  }

  private renderStages(state: State): void {
    const items = (state.facts?.stages ?? []).map((stage) =>
      make("li", stage.done ? { class: "done" } : {}, stage.text || stage.name),
    );
    this.stages.replaceChildren(...items);
  }

  private renderBar(state: State, covered: boolean): void {
    const isWhole = !this.host.hasAttribute("data-small") && !document.fullscreenElement;
    this.bar.hidden = state.over === "ended" && isWhole;
    const vnc = state.choice === "vnc" || (isWell(state) && state.shown?.way === "vnc");
    this.rungButton.textContent = vnc ? "Use WebRTC" : "Use noVNC";
    this.rungButton.hidden = state.over === "ended" || !isReady(state);
    this.keysButton.hidden = covered || !matchMedia(COARSE).matches;
    if (state.over) {
      this.panel.button.hidden = true;
      this.panel.toggle(false);
    }
    const control = this.status.dataset.control ?? "";
    this.status.textContent = [control, rungLine(state)].filter(Boolean).join(" ");
    this.status.title = this.status.textContent;
  }

  private toolbar(pressed: Pressed): HTMLElement {
    const { bar, rungButton, smallButton, fullButton, keysButton, panel } = this;
    keysButton.append(icon(KEYS));
    keysButton.setAttribute("aria-label", "Show the keyboard");
    bar.append(panel.button, this.status, keysButton, rungButton, smallButton, fullButton);
    rungButton.addEventListener("click", () => pressed.rung());
    keysButton.addEventListener("click", () => this.field.focus());
    smallButton.addEventListener("click", () => this.toggleSmall());
    fullButton.addEventListener("click", () => void this.toggleFull());
    panel.opened = () => pressed.details();
    return bar;
  }

  private toggleSmall(): void {
    this.host.toggleAttribute("data-small");
    if (document.fullscreenElement) void document.exitFullscreen();
    this.labelSize();
  }

  private async toggleFull(): Promise<void> {
    this.host.removeAttribute("data-small");
    if (document.fullscreenElement) await document.exitFullscreen();
    else await this.host.requestFullscreen?.().catch(() => undefined);
    this.labelSize();
  }

  private labelSize(): void {
    const small = this.host.hasAttribute("data-small");
    const full = document.fullscreenElement === this.host;
    label(this.smallButton, SMALL, small ? "Restore" : "Minimize");
    label(this.fullButton, FULL, full ? "Leave full screen" : "Full screen");
  }
}

function label(button: HTMLButtonElement, path: string, words: string): void {
  button.replaceChildren(icon(path), make("span", { class: "label" }, words));
  button.setAttribute("aria-label", words);
  button.title = words;
}
