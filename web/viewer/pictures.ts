/** What is open: for each connection that the machine holds, its link and the element of its picture. */

import type { CauseCode } from "./causes";
import type { EncodedFrame } from "./chunks";
import { Connection } from "./connection";
import { make, newVideo } from "./dom";
import { Gauge } from "./gauge";
import type { Event as MachineEvent, PathState, Try, Way } from "./machine";
import type { FromGateway, ToMachine } from "./messages";
import { type Report, rungOf } from "./stats";
import { Stream, type StreamHeard } from "./stream";
import { Vnc } from "./vnc";
import type { Watched } from "./watch";

const REQUEST_MS = 1_000;

/** One way to a picture, open. */
export interface Picture extends Watched {
  readonly id: number;
  readonly way: Way;
  readonly element: HTMLElement;
  readonly link: Connection | Stream | Vnc;
  readonly gauge: Gauge | null;
  /** Whether the gateway takes its input; null before it said so. */
  held: boolean | null;
}

export interface Place {
  /** Where the API is, as an absolute address that ends in a slash. */
  readonly base: string;
  /** The session's id as a part of an address. */
  readonly session: string;
}

export interface Told {
  take(event: MachineEvent): void;
  message(picture: Picture, message: FromGateway): void;
}

export class Pictures {
  private readonly open = new Map<number, Picture>();
  private shownId: number | null = null;
  private element: HTMLElement | null = null;

  constructor(
    private readonly stage: HTMLElement,
    private readonly vncs: HTMLElement,
    private readonly place: () => Place,
    private readonly told: Told,
  ) {}

  get all(): Picture[] {
    return [...this.open.values()];
  }

  /** The element that is seen; it stays, still, after its connection is closed. */
  get seen(): HTMLElement | null {
    return this.element;
  }

  get shown(): Picture | undefined {
    return this.shownId === null ? undefined : this.open.get(this.shownId);
  }

  get(id: number | undefined): Picture | undefined {
    return id === undefined ? undefined : this.open.get(id);
  }

  /** Opens a connection; its picture comes up beneath the one that is seen. */
  add(way: Way, id: number): void {
    const by = { webrtc: () => this.byWebrtc(id), websocket: () => this.byStream(id) };
    this.open.set(id, way === "vnc" ? this.byVnc(id) : by[way]());
    this.renderVnc();
  }

  close(id: number): void {
    const picture = this.open.get(id);
    if (!picture) return;
    this.open.delete(id);
    picture.gauge?.close();
    picture.link.close();
    const isSeen = picture.element === this.element;
    if (!isSeen || picture.way === "vnc") picture.element.remove();
    if (isSeen && picture.way === "vnc") this.element = null;
    if (this.shownId === id) this.shownId = null;
    this.renderVnc();
  }

  show(id: number): void {
    const picture = this.open.get(id);
    if (!picture) return;
    const before = this.element;
    this.shownId = id;
    this.element = picture.element;
    if (before && before !== picture.element) {
      before.removeAttribute("id");
      if (before instanceof HTMLVideoElement) before.srcObject = null;
      before.remove();
    }
    if (picture.way === "webrtc") picture.element.id = "video";
    this.remember(picture);
    this.renderVnc();
    if (picture.way === "webrtc") void this.findRung(picture).catch(() => undefined);
  }

  /** Sends input by a connection of ours that holds control: at a change it is the old or the new. */
  send(message: ToMachine): boolean {
    const { shown } = this;
    const holds = this.all.find(({ held }) => held === true);
    const picture = shown && shown.held !== false ? shown : holds;
    return picture && !(picture.link instanceof Vnc) ? picture.link.send(message) : false;
  }

  /** Whether input is taken from this viewer, over whichever connection; null: not known yet. */
  get held(): boolean | null {
    const said = this.all.map(({ held }) => held).filter((held) => held !== null);
    return said.length === 0 ? null : said.includes(true);
  }

  /** Gives the picture of the connection that the API calls so. */
  named(connection: string): Picture | undefined {
    return this.all.find(({ link }) => nameOf(link) === connection);
  }

  /** Asks whether frames come in over what is tried that the browser does not show. */
  async lookForFrames(tried: Try | null): Promise<void> {
    const link = tried?.waitsFor === "frame" ? this.open.get(tried.id)?.link : undefined;
    if (!tried || !(link instanceof Connection) || (await link.framesDecoded()) === 0) return;
    // A page that nobody sees shows no frames: there, decoding one is all that can be had.
    const seen = document.visibilityState === "visible";
    this.told.take({ type: seen ? "frameDecoded" : "frameShown", id: tried.id });
  }

  /**
   * The connection that a new one belongs with: the one that is shown, one that is being tried (both
   * are one viewer, and control goes to whichever shows a picture), or that before a reload.
   */
  private get replaces(): string {
    const tried = this.all.map(({ link }) => nameOf(link)).find((name) => name !== "");
    return (this.shown && nameOf(this.shown.link)) || tried || recalled(this.place().session);
  }

  private remember({ link }: Picture): void {
    const name = nameOf(link);
    if (name) keep(this.place().session, name);
  }

