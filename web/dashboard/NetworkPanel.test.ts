import { expect, test } from "vitest";
import { modeWords } from "./NetworkPanel";

const network = (mode: "none" | "public" | "listed", domains: string[] = []) => ({
  mode,
  domains,
  refused: [],
  refusedCount: 0,
});

test("where a machine may go is said in a few words", () => {
  expect(modeWords(network("none"))).toBe("none");
  expect(modeWords(network("public"))).toBe("the public internet");
  expect(modeWords(network("listed"))).toBe("the operator's own addresses only");
  expect(modeWords(network("listed", ["github.com"]))).toBe("github.com only");
  expect(modeWords(network("listed", ["github.com", "npmjs.org"]))).toBe("2 domains only");
});
