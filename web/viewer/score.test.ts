import { expect, it } from "vitest";
import { grade, type Impairments, opinion, rating, smoothed } from "./score";

const NOTHING: Impairments = { delayMs: 20, lossPercent: 0, frozen: 0, leftOut: 0, scale: 1 };
const score = (changed: Partial<Impairments>) => opinion(rating({ ...NOTHING, ...changed }));

it("gives five to a desktop as if it were local, and one to none", () => {
  expect(score({ delayMs: 0 })).toBe(5);
  expect(score({ delayMs: 20 })).toBeGreaterThan(4.9);
  expect(score({ delayMs: 60_000, frozen: 1 })).toBe(1);
  expect(opinion(-5)).toBe(1);
});

it.each<[string, Partial<Impairments>, string]>([
  ["a path across a continent", { delayMs: 120 }, "good"],
  ["a path around the world", { delayMs: 350, lossPercent: 0.5 }, "fair"],
  ["half a second", { delayMs: 500, lossPercent: 1 }, "fair"],
  ["a second and a half", { delayMs: 1_500 }, "poor"],
  ["four seconds", { delayMs: 4_000 }, "bad"],
  ["loss that is made good", { lossPercent: 2 }, "good"],
  ["a tenth of all packets lost", { lossPercent: 10 }, "fair"],
  ["a second of ten frozen", { frozen: 0.1 }, "fair"],
  ["a third of the time frozen", { frozen: 0.33 }, "bad"],
  ["every other frame left out", { leftOut: 0.5 }, "poor"],
  ["half the size", { scale: 0.5 }, "fair"],
  ["all at once", { delayMs: 800, lossPercent: 5, frozen: 0.05, leftOut: 0.2 }, "bad"],
])("judges %s", (_name, changed, expected) => {
  expect(grade(score(changed))).toBe(expected);
});

it("never gets better when something gets worse", () => {
  const steps: Partial<Record<keyof Impairments, number[]>> = {
    delayMs: [0, 50, 149, 150, 151, 999, 1_000, 2_000, 5_000, 9_000],
    lossPercent: [0, 0.1, 1, 5, 20, 100],
    frozen: [0, 0.01, 0.1, 0.5, 1],
    leftOut: [0, 0.01, 0.1, 0.5, 1],
    scale: [1, 0.9, 0.5, 0.25],
  };
  for (const [name, values] of Object.entries(steps)) {
    const scores = values.map((value) => score({ [name]: value }));
    expect(scores).toEqual([...scores].sort((a, b) => b - a));
    expect(Math.min(...scores)).toBeGreaterThanOrEqual(1);
  }
});

it("falls at once and rises slowly", () => {
  expect(smoothed(null, 3)).toBe(3);
  expect(smoothed(5, 1)).toBeCloseTo(1.8);
  expect(smoothed(1, 5)).toBeCloseTo(2.6);
});

it("has no word before there is a score", () => {
  expect(grade(null)).toBe("unknown");
});
