/** What getStats says, as far as it is needed. Pure. Names: W3C's webrtc-stats. */

import type { Rung } from "./messages";

export type Report = Record<string, unknown> & { type?: unknown; kind?: unknown };

/** Counters of the picture at one moment. */
export interface Sample {
  atMs: number;
  bytes: number;
  packets: number;
  lost: number;
  jitterS: number;
  decoded: number;
  dropped: number;
  bufferS: number;
  emitted: number;
  decodeS: number;
  widthPx: number;
  heightPx: number;
  codec: string;
  decoder: string;
}

/** Gives the picture's counters; null before there is a picture. */
export function sampleOf(all: readonly Report[]): Sample | null {
  const video = all.find(({ type, kind }) => type === "inbound-rtp" && kind === "video");
  if (!video) return null;
  const codec = all.find(({ id }) => id !== undefined && id === video.codecId);
  return {
    atMs: number(video.timestamp),
    bytes: number(video.bytesReceived),
    packets: number(video.packetsReceived),
    lost: number(video.packetsLost),
    jitterS: number(video.jitter),
    decoded: number(video.framesDecoded),
    dropped: number(video.framesDropped),
    bufferS: number(video.jitterBufferDelay),
    emitted: number(video.jitterBufferEmittedCount),
    decodeS: number(video.totalDecodeTime),
    widthPx: number(video.frameWidth),
    heightPx: number(video.frameHeight),
    codec: text(codec?.mimeType).replace("video/", ""),
    decoder: text(video.decoderImplementation),
  };
}

/** Gives the rung of the pair in use: how our end of it reaches the other. */
export function rungOf(all: readonly Report[]): Rung {
  const named = (id: unknown) => all.find((report) => id !== undefined && report.id === id);
  const transport = all.find(({ type }) => type === "transport");
  const chosen = ({ type, nominated, state }: Report) =>
    type === "candidate-pair" && nominated === true && state === "succeeded";
  const pair = named(transport?.selectedCandidatePairId) ?? all.find(chosen);
  const local = named(pair?.localCandidateId);
  if (local?.candidateType !== "relay") return local?.protocol === "tcp" ? "tcp" : "udp";
  if (local.relayProtocol === "tls") return "turn-tls";
  return local.relayProtocol === "tcp" ? "turn-tcp" : "turn-udp";
}

function number(value: unknown): number {
  return typeof value === "number" ? value : 0;
}

function text(value: unknown): string {
  return typeof value === "string" ? value : "";
}
