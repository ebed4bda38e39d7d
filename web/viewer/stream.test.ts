import { describe, expect, it } from "vitest";
import { Stream, type StreamHeard } from "./stream";

describe("a stream", () => {
  it("says so where the browser has no WebCodecs", async () => {
    let resolve: (words: unknown[]) => void = () => undefined;
    const promise = new Promise<unknown[]>((done) => {
      resolve = done;
    });
    const heard: StreamHeard = {
      answered: () => resolve(["answered"]),
      refused: (...words) => resolve(words),
      path: (...words) => resolve(words),
      message: (...words) => resolve(words),
      channel: (...words) => resolve(words),
      drawn: (...words) => resolve(words),
    };
    const canvas = document.createElement("canvas");
    const stream = new Stream("https://desk.example.org/", "id", canvas, heard);
    expect(await promise).toEqual(["rejected", expect.any(String), "codec-unsupported"]);
    expect(stream.send({ type: "input.release" })).toBe(false);
    expect(stream.name).toBe("");
    stream.close();
  });
});
