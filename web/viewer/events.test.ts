import { expect, it } from "vitest";
import { partsOf, reasonOf } from "./events";

const DETAIL = "It ended with status 1. Its last words:\none\ntwo";

it("parts the last words from what is said", () => {
  expect(partsOf(DETAIL)).toEqual({ said: "It ended with status 1.", lastWords: "one\ntwo" });
  expect(partsOf("Its last words:\none")).toEqual({ said: "", lastWords: "one" });
  expect(partsOf("It ended.")).toEqual({ said: "It ended.", lastWords: "" });
});

it("says a reason over the picture without the last words", () => {
  const reason = { title: "The tool failed", detail: DETAIL, hint: "Try again" };
  expect(reasonOf(reason)).toBe("The tool failed. It ended with status 1. Try again.");
  expect(reasonOf({ ...reason, detail: "Its last words:\none" })).toBe(
    "The tool failed. Try again.",
  );
});

it("says nothing twice", () => {
  const reason = { title: "No such session", detail: "no such session here", hint: "Look again" };
  expect(reasonOf(reason)).toBe("No such session here. Look again.");
  expect(reasonOf({ title: "Gone", detail: "Gone" })).toBe("Gone.");
});
