/** How good the picture is: figures from getStats and from the round trip of `input.ping`. */

export interface Quality {
  /** Milliseconds there and back over the input channel; null before the first answer. */
  roundTripMs: number | null;
  framesPerSecond: number;
  kbps: number;
  /** Per cent of the packets, over the last sample. */
  lossPercent: number;
  packetsLost: number;
  widthPx: number;
  heightPx: number;
  codec: string;
  jitterBufferMs: number;
  decodeMs: number;
}

interface Sample {
  atMs: number;
  bytes: number;
  frames: number;
  packets: number;
  lost: number;
  bufferS: number;
  emitted: number;
  decodeS: number;
  decoded: number;
}

type Report = Record<string, unknown> & { type?: unknown; kind?: unknown };

/** Turns one report after the other into figures a second. */
export class Meter {
  private last: Sample | null = null;

  measure(reports: Iterable<Report>, roundTripMs: number | null): Quality | null {
    const all = [...reports];
    const video = all.find((report) => report.type === "inbound-rtp" && report.kind === "video");
    if (!video) return null;
    const now = sampleOf(video);
    const before = this.last ?? now;
    this.last = now;
    const seconds = (now.atMs - before.atMs) / 1000;
    const lost = Math.max(now.lost - before.lost, 0);
    const packets = now.packets - before.packets + lost;
    const codec = all.find((report) => report.id === video.codecId);
    return {
      roundTripMs,
      framesPerSecond: ratio(now.frames - before.frames, seconds),
      kbps: Math.round(ratio((now.bytes - before.bytes) * 8, seconds) / 1000),
      lossPercent: ratio(lost * 100, packets),
      packetsLost: now.lost,
      widthPx: number(video.frameWidth),
      heightPx: number(video.frameHeight),
      codec: String(codec?.mimeType ?? "").replace("video/", ""),
      jitterBufferMs: ratio((now.bufferS - before.bufferS) * 1000, now.emitted - before.emitted),
      decodeMs: ratio((now.decodeS - before.decodeS) * 1000, now.decoded - before.decoded),
    };
  }
}

/** A word for the figures: people look at the word, support asks for the figures. */
export function grade(quality: Quality | null): "good" | "fair" | "poor" | "unknown" {
  if (!quality || quality.roundTripMs === null) return "unknown";
  if (quality.roundTripMs > 250 || quality.lossPercent > 5) return "poor";
  return quality.roundTripMs > 100 || quality.lossPercent > 1 ? "fair" : "good";
}

function sampleOf(video: Report): Sample {
  return {
    atMs: number(video.timestamp),
    bytes: number(video.bytesReceived),
    frames: number(video.framesDecoded),
    packets: number(video.packetsReceived),
    lost: number(video.packetsLost),
    bufferS: number(video.jitterBufferDelay),
    emitted: number(video.jitterBufferEmittedCount),
    decodeS: number(video.totalDecodeTime),
    decoded: number(video.framesDecoded),
  };
}

function number(value: unknown): number {
  return typeof value === "number" ? value : 0;
}

function ratio(amount: number, by: number): number {
  return by > 0 ? Math.round((amount / by) * 10) / 10 : 0;
}
