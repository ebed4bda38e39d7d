import { expect, it } from "vitest";
import { fitted, toDisplay, Wheel, xButton } from "./pointer";

const BOX = { left: 100, top: 50, width: 800, height: 800 };
const DISPLAY = { width: 1280, height: 720 };

it("fits the picture into the middle of its box", () => {
  expect(fitted(BOX, DISPLAY)).toEqual({ left: 100, top: 225, width: 800, height: 450 });
});

it.each([
  [100, 225, 0, 0],
  [500, 450, 640, 360],
  [899.9, 674.9, 1279, 719],
  [0, 0, 0, 0],
  [2000, 2000, 1279, 719],
])("maps %d, %d of the page to %d, %d of the display", (clientX, clientY, x, y) => {
  expect(toDisplay({ clientX, clientY }, BOX, DISPLAY)).toEqual({ x, y });
});

it("gives the corner while there is no picture", () => {
  const nothing = { width: 0, height: 0 };
  expect(toDisplay({ clientX: 5, clientY: 5 }, BOX, nothing)).toEqual({ x: 0, y: 0 });
});

it("names buttons as X does", () => {
  expect([0, 1, 2, 3, 4, 5].map(xButton)).toEqual([1, 2, 3, 8, 9, null]);
});

it("adds small turns up to clicks, and starts anew the other way", () => {
  const wheel = new Wheel();
  expect(wheel.turn(0, 60, 0)).toEqual({ dx: 0, dy: 0 });
  expect(wheel.turn(0, 60, 0)).toEqual({ dx: 0, dy: 1 });
  expect(wheel.turn(0, -100, 0)).toEqual({ dx: 0, dy: -1 });
  expect(wheel.turn(0, 3, 1)).toEqual({ dx: 0, dy: 1 });
  expect(wheel.turn(2, 0, 2)).toEqual({ dx: 2, dy: 0 });
});
