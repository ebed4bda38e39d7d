import { expect, it } from "vitest";
import { GatewayClock, Latency } from "./latency";

/** A gateway whose clock is ahead of ours by so much. */
const AHEAD_MS = 5_000_000;

function clockOf(...roundTrips: [sentMs: number, thereMs: number, backMs: number][]) {
  const clock = new GatewayClock();
  for (const [sent, there, back] of roundTrips) {
    clock.answered(sent, sent + there + back, sent + there + AHEAD_MS);
  }
  return clock;
}

it("learns the gateway's clock from the quickest ping", () => {
  // A queue on the way back made the first two late; the third was as quick there as back.
  const clock = clockOf([0, 10, 200], [1_000, 10, 90], [2_000, 10, 10], [3_000, 10, 60]);
  expect(clock.at(100)).toBe(100 + AHEAD_MS);
});

it("knows no clock before an answer, or from one that is none", () => {
  const clock = new GatewayClock();
  expect(clock.at(0)).toBeNull();
  clock.answered(10, 5, 100);
  clock.answered(0, 5, 0);
  expect(clock.at(0)).toBeNull();
});

it("adds the way of a frame and what the machine took before", () => {
  const latency = new Latency(clockOf([0, 10, 10]));
  latency.departed(90_000, { atMs: AHEAD_MS + 1_000, machineMs: 7 });
  latency.shown(87_000, 990);
  latency.shown(90_000, 1_030);
  expect(latency.median(1_100)).toBe(37);
});

it("does not mind whether the frame or its clock comes first", () => {
  const latency = new Latency(clockOf([0, 10, 10]));
  latency.shown(4_294_967_295, 1_040);
  latency.departed(4_294_967_295, { atMs: AHEAD_MS + 1_000, machineMs: 5 });
  expect(latency.median(1_100)).toBe(45);
});

it("gives the median of the last seconds only", () => {
  const latency = new Latency(clockOf([0, 10, 10]));
  for (const [index, way] of [500, 20, 30, 900, 40].entries()) {
    const left = 1_000 * index + 1_000;
    latency.find(left + way, { atMs: left + AHEAD_MS, machineMs: 0 });
  }
  expect(latency.median(5_100)).toBe(40);
  expect(latency.median(12_020)).toBe(35);
  expect(latency.median(14_000)).toBe(470);
  expect(latency.median(60_000)).toBeNull();
});

it("is never negative, and is not made bigger by a negative machine time", () => {
  const latency = new Latency(clockOf([0, 10, 10]));
  latency.find(1_000, { atMs: AHEAD_MS + 1_004, machineMs: -3 });
  expect(latency.median(1_000)).toBe(0);
});

it("forgets what never gets its other half", () => {
  const latency = new Latency(clockOf([0, 10, 10]));
  for (let rtp = 0; rtp < 10_000; rtp += 1) {
    latency.departed(rtp, { atMs: AHEAD_MS, machineMs: 0 });
    latency.shown(rtp + 20_000, rtp);
  }
  latency.shown(0, 10_000);
  expect(latency.median(10_000)).toBeNull();
  latency.shown(9_999, 10_000);
  expect(latency.median(10_000)).toBe(10_000);
});
