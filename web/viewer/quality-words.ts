/** What the panel says of the quality. Pure. */

import type { Rung } from "./messages";
import type { Quality, Told } from "./quality";
import { type Grade, grade } from "./score";

export const GRADES: Record<Grade, string> = {
  good: "Good",
  fair: "Fair",
  poor: "Poor",
  bad: "Bad",
  unknown: "Measuring",
};

const MEANING: Record<Grade, string> = {
  good: "The desktop answers as if it were here.",
  fair: "It can be worked with, and the distance is felt.",
  poor: "It works, with waits that disturb.",
  bad: "Hardly usable.",
  unknown: "The first figures come in a moment.",
};

export const RUNG_WORDS: Record<Rung, string> = {
  udp: "WebRTC over UDP, direct",
  tcp: "WebRTC over TCP, direct",
  "turn-udp": "WebRTC by a TURN server, over UDP",
  "turn-tcp": "WebRTC by a TURN server, over TCP",
  "turn-tls": "WebRTC by a TURN server, over TLS",
  websocket: "the picture over a WebSocket",
  vnc: "noVNC over a WebSocket",
};

/** A word for the toolbar, and the figure that people ask for first. */
export function summary(quality: Quality | null): string {
  const word = GRADES[grade(quality?.score ?? null)];
  const trip = quality?.latencyMs ?? quality?.roundTripMs ?? null;
  return trip === null ? word : `${word} · ${Math.round(trip)} ms`;
}

export function verdict(quality: Quality | null): string {
  const score = quality?.score ?? null;
  const word = grade(score);
  const figure = score === null ? "" : `, ${score.toFixed(1)} of 5`;
  return `${GRADES[word]}${figure}. ${MEANING[word]}`;
}

type Row = [name: string, value: string];

/** Rows of the panel: name and value. `why`: the reason for the rung, a sentence or nothing. */
export function rows(quality: Quality | null, told: Told, why: string): Row[] {
  if (!quality) return [["Picture", "nothing measured yet"]];
  const way = RUNG_WORDS[quality.rung];
  const known: Row[] = [
    ["Way", why ? `${way}. ${why}` : way],
    ["Delay, end to end", ms(quality.latencyMs)],
    ["Round trip", ms(quality.roundTripMs)],
  ];
  return quality.rung === "vnc" ? known : [...known, ...pictureRows(quality, told)];
}

function pictureRows(quality: Quality, told: Told): Row[] {
  const { framesPerSecond, widthPx, heightPx, decoder, decodeMs } = quality;
  const still = framesPerSecond === 0 ? " (nothing moves)" : "";
  return [
    ["Jitter", ms(quality.jitterMs)],
    ["Loss", `${quality.lossPercent} %`],
    ["Frames", `${Math.round(framesPerSecond)} a second${still}`],
    ["Freezes", quality.freezeMs < 1 ? "none" : `${(quality.freezeMs / 1_000).toFixed(1)} s`],
    ["Bit rate", `${quality.kbps} kbit/s${wanted(told)}`],
    ["Resolution", `${widthPx} × ${heightPx} ${quality.codec}`.trim()],
    ["Encoder", told.encoder ? `${told.encoder}${took(told.encodeMs)}` : "not told"],
    ["Decoder", `${decoder || "the browser's own"}${took(decodeMs)}`],
  ];
}

function wanted({ targetKbps, estimateKbps, layer }: Told): string {
  const said = [
    targetKbps ? `${targetKbps} asked for` : "",
    estimateKbps ? `the path takes about ${estimateKbps}` : "",
    layer ? "smaller picture" : "",
  ].filter(Boolean);
  return said.length ? ` (${said.join(", ")})` : "";
}

function took(amountMs: number | undefined): string {
  return amountMs ? `, ${ms(amountMs)}` : "";
}

function ms(value: number | null): string {
  if (value === null) return "not known yet";
  return `${value < 10 ? Math.round(value * 10) / 10 : Math.round(value)} ms`;
}
