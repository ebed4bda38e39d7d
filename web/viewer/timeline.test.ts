import { expect, it } from "vitest";
import { Marks, spansOf, stepsOf } from "./timeline";

it("draws each step from the one before it to itself", () => {
  const spans = spansOf([
    { name: "media", text: "The picture comes", atMs: 800 },
    { name: "offer", text: "Asked", atMs: 200 },
    { name: "first_frame", text: "Shown", atMs: 1_000 },
  ]);
  expect(spans.map(({ name, tookMs, from, length }) => [name, tookMs, from, length])).toEqual([
    ["offer", 200, 0, 0.2],
    ["media", 600, 0.2, 0.6],
    ["first_frame", 200, 0.8, 0.2],
  ]);
  expect(spansOf([])).toEqual([]);
  expect(spansOf([{ name: "a", text: "a", atMs: 0 }])[0]).toMatchObject({ from: 0, length: 0 });
});

it("takes of a session what is a timeline and nothing else", () => {
  expect(stepsOf(null)).toEqual([]);
  expect(stepsOf({ timeline: "x" })).toEqual([]);
  const timeline = [null, 7, {}, { name: "a", atMs: -1 }, { name: "b", atMs: 5 }, { atMs: 5 }];
  expect(stepsOf({ timeline })).toEqual([{ name: "b", text: "b", atMs: 5 }]);
  const many = Array.from({ length: 1_000 }, (_, atMs) => ({ name: "x", text: "x", atMs }));
  expect(stepsOf({ timeline: many })).toHaveLength(60);
});

it("leaves out the steps of all viewers but the first", () => {
  const steps = ["", "one", "two", "one"].map((connectionId, atMs) => ({
    name: "x",
    text: "x",
    atMs,
    connectionId: connectionId || null,
  }));
  expect(stepsOf({ timeline: steps }).map(({ atMs }) => atMs)).toEqual([0, 1, 3]);
});

it("marks what happens in the page until its first picture, once each", () => {
  const marks = new Marks();
  marks.begin(1_000);
  marks.note("offer", 1_010);
  marks.note("offer", 1_500);
  marks.note("picture", 1_400);
  marks.note("path", 1_600);
  expect(marks.all.map(({ name, atMs }) => [name, atMs])).toEqual([
    ["offer", 10],
    ["picture", 400],
  ]);
  marks.begin(5_000);
  expect(marks.all).toEqual([]);
});
