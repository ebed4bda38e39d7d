/** Runs a meter on one connection: pings, counters, frames as they are shown, reports. */

import type { FromGateway, Rung, ToMachine } from "./messages";
import { Meter, ofRoundTrip, type Quality } from "./quality";

/** A connection, as far as it is measured. */
export interface Measured {
  send(message: ToMachine): boolean;
  stats(): Promise<RTCStatsReport> | null;
}

/** A request that hangs on a dead path would keep others waiting for its connection. */
const REQUEST_MS = 4_000;
/** The gateway is told every other second. */
const REPORT_MS = 1_900;

export class Gauge {
  readonly meter = new Meter();
  private reportedMs = 0;
  private closed = false;

  constructor(
    private readonly of: () => Measured,
    /** Only for what is not WebRTC, which tells it by itself. */
    private readonly rung?: Rung,
  ) {
    this.meter.begin(performance.now());
  }

  hear(message: FromGateway): void {
    this.meter.hear(message, performance.now());
  }

  /** Asks for a sign of life. */
  ping(): void {
    const t = performance.now();
    if (this.of().send({ type: "input.ping", t })) this.meter.pinged(t);
  }

  /** Tells the meter of each frame that this element shows, until `close`. */
  watch(video: HTMLVideoElement): void {
    if (this.closed || !("requestVideoFrameCallback" in video)) return;
    // Not by `expectedDisplayTime`: Chromium repeats an old one, seconds off, now and then.
    video.requestVideoFrameCallback((now, { rtpTimestamp }) => {
      if (rtpTimestamp !== undefined) this.meter.shown(rtpTimestamp, now, performance.now());
      this.watch(video);
    });
  }

  /** A frame that brings its own clock was drawn just now. */
  drawn(frame: { rtp: number; atMs: number; machineMs: number }): void {
    this.meter.shownWithClock(frame.rtp, performance.now(), frame);
  }

  /** Asks the connection for its counters; about every second. */
  async measure(): Promise<Quality | null> {
    this.ping();
    const found = await this.of().stats();
    const reports: Record<string, unknown>[] = [];
    found?.forEach((report) => {
      reports.push(report);
    });
    const now = performance.now();
    const quality = this.meter.measure(reports, now, this.rung);
    if (!this.closed && now - this.reportedMs >= REPORT_MS) this.report(now);
    return quality;
  }

  /** Reports for the last time. */
  close(): void {
    if (this.closed) return;
    this.closed = true;
    this.report(performance.now());
  }

  private report(now: number): void {
    const figures = this.meter.report();
    if (figures && this.of().send({ type: "viewer.report", figures })) this.reportedMs = now;
  }
}

/** What can be known of noVNC, which has no ping: how long a small request takes. */
export async function measureByRequest(base: string): Promise<Quality> {
  const begun = performance.now();
  const signal = AbortSignal.timeout(REQUEST_MS);
  await fetch(new URL("healthz", base), { cache: "no-store", signal });
  return ofRoundTrip(performance.now() - begun);
}
