/** `<fanlight-viewer session="ID" base="/">`: carries out what `machine.ts` commands. */

import { Asking } from "./asking";
import type { Connection } from "./connection";
import { SessionEvents } from "./events";
import { measureByRequest } from "./gauge";
import { Keyboard } from "./keyboard";
import {
  type Command,
  type Event as MachineEvent,
  phase,
  type State,
  start,
  step,
  type Timer,
} from "./machine";
import type { FromGateway, ToMachine } from "./messages";
import { type Picture, Pictures } from "./pictures";
import { Pointing } from "./pointing";
import { type Quality, toldOf } from "./quality";
import type { Stream } from "./stream";
import { Marks, type Step, stepsOf } from "./timeline";
import { View } from "./view";
import { Vnc } from "./vnc";
import { Watch } from "./watch";
import { reason, told, type ViewerState } from "./words";

const QUALITY_MS = 1_000;
/** noVNC is measured by a request: that often, in beats of `QUALITY_MS`. */
const REQUEST_EVERY = 5;

export class FanlightViewer extends HTMLElement {
  /** The newest figures of the picture; null before there are any. */
  quality: Quality | null = null;

  private state: State = start();
  private readonly view: View;
  private readonly keyboard: Keyboard;
  private events: SessionEvents | null = null;
  private readonly pictures: Pictures;
  private asking: Asking | null = null;
  private watch: Watch | null = null;
  private readonly timers = new Map<Timer, ReturnType<typeof setTimeout>>();
  private beat: ReturnType<typeof setInterval> | undefined;
  private readonly marks = new Marks();
  private steps: Step[] = [];
  private display: { width: number; height: number } | null = null;
  private notice = "";
  private said = "";
  private beats = 0;

  constructor() {
    super();
    const root = this.attachShadow({ mode: "open" });
    this.view = new View(this, root, {
      rung: () => this.take({ type: "choiceMade", choice: otherChoice(this.state) }),
      again: () => this.take({ type: "choiceMade", choice: "auto" }),
      details: () => this.renderQuality(),
    });
    const place = () => ({ base: this.origin, session: this.name });
    this.pictures = new Pictures(this.view.stage, this.view.vnc, place, {
      take: (event) => this.take(event),
      message: (picture, message) => this.hear(picture, message),
    });
    const send = (message: ToMachine) => this.send(message);
    this.keyboard = new Keyboard(this.view.field, send, () => this.view.focusToolbar());
    const box = () => (this.picture ?? this.view.stage).getBoundingClientRect();
    const focus = () => this.view.field.focus({ preventScroll: true });
    new Pointing(this.view.stage, { box, display: () => this.size() }, send, focus);
    this.listenForVnc();
  }

  /** The session's id; the attribute of the same name. */
  get session(): string {
    return this.getAttribute("session") ?? "";
  }

  set session(id: string) {
    this.setAttribute("session", id);
  }

  /** Where Fanlight is, relative to the page; the attribute of the same name. */
  get base(): string {
    return this.getAttribute("base") ?? "/";
  }

  set base(address: string) {
    this.setAttribute("base", address);
  }

  /** The element that shows the picture; null before there is one. */
  get picture(): HTMLVideoElement | HTMLCanvasElement | null {
    const shown = this.pictures.seen;
    if (shown instanceof HTMLVideoElement || shown instanceof HTMLCanvasElement) return shown;
    return shown?.querySelector("canvas") ?? null;
  }

  /** The same, while the picture comes by WebRTC. */
  get video(): HTMLVideoElement | null {
    return this.picture instanceof HTMLVideoElement ? this.picture : null;
  }

  /** The connection that brings the picture; noVNC has none. */
  get connection(): Connection | Stream | undefined {
    const link = this.pictures.shown?.link;
    return link instanceof Vnc ? undefined : link;
  }

  get viewerState(): ViewerState {
    return told(this.state);
  }

  override focus(): void {
    this.view.field.focus({ preventScroll: true });
  }

  connectedCallback(): void {
    window.addEventListener("online", this.onNetwork);
    window.addEventListener("offline", this.onNetwork);
    networkInformation()?.addEventListener("change", this.onNetwork);
    window.addEventListener("pagehide", this.onLeave);
    window.addEventListener("pageshow", this.onShow);
    document.addEventListener("visibilitychange", this.onVisibility);
    this.beat = setInterval(() => this.tick(), QUALITY_MS);
    this.watch = new Watch(
      () => this.pictures.shown ?? null,
      (quiet) => this.watched(quiet),
    );
    this.take({ type: "attached" });
  }

