/** How good the picture is: figures of one connection, gathered from all that can say something. */

import { Freezes } from "./freezes";
import { GatewayClock, Latency } from "./latency";
import type { FromGateway, Rung, ViewerFigures } from "./messages";
import { opinion, rating, smoothed } from "./score";
import { type Report, rungOf, type Sample, sampleOf } from "./stats";

export interface Quality {
  /** 1 (unusable) to 5 (as if local); null while too little is known. */
  score: number | null;
  /** From reading the machine's display to showing it here, in ms; null: not known. */
  latencyMs: number | null;
  /** Milliseconds there and back; null before the first answer. */
  roundTripMs: number | null;
  jitterMs: number;
  framesPerSecond: number;
  framesDecoded: number;
  framesDropped: number;
  /** Without a new frame though there was one to show, since the connection began. */
  freezeMs: number;
  kbps: number;
  /** Per cent of the packets, over the last seconds. */
  lossPercent: number;
  packetsLost: number;
  widthPx: number;
  heightPx: number;
  codec: string;
  decoder: string;
  jitterBufferMs: number;
  decodeMs: number;
  rung: Rung;
}

/** What the gateway and the machine say of a connection (the event `quality`), as far as known. */
export interface Told {
  encoder?: string;
  encodeMs?: number;
  targetKbps?: number;
  estimateKbps?: number;
  layer?: number;
  /** Left out by the gateway, since the connection began. */
  framesSkipped?: number;
}

/** Gives what an event `quality` says, and of which connection. */
export function toldOf(data: unknown): { connection: string; told: Told } {
  const { connectionId, encoder, ...rest } = (data ?? {}) as Record<string, unknown>;
  const told: Record<string, unknown> = typeof encoder === "string" ? { encoder } : {};
  for (const name of TOLD) {
    if (typeof rest[name] === "number") told[name] = rest[name];
  }
  return { connection: typeof connectionId === "string" ? connectionId : "", told };
}

const TOLD = [
  "encodeMs",
  "targetKbps",
  "estimateKbps",
  "layer",
  "framesSkipped",
] as const satisfies readonly (keyof Told)[];

/** What is judged at once. */
const WINDOW_MS = 10_000;
/** A ping that is not answered for so long, or for four round trips, says that nothing comes. */
const OVERDUE_MS = 1_000;
const OVERDUE_TRIPS = 4;
/** Pings of which the round trip is the median. */
const TRIPS = 5;
/** Bytes in a second of which no picture is made: more than feedback and probing leave. */
const WORTH_A_FRAME = 1_500;

interface Moment extends Sample {
  freezeMs: number;
  framesSkipped: number;
}

/** Measures one connection. Times come in, in ms of `performance.now()`. */
export class Meter {
  private readonly clock = new GatewayClock();
  private readonly latency = new Latency(this.clock);
  private readonly freezes = new Freezes();
  private readonly trips: number[] = [];
  private readonly unanswered: number[] = [];
  private moments: Moment[] = [];
  private score: number | null = null;
  private displayWidthPx = 0;
  private lastMs: number | null = null;
  private begunMs: number | null = null;
  private firstFrameMs = 0;
  /** What gateway and machine said of it last. */
  told: Told = {};
  /** The newest figures; null before there is a picture. */
  quality: Quality | null = null;

  /** The connection is asked for now: its first frame is timed from here. */
  begin(nowMs: number): void {
    this.begunMs = nowMs;
  }

  /** A ping was sent. */
  pinged(nowMs: number): void {
    this.unanswered.push(nowMs);
    if (this.unanswered.length > TRIPS) this.unanswered.shift();
  }

  /** Takes what the gateway said over this connection. */
  hear(message: FromGateway, nowMs: number): void {
    switch (message.type) {
      case "input.pong":
        this.clock.answered(message.t, nowMs, message.atMs);
        this.trip(nowMs - message.t);
        while ((this.unanswered[0] ?? Number.POSITIVE_INFINITY) <= message.t) {
          this.unanswered.shift();
        }
        return;
      case "picture.clock":
        this.latency.departed(message.rtp, message);
        return;
      case "display.size":
        this.displayWidthPx = message.widthPx;
    }
  }

