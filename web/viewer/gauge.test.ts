import { afterEach, expect, it, vi } from "vitest";
import { measureByRequest } from "./gauge";

afterEach(() => vi.unstubAllGlobals());

it("gives a request up that hangs on a dead path", async () => {
  const limits: number[] = [];
  vi.stubGlobal("AbortSignal", {
    timeout: (ms: number) => {
      limits.push(ms);
      const dead = new AbortController();
      dead.abort(new Error("too late"));
      return dead.signal;
    },
  });
  vi.stubGlobal("fetch", (_: URL, { signal }: RequestInit) => {
    signal?.throwIfAborted();
    return new Promise<never>(() => undefined);
  });
  await expect(measureByRequest("https://example.test/")).rejects.toThrow("too late");
  expect(limits).toEqual([4_000]);
});
