import { expect, it } from "vitest";
import { pieces, read } from "./messages";

it("reads the gateway's messages and nothing else", () => {
  expect(read('{"type":"input.pong","t":5}')).toEqual({ type: "input.pong", t: 5, atMs: 0 });
  expect(read('{"type":"display.size","widthPx":1280,"heightPx":720}')).toMatchObject({
    widthPx: 1280,
  });
  expect(read('{"type":"picture.clock","rtp":9,"atMs":2.5,"machineMs":7}')).toMatchObject({
    rtp: 9,
  });
  const bad = [
    '{"type":"picture.clock","rtp":9,"atMs":2.5}',
    '{"type":"picture.clock","rtp":1e999,"atMs":2.5,"machineMs":7}',
    "",
    "null",
    "[]",
    '{"type":"input.pong"}',
    '{"type":"display.size","widthPx":-1}',
    7,
  ];
  expect(bad.map(read)).toEqual(bad.map(() => null));
});

it("cuts long texts, never through a character", () => {
  expect(pieces("ab😀c", 3)).toEqual(["ab", "😀c"]);
  expect(pieces("", 3)).toEqual([]);
});
