import { expect, it } from "vitest";
import { rungOfTurn } from "./preflight";
import type { Tried } from "./preflight-path";
import {
  because,
  type Check,
  conclusion,
  type Finding,
  ofDirect,
  ofRelay,
  reportOf,
  rungOf,
  SIGN_IN,
} from "./preflight-words";

const GOOD: Finding = { verdict: "good", text: "It works." };

/** A whole pre-flight, everything good but what is said. */
function checks(changed: Record<string, Finding> = {}): Check[] {
  const all: Record<string, Finding> = {
    codecs: GOOD,
    decoder: GOOD,
    websocket: { ...GOOD, rung: "websocket" },
    udp: { ...GOOD, rung: "udp" },
    tcp: { ...GOOD, rung: "tcp" },
    "turn-0": { ...GOOD, rung: "turn-udp" },
    "turn-1": { ...GOOD, rung: "turn-tls" },
    ...changed,
  };
  const empty = { hint: "", code: "" };
  return Object.entries(all).map(([id, finding]) => ({ id, name: id, ...empty, ...finding }));
}

const BLOCKED = because("udp-blocked");

it.each<[string, Record<string, Finding>, string | null]>([
  ["everything works", {}, "udp"],
  ["UDP is blocked", { udp: BLOCKED }, "tcp"],
  ["only TURN works", { udp: BLOCKED, tcp: BLOCKED }, "turn-udp"],
  ["only TLS gets out", { udp: BLOCKED, tcp: BLOCKED, "turn-0": BLOCKED }, "turn-tls"],
  ["the browser plays no video in WebRTC", { codecs: BLOCKED }, "websocket"],
  ["it cannot decode by itself either", { codecs: BLOCKED, decoder: BLOCKED }, "vnc"],
  [
    "nothing gets through",
    { udp: BLOCKED, tcp: BLOCKED, "turn-0": BLOCKED, "turn-1": BLOCKED, websocket: BLOCKED },
    null,
  ],
])("names the rung when %s", (_when, changed, rung) => {
  expect(rungOf(checks(changed))).toBe(rung);
});

it("concludes in a sentence, and not before everything is checked", () => {
  expect(conclusion(checks())).toContain("All is well");
  expect(conclusion(checks({ udp: BLOCKED }))).toContain("WebRTC over TCP");
  expect(conclusion(checks({ events: { verdict: "running", text: "" } }))).toBe("Checking…");
  const nobody = { udp: SIGN_IN, tcp: SIGN_IN, "turn-0": SIGN_IN, "turn-1": SIGN_IN };
  expect(conclusion(checks({ ...nobody, websocket: SIGN_IN }))).toContain("Sign in");
});

it.each<[Tried, string, string]>([
  [{ outcome: "open", roundTripMs: 3.21, rung: "udp" }, "good", ""],
  [{ outcome: "none" }, "unavailable", ""],
  [{ outcome: "silent", allocated: false }, "bad", "udp-blocked"],
  [{ outcome: "refused", status: 503, reason: "" }, "bad", "gateway-unreachable"],
  [{ outcome: "refused", status: 401, reason: "" }, "unavailable", ""],
  [{ outcome: "refused", status: 429, reason: "Too many." }, "unavailable", ""],
  [{ outcome: "refused", status: 400, reason: "No video." }, "bad", "offer-rejected"],
])("says of a direct try that ended as %o: %s %s", (tried, verdict, code) => {
  const said = ofDirect(tried, "udp");
  expect([said.verdict, said.code ?? ""]).toEqual([verdict, code]);
  expect(said.text).toMatch(/\w.*\.$/);
});

it.each<[Tried, string]>([
  [{ outcome: "unallocated", code: 701 }, "turn-unreachable"],
  [{ outcome: "unallocated", code: 401 }, "turn-refused"],
  [{ outcome: "silent", allocated: true }, "turn-refused"],
  [{ outcome: "silent", allocated: false }, "turn-unreachable"],
  [{ outcome: "none" }, "turn-refused"],
])("says of a TURN server that ended as %o: %s", (tried, code) => {
  const said = ofRelay(tried, "turn-udp");
  expect([said.verdict, said.code]).toEqual(["bad", code]);
  expect(said.hint).not.toBe("");
});

it("tells a TCP port that is blocked from one that is not there", () => {
  expect(ofDirect({ outcome: "silent", allocated: false }, "tcp").code).toBe("tcp-blocked");
  expect(ofDirect({ outcome: "none" }, "tcp").verdict).toBe("unavailable");
});

it("reads how a TURN server is reached", () => {
  const urls = ["turn:t.example:3478", "turn:t.example?transport=tcp", "turns:t.example:443"];
  expect(urls.map(rungOfTurn)).toEqual(["turn-udp", "turn-tcp", "turn-tls"]);
});

it("writes a report for somebody else to read", () => {
  const about = { at: "2026-11-25T22:00:00Z", page: "https://desk.example", browser: "Chromium" };
  const text = reportOf(checks({ udp: BLOCKED }), about);
  expect(text).toContain("https://desk.example");
  expect(text).toContain("[bad] udp: No UDP packet comes through");
  expect(text).toContain("(udp-blocked)");
  expect(text).toContain("You would get WebRTC over TCP, direct.");
});