  /** A round trip that was measured in another way than by a ping. */
  trip(roundTripMs: number): void {
    this.trips.push(roundTripMs);
    if (this.trips.length > TRIPS) this.trips.shift();
  }

  /** Takes what gateway and machine say of this connection. */
  hearOf(told: Told): void {
    this.told = told;
  }

  /**
   * A frame was shown; `rtp` is its timestamp in 1/90000 s. `atMs` is when the browser began to
   * draw, which is even; `seenMs` when it was drawn at the earliest.
   */
  shown(rtp: number, atMs: number, seenMs = atMs): void {
    this.noteFirst(atMs);
    this.freezes.shown(rtp, atMs);
    this.latency.shown(rtp, seenMs);
  }

  /** A frame was shown that brought its own clock. */
  shownWithClock(rtp: number, atMs: number, left: { atMs: number; machineMs: number }): void {
    this.noteFirst(atMs);
    this.freezes.shown(rtp, atMs);
    this.latency.find(atMs, left);
  }

  /** The page was hidden or came back: what was between says nothing. */
  interrupted(): void {
    this.freezes.interrupted();
    this.unanswered.length = 0;
    this.lastMs = null;
  }

  /** Takes a report of getStats (or of a stream, which has the same names), about every second. */
  measure(reports: Iterable<Report>, nowMs: number, rung?: Rung): Quality | null {
    const all = [...reports];
    const sample = sampleOf(all);
    if (!sample) return null;
    const before = this.moments.at(-1) ?? null;
    this.countSilence(sample, before, nowMs);
    const { framesSkipped = 0 } = this.told;
    const moment = { ...sample, freezeMs: this.freezes.totalMs, framesSkipped };
    this.moments = this.moments.filter(({ atMs }) => sample.atMs - atMs <= WINDOW_MS);
    this.moments.push(moment);
    this.quality = this.figures(moment, before ?? moment, rung ?? rungOf(all), nowMs);
    return this.quality;
  }

  /** What `viewer.report` says. */
  report(): ViewerFigures | null {
    const { quality } = this;
    if (!quality) return null;
    return {
      rung: quality.rung,
      framesDecoded: quality.framesDecoded,
      framesDropped: quality.framesDropped,
      freezeMs: Math.round(quality.freezeMs),
      framesPerS: quality.framesPerSecond,
      kbps: quality.kbps,
      lossPercent: quality.lossPercent,
      jitterMs: quality.jitterMs,
      roundTripMs: rounded(quality.roundTripMs ?? 0),
      latencyMs: rounded(quality.latencyMs ?? 0),
      score: rounded(quality.score ?? 0),
      firstFrameMs: rounded(this.firstFrameMs),
    };
  }

  private noteFirst(atMs: number): void {
    if (this.firstFrameMs === 0 && this.begunMs !== null) {
      this.firstFrameMs = Math.max(atMs - this.begunMs, 0.1);
    }
  }

  private countSilence(now: Sample, before: Moment | null, nowMs: number): void {
    const sinceMs = this.lastMs === null ? 0 : nowMs - this.lastMs;
    this.lastMs = nowMs;
    const [oldest] = this.unanswered;
    const patience = Math.max(OVERDUE_MS, OVERDUE_TRIPS * (median(this.trips) ?? 0));
    const overdue = oldest !== undefined && nowMs - oldest > patience;
    const bytes = before ? now.bytes - before.bytes : 0;
    const undecoded = before?.decoded === now.decoded && bytes > WORTH_A_FRAME;
    if (overdue || undecoded) this.freezes.silent(sinceMs);
  }