  disconnectedCallback(): void {
    window.removeEventListener("online", this.onNetwork);
    window.removeEventListener("offline", this.onNetwork);
    networkInformation()?.removeEventListener("change", this.onNetwork);
    window.removeEventListener("pagehide", this.onLeave);
    window.removeEventListener("pageshow", this.onShow);
    document.removeEventListener("visibilitychange", this.onVisibility);
    clearInterval(this.beat);
    this.watch?.close();
    this.take({ type: "detached" });
  }

  private readonly onNetwork = () => this.take({ type: "networkChanged" });
  // A page that goes tells the gateway so; one that comes back from the cache begins again.
  private readonly onLeave = () => this.take({ type: "detached" });
  private readonly onShow = (event: PageTransitionEvent) => {
    if (event.persisted) this.take({ type: "attached" });
  };
  private readonly onVisibility = () => {
    for (const { gauge } of this.pictures.all) gauge?.meter.interrupted();
    if (document.visibilityState === "visible") this.take({ type: "becameVisible" });
    else this.keyboard.releaseAll();
  };

  // --- the machine and its commands -------------------------------------------------------------

  private take(event: MachineEvent): void {
    const [state, commands] = step(this.state, event);
    this.mark(event);
    this.state = state;
    for (const command of commands) this.run(command);
    this.show();
  }

  private mark(event: MachineEvent): void {
    const now = performance.now();
    if (event.type === "attached") this.marks.begin(now);
    if (event.type === "offerAnswered") this.marks.note("answer", now);
    if (event.type === "pathChanged" && event.path === "connected") this.marks.note("path", now);
    if (event.type === "frameShown") this.marks.note("picture", now);
  }

  private run(command: Command): void {
    switch (command.type) {
      case "openEvents":
        return this.openEvents();
      case "closeEvents":
        this.events?.close();
        this.events = null;
        return;
      case "openEventsAgain":
        return this.events?.again();
      case "open":
        this.marks.note("offer", performance.now());
        return this.pictures.add(command.way, command.id);
      case "close":
        return this.pictures.close(command.id);
      case "show":
        this.pictures.show(command.id);
        return this.renderControl();
      case "askServer":
        return this.askServer();
      case "stopAsking":
        this.asking?.close();
        return;
      case "setTimer":
        return this.setTimer(command.timer, command.afterMs);
      case "clearTimer":
        clearTimeout(this.timers.get(command.timer));
        this.timers.delete(command.timer);
    }
  }

  /** Where the API is, as an absolute address that ends in a slash. */
  private get origin(): string {
    return new URL(this.base, document.baseURI).href;
  }

  /** The session's id as a part of an address. */
  private get name(): string {
    return encodeURIComponent(this.session);
  }

  private openEvents(): void {
    this.events?.close();
    const url = new URL(`api/auth/session/${this.name}`, this.origin).href;
    const notice = (words: string, connection: string) => {
      // Of a page that was closed or reloaded, or of another viewer.
      if (connection && !this.pictures.named(connection)) return;
      this.notice = phase(this.state) === "live" ? "" : words;
      this.renderControl();
    };
    const session = (detail: unknown) => {
      this.steps = stepsOf(detail);
      this.dispatchEvent(new CustomEvent("fanlight-session", { detail }));
    };
    const quality = (detail: unknown) => {
      const { connection, told } = toldOf(detail);
      this.pictures.named(connection)?.gauge?.meter.hearOf(told);
    };
    this.events = new SessionEvents(url, (event) => this.take(event), notice, session, quality);
  }

  private askServer(): void {
    this.asking?.close();
    this.asking = new Asking(this.origin, {
      answered: () => this.take({ type: "serverAnswered" }),
      silent: (offline) => this.take({ type: "serverSilent", offline }),
    });
    this.asking.open();
  }

  private setTimer(timer: Timer, afterMs: number): void {
    clearTimeout(this.timers.get(timer));
    const fire = () => {
      this.timers.delete(timer);
      this.take({ type: "timerFired", timer });
    };
    this.timers.set(timer, setTimeout(fire, afterMs));
  }

