import { expect, it } from "vitest";
import type { Quality } from "./quality";
import { rows, summary, verdict } from "./quality-words";

const QUALITY: Quality = {
  score: 4.62,
  latencyMs: 48.2,
  roundTripMs: 3.26,
  jitterMs: 0.4,
  framesPerSecond: 0,
  framesDecoded: 10,
  framesDropped: 0,
  freezeMs: 1_240,
  kbps: 900,
  lossPercent: 0.5,
  packetsLost: 3,
  widthPx: 1280,
  heightPx: 720,
  codec: "VP8",
  decoder: "libvpx",
  jitterBufferMs: 3,
  decodeMs: 2,
  rung: "turn-tcp",
};

it("says it in a word and a figure", () => {
  expect(summary(null)).toBe("Measuring");
  expect(summary(QUALITY)).toBe("Good · 48 ms");
  expect(summary({ ...QUALITY, score: 1.2, latencyMs: null })).toBe("Bad · 3 ms");
  expect(verdict(QUALITY)).toBe("Good, 4.6 of 5. The desktop answers as if it were here.");
});

it("has a row for each figure, and says what is not known", () => {
  const told = { encoder: "vp8enc", encodeMs: 6.04, targetKbps: 1000, estimateKbps: 1400 };
  const all = Object.fromEntries(rows(QUALITY, told, "UDP does not get through."));
  expect(all).toEqual({
    Way: "WebRTC by a TURN server, over TCP. UDP does not get through.",
    "Delay, end to end": "48 ms",
    "Round trip": "3.3 ms",
    Jitter: "0.4 ms",
    Loss: "0.5 %",
    Frames: "0 a second (nothing moves)",
    Freezes: "1.2 s",
    "Bit rate": "900 kbit/s (1000 asked for, the path takes about 1400)",
    Resolution: "1280 × 720 VP8",
    Encoder: "vp8enc, 6 ms",
    Decoder: "libvpx, 2 ms",
  });
  expect(rows({ ...QUALITY, rung: "vnc" }, {}, "").map(([name]) => name)).toEqual([
    "Way",
    "Delay, end to end",
    "Round trip",
  ]);
});
