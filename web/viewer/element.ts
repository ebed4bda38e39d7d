/** `<fanlight-viewer session="ID" base="/">`: carries out what `machine.ts` commands. */

import { Connection } from "./connection";
import { make, newVideo } from "./dom";
import { SessionEvents } from "./events";
import { Gauge, measureByRequest } from "./gauge";
import { Keyboard } from "./keyboard";
import {
  type Command,
  type Event as MachineEvent,
  phase,
  type State,
  start,
  step,
  type Timer,
  told,
  type ViewerState,
} from "./machine";
import type { FromGateway, ToMachine } from "./messages";
import { Pointing } from "./pointing";
import { type Quality, toldOf } from "./quality";
import { Marks, type Step, stepsOf } from "./timeline";
import { View } from "./view";
import { Vnc } from "./vnc";

interface Pair {
  connection: Connection;
  video: HTMLVideoElement;
  gauge: Gauge;
}

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
  private readonly pairs = new Map<number, Pair>();
  private readonly vncs = new Map<number, Vnc>();
  private readonly timers = new Map<Timer, ReturnType<typeof setTimeout>>();
  private beat: ReturnType<typeof setInterval> | undefined;
  private readonly marks = new Marks();
  private steps: Step[] = [];
  private display: { width: number; height: number } | null = null;
  private held: boolean | null = null;
  private notice = "";
  private said = "";
  private beats = 0;

  constructor() {
    super();
    const root = this.attachShadow({ mode: "open" });
    this.view = new View(this, root, {
      rung: () => this.take({ type: "rungChosen", rung: this.state.vnc ? "webrtc" : "vnc" }),
      again: () => this.take({ type: "rungChosen", rung: "webrtc" }),
      details: () => this.renderQuality(),
    });
    this.view.stage.prepend(newVideo("video"));
    const send = (message: ToMachine) => this.send(message);
    this.keyboard = new Keyboard(this.view.field, send, () => this.view.focusToolbar());
    const picture = { box: () => this.video.getBoundingClientRect(), display: () => this.size() };
    const focus = () => this.view.field.focus({ preventScroll: true });
    new Pointing(this.view.stage, picture, (message) => this.point(message), focus);
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

  /** The element that shows the picture. */
  get video(): HTMLVideoElement {
    return this.shadowRoot?.getElementById("video") as HTMLVideoElement;
  }

  get viewerState(): ViewerState {
    return told(this.state);
  }

  override focus(): void {
    this.view.field.focus({ preventScroll: true });
  }

  connectedCallback(): void {
    window.addEventListener("online", this.onOnline);
    window.addEventListener("pagehide", this.onLeave);
    window.addEventListener("pageshow", this.onShow);
    document.addEventListener("visibilitychange", this.onVisibility);
    this.beat = setInterval(() => this.tick(), QUALITY_MS);
    this.take({ type: "attached" });
  }

  disconnectedCallback(): void {
    window.removeEventListener("online", this.onOnline);
    window.removeEventListener("pagehide", this.onLeave);
    window.removeEventListener("pageshow", this.onShow);
    document.removeEventListener("visibilitychange", this.onVisibility);
    clearInterval(this.beat);
    this.take({ type: "detached" });
  }

  private readonly onOnline = () => this.take({ type: "cameOnline" });
  // A page that goes tells the gateway so; one that comes back from the cache begins again.
  private readonly onLeave = () => this.take({ type: "detached" });
  private readonly onShow = (event: PageTransitionEvent) => {
    if (event.persisted) this.take({ type: "attached" });
  };
  private readonly onVisibility = () => {
    for (const { gauge } of this.pairs.values()) gauge.meter.interrupted();
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
    if (event.type === "frameShown" || event.type === "vncConnected") {
      this.marks.note("picture", now);
    }
  }

  private run(command: Command): void {
    switch (command.type) {
      case "openEvents":
        return this.openEvents();
      case "closeEvents":
        this.events?.close();
        this.events = null;
        return;
      case "openConnection":
        return this.openConnection(command.id);
      case "closeConnection":
        return this.closeConnection(command.id);
      case "showPicture":
        return this.showPicture(command.id);
      case "openVnc":
        return this.openVnc(command.id);
      case "closeVnc":
        this.vncs.get(command.id)?.close();
        this.vncs.delete(command.id);
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
      if (connection && !this.isOurs(connection)) return;
      this.notice = phase(this.state) === "live" ? "" : words;
      this.view.renderControl(this.held, this.notice);
    };
    const session = (detail: unknown) => {
      this.steps = stepsOf(detail);
      this.dispatchEvent(new CustomEvent("fanlight-session", { detail }));
    };
    const quality = (detail: unknown) => {
      const { connection, told } = toldOf(detail);
      const pairs = [...this.pairs.values()];
      pairs.find((pair) => pair.connection.name === connection)?.gauge.meter.hearOf(told);
    };
    this.events = new SessionEvents(url, (event) => this.take(event), notice, session, quality);
  }

  private isOurs(connection: string): boolean {
    return [...this.pairs.values()].some((pair) => pair.connection.name === connection);
  }

  private openConnection(id: number): void {
    // The first picture takes the element that is there; a later one comes up beneath it.
    const first = this.pairs.size === 0 && !this.video.srcObject;
    const video = first ? this.video : newVideo();
    if (!first) this.view.stage.prepend(video);
    const gauge = new Gauge(() => connection);
    const connection = new Connection(this.origin, this.name, {
      answered: () => this.take({ type: "offerAnswered", id }),
      refused: (refusal, reason) => {
        if (refusal === "ended") {
          this.take({ type: "sessionEnded", reason: reason || "The session has ended." });
        } else {
          this.take({ type: "offerRefused", id, refusal, reason });
        }
      },
      path: (path) => this.take({ type: "pathChanged", id, path }),
      stream: (stream) => this.play(id, video, stream),
      message: (message) => this.hear(id, message),
      channel: (open) => {
        if (open) gauge.ping();
      },
    });
    this.marks.note("offer", performance.now());
    this.pairs.set(id, { connection, video, gauge });
  }

  private play(id: number, video: HTMLVideoElement, stream: MediaStream): void {
    video.srcObject = stream;
    void video.play().catch(() => undefined);
    const shown = () => this.take({ type: "frameShown", id });
    if ("requestVideoFrameCallback" in video) video.requestVideoFrameCallback(shown);
    else (video as HTMLVideoElement).addEventListener("loadeddata", shown, { once: true });
    this.pairs.get(id)?.gauge.watch(video);
  }

  private closeConnection(id: number): void {
    const pair = this.pairs.get(id);
    if (!pair) return;
    this.pairs.delete(id);
    pair.gauge.close();
    pair.connection.close();
    if (pair.video.id === "video") {
      // The last picture stays to be seen, still, until there is another.
      return;
    }
    pair.video.srcObject = null;
    pair.video.remove();
  }

  private showPicture(id: number): void {
    const pair = this.pairs.get(id);
    if (!pair) return;
    const before = this.video;
    if (pair.video !== before) {
      before.removeAttribute("id");
      before.srcObject = null;
      before.remove();
      pair.video.id = "video";
    }
  }

  private openVnc(id: number): void {
    const target = make("div", { class: "vnc" });
    this.view.vnc.replaceChildren(target);
    const vnc = new Vnc(this.origin, this.name, target, {
      connected: () => this.take({ type: "vncConnected", id }),
      lost: (reason) => this.take({ type: "vncLost", id, reason }),
    });
    this.vncs.set(id, vnc);
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
    if (now.state === "live" && this.notice) {
      this.notice = "";
      this.view.renderControl(this.held, "");
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

  private get connection(): Connection | undefined {
    const id = this.state.shown?.id;
    return id === undefined ? undefined : this.pairs.get(id)?.connection;
  }

  private size(): { width: number; height: number } {
    const { videoWidth: width, videoHeight: height } = this.video;
    return this.display ?? { width, height };
  }

  private send(message: ToMachine): void {
    if (this.held !== false && !this.state.vnc) this.connection?.send(message);
  }

  /** Pointer and touch; noVNC has its own. */
  private point(message: ToMachine): void {
    if (!this.state.vnc) this.send(message);
  }

  private hear(id: number, message: FromGateway): void {
    this.pairs.get(id)?.gauge.hear(message);
    switch (message.type) {
      case "display.size":
        this.display = { width: message.widthPx, height: message.heightPx };
        return;
      case "control.held":
        // A connection that is only being tried says nothing about the one in use.
        if (this.state.shown && this.state.shown.id !== id && this.state.shown.healthy) return;
        this.held = message.held;
        this.view.renderControl(this.held, this.notice);
    }
  }

  private tick(): void {
    this.view.tick(this.state, performance.now());
    this.watchForPicture();
    this.beats += 1;
    const measuring = this.measured();
    void measuring
      ?.then((quality) => {
        this.quality = quality ?? this.quality;
        this.renderQuality();
      })
      .catch(() => undefined);
  }

  private measured(): Promise<Quality | null> | undefined {
    if (this.state.vnc?.connected) {
      return this.beats % REQUEST_EVERY === 1 ? measureByRequest(this.origin) : undefined;
    }
    const id = this.state.shown?.id;
    return id === undefined ? undefined : this.pairs.get(id)?.gauge.measure();
  }

  private renderQuality(): void {
    const { id } = this.state.shown ?? {};
    const pair = id === undefined ? undefined : this.pairs.get(id);
    this.view.renderQuality({
      quality: this.quality,
      told: pair?.gauge.meter.told ?? {},
      why: this.state.reason,
      session: this.steps,
      page: this.marks.all,
    });
  }

  /** Asks whether frames come in that the browser does not show. */
  private watchForPicture(): void {
    const { trying } = this.state;
    if (trying?.waitsFor !== "frame") return;
    const { id } = trying;
    void this.pairs
      .get(id)
      ?.connection.framesDecoded()
      .then((frames) => {
        // A page that nobody sees shows no frames: there, decoding one is all that can be had.
        const seen = document.visibilityState === "visible";
        if (frames > 0) this.take({ type: seen ? "frameDecoded" : "frameShown", id });
      })
      .catch(() => undefined);
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
    return this.state.vnc ? this.vncs.get(this.state.vnc.id) : undefined;
  }
}