  private figures(now: Moment, before: Moment, rung: Rung, nowMs: number): Quality {
    const seconds = (now.atMs - before.atMs) / 1_000;
    const first = this.moments[0] ?? now;
    const lost = Math.max(now.lost - first.lost, 0);
    const emitted = now.emitted - before.emitted;
    const figures = {
      score: null,
      latencyMs: this.latency.median(nowMs),
      roundTripMs: median(this.trips),
      jitterMs: rounded(now.jitterS * 1_000),
      framesPerSecond: ratio(now.decoded - before.decoded, seconds),
      framesDecoded: now.decoded,
      framesDropped: now.dropped,
      freezeMs: now.freezeMs,
      kbps: Math.round(ratio((now.bytes - before.bytes) * 8, seconds) / 1_000),
      lossPercent: ratio(lost * 100, now.packets - first.packets + lost),
      packetsLost: now.lost,
      widthPx: now.widthPx,
      heightPx: now.heightPx,
      codec: now.codec,
      decoder: now.decoder,
      jitterBufferMs: ratio((now.bufferS - before.bufferS) * 1_000, emitted),
      decodeMs: ratio((now.decodeS - before.decodeS) * 1_000, now.decoded - before.decoded),
      rung,
    };
    return { ...figures, score: this.judge(figures, now, first) };
  }

  private judge(figures: Quality, now: Moment, first: Moment): number | null {
    const delayMs = delayOf(figures);
    if (delayMs === null) return this.score;
    const windowMs = now.atMs - first.atMs;
    const r = rating({
      delayMs,
      lossPercent: figures.lossPercent,
      frozen: windowMs > 0 ? Math.min((now.freezeMs - first.freezeMs) / windowMs, 1) : 0,
      leftOut: leftOut(now, first),
      scale: this.displayWidthPx && now.widthPx ? now.widthPx / this.displayWidthPx : 1,
    });
    this.score = smoothed(this.score, opinion(r));
    return this.score;
  }
}

/** Gives what is known of noVNC: nothing but the time of a request there and back. */
export function ofRoundTrip(roundTripMs: number): Quality {
  const judged = { delayMs: roundTripMs, lossPercent: 0, frozen: 0, leftOut: 0, scale: 1 };
  return {
    score: opinion(rating(judged)),
    latencyMs: null,
    roundTripMs,
    jitterMs: 0,
    framesPerSecond: 0,
    framesDecoded: 0,
    framesDropped: 0,
    freezeMs: 0,
    kbps: 0,
    lossPercent: 0,
    packetsLost: 0,
    widthPx: 0,
    heightPx: 0,
    codec: "",
    decoder: "",
    jitterBufferMs: 0,
    decodeMs: 0,
    rung: "vnc",
  };
}

/** From hand to eye: a way to the machine, and what the picture takes from there. */
function delayOf({ latencyMs, roundTripMs, ...rest }: Quality): number | null {
  if (latencyMs !== null) return latencyMs + (roundTripMs ?? 0) / 2;
  if (roundTripMs === null) return null;
  return roundTripMs + 2 * rest.jitterMs + rest.jitterBufferMs + rest.decodeMs;
}

/** The share of frames left out on the way: by the gateway, and by the browser. */
function leftOut(now: Moment, first: Moment): number {
  const skipped = Math.max(now.framesSkipped - first.framesSkipped, 0);
  const dropped = Math.max(now.dropped - first.dropped, 0);
  const decoded = Math.max(now.decoded - first.decoded, 0);
  const kept = (1 - share(skipped, decoded)) * (1 - share(dropped, decoded));
  return 1 - kept;
}

function share(missing: number, there: number): number {
  return missing > 0 ? missing / (missing + there) : 0;
}

function median(values: readonly number[]): number | null {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[sorted.length >> 1] ?? null;
}

function ratio(amount: number, by: number): number {
  return by > 0 ? rounded(amount / by) : 0;
}

function rounded(value: number): number {
  return Math.round(value * 10) / 10;
}
