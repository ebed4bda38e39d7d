import { expect, it } from "vitest";
import { Freezes } from "./freezes";

/** Frames as (made, shown), in ms. */
function after(...frames: [madeMs: number, shownMs: number][]): number {
  const freezes = new Freezes();
  for (const [made, shown] of frames) freezes.shown((made * 90) % 2 ** 32, shown);
  return freezes.totalMs;
}

it("does not take a still screen for a freeze", () => {
  expect(after([0, 40], [33, 73], [9_000, 9_040], [60_000, 60_045])).toBe(0);
});

it("counts what a frame is late after the one before", () => {
  expect(after([0, 40], [33, 73], [66, 1_106], [99, 1_110], [132, 1_170])).toBe(1_000);
});

it("lets frames come a little unevenly", () => {
  expect(after([0, 40], [33, 200], [66, 210], [99, 250])).toBe(0);
});

it("goes on over the timestamp's end", () => {
  const wrap = 2 ** 32 / 90;
  expect(after([wrap - 20, 40], [wrap + 13, 73], [wrap + 46, 606])).toBeCloseTo(500, 0);
});

it("counts silence once, though the next frame is late as well", () => {
  const freezes = new Freezes();
  freezes.shown(0, 100);
  freezes.silent(1_000);
  freezes.silent(1_000);
  freezes.shown(33 * 90, 2_633);
  expect(freezes.totalMs).toBeCloseTo(2_500);
});

it("says nothing of the time in which nobody looked", () => {
  const freezes = new Freezes();
  freezes.shown(0, 0);
  freezes.interrupted();
  freezes.shown(33 * 90, 60_000);
  freezes.shown(0, 60_100);
  expect(freezes.totalMs).toBe(0);
});