  private show(): void {
    const now = this.viewerState;
    this.dataset.state = now.state;
    this.dataset.rung = now.rung ?? "";
    this.dataset.cause = now.cause;
    if (now.state === "live" && this.notice) {
      this.notice = "";
      this.renderControl();
    }
    this.view.render(this.state, performance.now());
    const said = JSON.stringify(now);
    if (said === this.said) return;
    this.said = said;
    this.dispatchEvent(
      new CustomEvent<ViewerState>("fanlight-state", {
        detail: now,
        bubbles: true,
        composed: true,
      }),
    );
  }

  // --- input and what the gateway says ----------------------------------------------------------

  private size(): { width: number; height: number } {
    const picture = this.picture;
    if (this.display) return this.display;
    if (picture instanceof HTMLVideoElement) {
      return { width: picture.videoWidth, height: picture.videoHeight };
    }
    return { width: picture?.width ?? 0, height: picture?.height ?? 0 };
  }

  private send(message: ToMachine): void {
    if (this.state.shown?.way !== "vnc") this.pictures.send(message);
  }

  private hear(picture: Picture, message: FromGateway): void {
    if (message.type === "display.size") {
      this.display = { width: message.widthPx, height: message.heightPx };
    }
    if (message.type === "control.held") this.renderControl();
    if (this.state.shown?.id === picture.id && !this.state.shown.healthy) {
      this.take({ type: "heardAgain", id: picture.id });
    }
  }

  private renderControl(): void {
    this.view.renderControl(this.pictures.held, this.notice);
    // What it said before makes room for what the bar says otherwise.
    this.view.render(this.state, performance.now());
  }

  private tick(): void {
    this.view.tick(this.state, performance.now());
    void this.pictures.lookForFrames(this.state.tries.webrtc).catch(() => undefined);
    this.beats += 1;
    void this.measure().catch(() => undefined);
  }

  private async measure(): Promise<void> {
    const { shown } = this.pictures;
    if (!shown) return;
    const byRequest = shown.way === "vnc" && this.beats % REQUEST_EVERY === 1;
    const found = byRequest ? measureByRequest(this.origin) : shown.gauge?.measure();
    const quality = (await found) ?? null;
    this.quality = quality ?? this.quality;
    const { id, rung } = this.state.shown ?? {};
    if (quality && shown.way === "webrtc" && id === shown.id && quality.rung !== rung) {
      this.take({ type: "rungFound", id, rung: quality.rung });
    }
    this.renderQuality();
  }

  private renderQuality(): void {
    this.view.renderQuality({
      quality: this.quality,
      told: this.pictures.shown?.gauge?.meter.told ?? {},
      why: reason(this.state),
      session: this.steps,
      page: this.marks.all,
    });
  }

  private watched(quiet: boolean): void {
    const { shown } = this.state;
    if (shown) this.take({ type: quiet ? "wentQuiet" : "heardAgain", id: shown.id });
  }

  /** Keys for noVNC that the viewer must see first: the way out, and pasting. */
  private listenForVnc(): void {
    const { vnc } = this.view;
    const stop = (event: Event) => event.stopPropagation();
    for (const name of ["pointerdown", "pointermove", "pointerup", "wheel", "contextmenu"]) {
      vnc.addEventListener(name, stop);
    }
    vnc.addEventListener(
      "keydown",
      (event) => {
        const v = event.key.toLowerCase() === "v" && (event.ctrlKey || event.metaKey);
        // noVNC would send Control+V and swallow the paste.
        if (v) event.stopPropagation();
        if (!(event.ctrlKey && event.altKey && event.shiftKey)) return;
        event.stopPropagation();
        this.currentVnc?.blur();
        this.view.focusToolbar();
      },
      { capture: true },
    );
    this.shadowRoot?.addEventListener("paste", (event) => {
      if (!this.currentVnc || !(event instanceof ClipboardEvent)) return;
      this.currentVnc.paste(event.clipboardData?.getData("text/plain") ?? "");
    });
  }

  private get currentVnc(): Vnc | undefined {
    const link = this.pictures.shown?.link;
    return link instanceof Vnc ? link : undefined;
  }
}

/** What the button by the picture chooses: noVNC, or the best way that works. */
function otherChoice({ choice, shown }: State): "auto" | "vnc" {
  return choice === "vnc" || shown?.way === "vnc" ? "auto" : "vnc";
}

/** Where a browser says that its network has changed; not all do. */
function networkInformation(): EventTarget | undefined {
  return (navigator as Navigator & { connection?: EventTarget }).connection;
}
