import { expect, it } from "vitest";
import { Meter, type Quality } from "./quality";
import { grade } from "./score";
import { type Report, rungOf } from "./stats";

/** The picture's counters after so many seconds of a steady 30 frames and 1 Mbit/s. */
function video(second: number, changed: Report = {}): Report {
  return {
    type: "inbound-rtp",
    kind: "video",
    timestamp: second * 1_000,
    bytesReceived: 125_000 * second,
    framesDecoded: 30 * second,
    packetsReceived: 100 * second,
    packetsLost: 0,
    frameWidth: 1280,
    frameHeight: 720,
    ...changed,
  };
}

/** A viewer that watches for so many seconds; each answer comes after `roundTripMs`. */
function watched(
  seconds: number,
  of: (second: number) => Report,
  roundTripMs: number | null = 20,
  meter = new Meter(),
): Quality {
  for (let second = 0; second <= seconds; second += 1) {
    const nowMs = second * 1_000;
    meter.pinged(nowMs);
    if (roundTripMs !== null) {
      meter.hear({ type: "input.pong", t: nowMs, atMs: 0 }, nowMs + roundTripMs);
    }
    meter.measure([of(second)], nowMs + 100);
  }
  if (!meter.quality) throw new Error("no figures");
  return meter.quality;
}

it("gives figures a second between two reports", () => {
  const lossy = (second: number) => video(second, { packetsLost: second });
  const quality = watched(2, lossy, 12);
  expect(quality).toMatchObject({ framesPerSecond: 30, kbps: 1000, roundTripMs: 12 });
  expect(quality.lossPercent).toBeCloseTo(1, 0);
  expect(grade(quality.score)).toBe("good");
});

it("measures nothing without a picture, and judges nothing without a round trip", () => {
  const meter = new Meter();
  expect(meter.measure([], 5)).toBeNull();
  expect(meter.report()).toBeNull();
  expect(watched(3, video, null).score).toBeNull();
});

it("judges a screen on which nothing moves by its round trip alone", () => {
  const still = (second: number) => video(second, { framesDecoded: 30, bytesReceived: 125_000 });
  const quality = watched(30, still);
  expect(quality).toMatchObject({ framesPerSecond: 0, freezeMs: 0 });
  expect(quality.score).toBeGreaterThan(4.8);
  expect(grade(watched(30, still, 900).score)).toBe("poor");
});

it("counts a while without answers as a freeze", () => {
  const meter = new Meter();
  watched(20, video, 20, meter);
  const gone = meter.quality;
  for (let second = 21; second <= 26; second += 1) {
    meter.pinged(second * 1_000);
    meter.measure([video(20, { timestamp: second * 1_000 })], second * 1_000 + 100);
  }
  expect(gone?.freezeMs).toBe(0);
  expect(meter.quality?.freezeMs).toBe(5_000);
  expect(grade(meter.quality?.score ?? null)).toBe("bad");
});

it("counts bytes of which no picture is made as a freeze", () => {
  const undecoded = (second: number) => video(second, { framesDecoded: Math.min(second, 10) });
  expect(watched(13, undecoded).freezeMs).toBe(3_000);
});

it("does not count what nobody looked at", () => {
  const meter = new Meter();
  watched(5, video, 20, meter);
  meter.pinged(6_000);
  meter.interrupted();
  meter.measure([video(5, { timestamp: 70_000 })], 70_000);
  meter.pinged(70_000);
  meter.measure([video(5, { timestamp: 71_000 })], 71_000);
  expect(meter.quality?.freezeMs).toBe(0);
});

it("knows how old the picture is, and prefers that to the round trip", () => {
  const meter = new Meter();
  meter.hear({ type: "input.pong", t: 0, atMs: 500_010 }, 20);
  meter.hear({ type: "picture.clock", rtp: 77, atMs: 500_100, machineMs: 30 }, 125);
  meter.shown(77, 700);
  meter.measure([video(0)], 800);
  const quality = meter.measure([video(1)], 1_800);
  expect(quality?.latencyMs).toBe(630);
  expect(grade(quality?.score ?? null)).toBe("fair");
});

it("judges frames that the gateway left out, and a picture that was made smaller", () => {
  const score = (skipped: number, frameWidth: number) => {
    const meter = new Meter();
    meter.hear({ type: "display.size", widthPx: 1280, heightPx: 720 }, 0);
    for (let second = 0; second < 10; second += 1) {
      meter.hear({ type: "input.pong", t: second, atMs: 0 }, second + 20);
      meter.hearOf({ framesSkipped: skipped * second });
      meter.measure([video(second, { frameWidth })], second * 1_000);
    }
    return meter.quality?.score ?? 0;
  };
  expect(score(0, 1280)).toBeGreaterThan(4.8);
  expect(grade(score(60, 1280))).toBe("poor");
  expect(grade(score(0, 640))).toBe("fair");
});

it("reports what the gateway's limits take", () => {
  const meter = new Meter();
  watched(3, video, 20.04, meter);
  expect(meter.report()).toEqual({
    rung: "udp",
    framesDecoded: 90,
    framesDropped: 0,
    freezeMs: 0,
    framesPerS: 30,
    kbps: 1000,
    lossPercent: 0,
    jitterMs: 0,
    roundTripMs: 20,
    latencyMs: 0,
    score: 5,
    firstFrameMs: 0,
  });
});

it("times the first frame from when the connection was asked for", () => {
  const meter = new Meter();
  meter.begin(1_000);
  meter.shown(90_000, 1_431);
  meter.shown(93_000, 1_464);
  watched(3, video, 20.04, meter);
  expect(meter.report()?.firstFrameMs).toBe(431);
});

it.each([
  [{ candidateType: "host", protocol: "udp" }, "udp"],
  [{ candidateType: "prflx", protocol: "tcp" }, "tcp"],
  [{ candidateType: "relay", protocol: "udp", relayProtocol: "udp" }, "turn-udp"],
  [{ candidateType: "relay", protocol: "udp", relayProtocol: "tcp" }, "turn-tcp"],
  [{ candidateType: "relay", protocol: "udp", relayProtocol: "tls" }, "turn-tls"],
] as const)("reads the rung of %o", (local, rung) => {
  const pair = { type: "candidate-pair", id: "P", localCandidateId: "L" };
  const all: Report[] = [
    { type: "local-candidate", id: "other", candidateType: "relay", relayProtocol: "tls" },
    { ...local, type: "local-candidate", id: "L" },
    { ...pair, nominated: true, state: "succeeded" },
  ];
  expect(rungOf(all)).toBe(rung);
  const transport = { type: "transport", selectedCandidatePairId: "P" };
  expect(rungOf([{ ...pair, id: "Q", localCandidateId: "other" }, ...all, transport])).toBe(rung);
});
