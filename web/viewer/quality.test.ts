import { expect, it } from "vitest";
import { grade, Meter } from "./quality";

const video = (timestamp: number, factor: number) => ({
  type: "inbound-rtp",
  kind: "video",
  timestamp,
  bytesReceived: 125_000 * factor,
  framesDecoded: 30 * factor,
  packetsReceived: 99 * factor,
  packetsLost: factor,
  frameWidth: 1280,
  frameHeight: 720,
});

it("gives figures a second between two reports", () => {
  const meter = new Meter();
  meter.measure([video(0, 1)], null);
  const quality = meter.measure([video(1000, 2)], 12);
  expect(quality).toMatchObject({ framesPerSecond: 30, kbps: 1000, lossPercent: 1 });
  expect(grade(quality)).toBe("good");
});

it("measures nothing without a picture", () => {
  expect(new Meter().measure([], 5)).toBeNull();
  expect(grade(null)).toBe("unknown");
});
