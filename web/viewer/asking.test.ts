import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Asking } from "./asking";

let answer: () => Promise<{ status: number }>;
let said: string[];
let asked: number;
let asking: Asking;

const never = () => new Promise<never>(() => undefined);

beforeEach(() => {
  vi.useFakeTimers();
  said = [];
  asked = 0;
  vi.stubGlobal("fetch", () => {
    asked += 1;
    return answer();
  });
  asking = new Asking("https://example.test/", {
    answered: () => {
      said.push("answered");
      asking.close();
    },
    silent: (offline) => said.push(offline ? "offline" : "silent"),
  });
});
afterEach(() => {
  asking.close();
  vi.unstubAllGlobals();
  vi.useRealTimers();
});

describe("a server that is asked", () => {
  it("and answers is asked once", async () => {
    answer = async () => ({ status: 200 });
    asking.open();
    await vi.advanceTimersByTimeAsync(5_000);
    expect([said, asked]).toEqual([["answered"], 1]);
  });

  it("and is silent is asked again and again, until it answers", async () => {
    answer = never;
    asking.open();
    await vi.advanceTimersByTimeAsync(900);
    expect(said).toEqual([]);
    await vi.advanceTimersByTimeAsync(5_000);
    expect(new Set(said)).toEqual(new Set(["silent"]));
    answer = async () => ({ status: 404 });
    await vi.advanceTimersByTimeAsync(700);
    expect(said.at(-1)).toBe("answered");
  });

  it("is away when only the proxy before it answers", async () => {
    answer = async () => ({ status: 502 });
    asking.open();
    await vi.advanceTimersByTimeAsync(100);
    expect(said).toEqual(["silent"]);
  });

  it("is not asked any more after that was closed", async () => {
    answer = never;
    asking.open();
    asking.close();
    await vi.advanceTimersByTimeAsync(5_000);
    expect([said, asked]).toEqual([[], 1]);
  });
});
