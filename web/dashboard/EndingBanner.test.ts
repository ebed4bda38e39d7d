import { expect, test } from "vitest";
import { leftOf } from "./EndingBanner";

test("what is left is shown as minutes and seconds, and never as less than nothing", () => {
  expect(leftOf(119_200)).toBe("2:00");
  expect(leftOf(61_000)).toBe("1:01");
  expect(leftOf(900)).toBe("0:01");
  expect(leftOf(-5_000)).toBe("0:00");
});