  private byWebrtc(id: number): Picture {
    const { base, session } = this.place();
    const video = newVideo();
    this.stage.prepend(video);
    const gauge = new Gauge(() => link);
    const heard = {
      ...this.ears(id),
      hint: (cause: CauseCode) => this.told.take({ type: "hinted", id, cause }),
      path: (path: PathState) => this.told.take({ type: "pathChanged", id, path }),
      stream: (stream: MediaStream) => this.play(id, video, stream),
    };
    const link = new Connection(base, session, heard, this.replaces);
    return {
      ...{ id, way: "webrtc", element: video, link, gauge, held: null, heardMs: 0 },
      ping: () => gauge.ping(),
      received: () => link.packetsReceived(),
    };
  }

  private byStream(id: number): Picture {
    const { base, session } = this.place();
    const canvas = make("canvas", { class: "picture", "aria-label": "The desktop" });
    this.stage.prepend(canvas);
    const gauge = new Gauge(() => link, "websocket");
    const { take } = this.told;
    const heard = {
      ...this.ears(id),
      path: (path: PathState, cause?: CauseCode) =>
        take({ type: "pathChanged", id, path, ...(cause && { cause }) }),
      drawn: (frame: EncodedFrame) => {
        gauge.meter.shownWithClock(frame.rtp, performance.now(), frame);
        if (this.shownId !== id) take({ type: "frameShown", id });
      },
    };
    const link = new Stream(base, session, canvas, heard, this.replaces);
    return {
      ...{ id, way: "websocket", element: canvas, link, gauge, held: null, heardMs: 0 },
      ping: () => gauge.ping(),
      received: () => link.packetsReceived(),
    };
  }

  private byVnc(id: number): Picture {
    const { base, session } = this.place();
    const target = make("div", { class: "vnc" });
    this.vncs.append(target);
    const link = new Vnc(base, session, target, {
      connected: () => this.told.take({ type: "frameShown", id }),
      lost: () => this.told.take({ type: "pathChanged", id, path: "failed" }),
    });
    const asked = new Requests(base);
    return {
      ...{ id, way: "vnc", element: target, link, gauge: null, held: null, heardMs: 0 },
      ping: () => asked.ask((atMs) => this.heard(id, atMs)),
      received: async () => 0,
    };
  }

  /** A noVNC that is not shown yet must not cover the picture that is; it needs its place, though. */
  private renderVnc(): void {
    const vncs = this.all.filter(({ way }) => way === "vnc");
    this.vncs.hidden = vncs.length === 0;
    const isShown = this.shown?.way === "vnc";
    this.vncs.classList.toggle("beneath", !isShown);
    for (const { id, element } of vncs) element.classList.toggle("beneath", id !== this.shownId);
  }

  /** What WebRTC connections and streams have in common. */
  private ears(id: number): Pick<StreamHeard, "answered" | "refused" | "message" | "channel"> {
    const { take } = this.told;
    return {
      answered: () => take({ type: "offerAnswered", id }),
      refused: (refusal, reason, cause) => {
        if (refusal === "ended") take({ type: "sessionEnded", reason });
        else take({ type: "offerRefused", id, refusal, reason, ...(cause && { cause }) });
      },
      message: (message: FromGateway) => this.hear(id, message),
      channel: (open: boolean) => {
        if (open) this.open.get(id)?.gauge?.ping();
      },
    };
  }

  private hear(id: number, message: FromGateway): void {
    const picture = this.open.get(id);
    if (!picture) return;
    this.heard(id, performance.now());
    picture.gauge?.hear(message);
    if (message.type === "control.held") picture.held = message.held;
    this.told.message(picture, message);
  }

  private heard(id: number, atMs: number): void {
    const picture = this.open.get(id);
    if (picture) picture.heardMs = atMs;
  }

  private play(id: number, video: HTMLVideoElement, stream: MediaStream): void {
    video.srcObject = stream;
    void video.play().catch(() => undefined);
    const shown = () => this.told.take({ type: "frameShown", id });
    if ("requestVideoFrameCallback" in video) video.requestVideoFrameCallback(shown);
    else (video as HTMLVideoElement).addEventListener("loadeddata", shown, { once: true });
    this.open.get(id)?.gauge?.watch(video);
  }

  private async findRung({ id, link }: Picture): Promise<void> {
    if (!(link instanceof Connection)) return;
    const reports: Report[] = [];
    (await link.stats())?.forEach((report) => {
      reports.push(report);
    });
    this.told.take({ type: "rungFound", id, rung: rungOf(reports) });
  }
}

function nameOf(link: Picture["link"]): string {
  return link instanceof Vnc ? "" : link.name;
}

/** What is asked about noVNC, which has no ping: whether its server answers a small request. */
class Requests {
  private askedMs = Number.NEGATIVE_INFINITY;

  constructor(private readonly base: string) {}

  ask(heard: (atMs: number) => void): void {
    const now = performance.now();
    if (now - this.askedMs < REQUEST_MS) return;
    this.askedMs = now;
    const signal = AbortSignal.timeout(REQUEST_MS * 2);
    fetch(new URL("healthz", this.base), { cache: "no-store", signal })
      .then(() => heard(performance.now()))
      .catch(() => undefined);
  }
}

/** The name of a tab's last connection outlives a reload, so that control comes back with it. */
const KEY = "fanlight-connection ";

function keep(session: string, name: string): void {
  try {
    sessionStorage.setItem(KEY + session, name);
  } catch {
    // A page may be denied its storage: then a reload makes a new viewer.
  }
}

function recalled(session: string): string {
  try {
    return sessionStorage.getItem(KEY + session) ?? "";
  } catch {
    return "";
  }
}
