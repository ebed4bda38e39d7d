import { describe, expect, it } from "vitest";
import { decoderName, readChunk, textChunk } from "./chunks";

/** As `encode_chunk` of src/fanlight/wire/stream.py makes it, without the length. */
const FRAME = Uint8Array.from(
  [
    [2],
    [0, 0, 0, 7],
    [0xff, 0xff, 0xff, 0xfe],
    [1, 0],
    [5, 0],
    [2, 0xd0],
    [0x40, 0x8f, 0x40, 0, 0, 0, 0, 0],
    [0x41, 0x20, 0, 0],
    [9, 8, 7],
  ].flat(),
).buffer;

describe("a chunk", () => {
  it("says a frame with its head", () => {
    expect(readChunk(FRAME)).toEqual({
      kind: "frame",
      frame: {
        number: 7,
        rtp: 0xfffffffe,
        key: true,
        layer: 0,
        widthPx: 1280,
        heightPx: 720,
        atMs: 1000,
        machineMs: 10,
        picture: Uint8Array.of(9, 8, 7),
      },
    });
  });

  it("says a line as it was", () => {
    expect(readChunk(textChunk('{"a":"ü"}').buffer)).toEqual({ kind: "text", line: '{"a":"ü"}' });
  });

  it("is nothing else", () => {
    for (const bytes of [[], [0], [3, 1], [2, 0, 0]]) {
      expect(readChunk(Uint8Array.from(bytes).buffer)).toBeNull();
    }
  });
});

describe("the decoder's name", () => {
  it("is in the parameter set of an H.264 key frame", () => {
    const picture = Uint8Array.of(0, 0, 0, 1, 9, 16, 0, 0, 0, 1, 0x67, 0x42, 0xc0, 0x0d, 0xda, 5);
    expect(decoderName("h264", picture)).toBe("avc1.42c00d");
    expect(decoderName("h264", picture.subarray(0, 9))).toBeNull();
    expect(decoderName("vp8", picture)).toBe("vp8");
  });
});
