/** What a pre-flight says: of each check, of the whole, and as a text to send to somebody. Pure. */

import { CAUSES, type CauseCode } from "./causes";
import { RUNGS, type Rung } from "./messages";
import type { Tried } from "./preflight-path";
import { RUNG_WORDS } from "./quality-words";

export type Verdict = "running" | "good" | "bad" | "unavailable";

/** One thing that was checked. */
export interface Check {
  id: string;
  name: string;
  verdict: Verdict;
  /** What was found, in a sentence. */
  text: string;
  /** What to do; nothing when all is well. */
  hint: string;
  /** The stable code of what is wrong; nothing when all is well. */
  code: string;
  /** The rung that this makes possible. */
  rung?: Rung;
}

export type Finding = Pick<Check, "verdict" | "text"> & Partial<Check>;

export const VERDICTS: Record<Verdict, string> = {
  running: "checking",
  good: "good",
  bad: "bad",
  unavailable: "not available",
};

/** A check that ended with a cause of the table. */
export function because(code: CauseCode, verdict: "bad" | "unavailable" = "bad"): Finding {
  const { text, hint } = CAUSES[code];
  return { verdict, text, hint, code };
}

export function took(roundTripMs: number): string {
  return `${roundTripMs < 10 ? roundTripMs.toFixed(1) : Math.round(roundTripMs)} ms there and back`;
}

/** What a try of a direct way means. */
export function ofDirect(tried: Tried, rung: "udp" | "tcp"): Finding {
  switch (tried.outcome) {
    case "open":
      return {
        verdict: "good",
        rung,
        text: `The gateway answers, ${took(tried.roundTripMs)}.`,
      };
    case "none":
      return {
        verdict: "unavailable",
        text: `The gateway has no ${rung.toUpperCase()} address for viewers.`,
        hint: "A TURN server or a WebSocket takes its place.",
      };
    case "refused":
      return refused(tried.status, tried.reason);
    case "unallocated":
    case "silent":
      return because(`${rung}-blocked`);
  }
}

/** What a try through a TURN server means. */
export function ofRelay(tried: Tried, rung: Rung): Finding {
  switch (tried.outcome) {
    case "open":
      return {
        verdict: "good",
        rung,
        text: `It relays to the gateway, ${took(tried.roundTripMs)}.`,
      };
    case "unallocated":
      if (tried.code === 701) return because("turn-unreachable");
      return { ...because("turn-refused"), text: `It refused the credentials (${tried.code}).` };
    case "silent":
      if (!tried.allocated) return because("turn-unreachable");
      return {
        ...because("turn-refused"),
        text: "It gave an address, but nothing comes through it from the gateway.",
      };
    case "none":
      return {
        ...because("turn-refused"),
        text: "The gateway has no address that a TURN server can reach.",
      };
    case "refused":
      return refused(tried.status, tried.reason);
  }
}

function refused(status: number, reason: string): Finding {
  if (status === 401 || status === 403) return SIGN_IN;
  if (status === 429) return { verdict: "unavailable", text: reason, hint: "Check again later." };
  if (status >= 500) return because("gateway-unreachable");
  return { ...because("offer-rejected"), text: reason || CAUSES["offer-rejected"].text };
}

export const SIGN_IN: Finding = {
  verdict: "unavailable",
  text: "This is checked for people who are signed in.",
  hint: "Open a sign-in link, then check again.",
};

/** Gives the rung that a viewer would be on now; null: none works, or nothing is known yet. */
export function rungOf(checks: readonly Check[]): Rung | null {
  const good = (check: Check) => check.verdict === "good";
  const shows = checks.some((check) => check.id === "codecs" && good(check));
  const decodes = checks.some((check) => check.id === "decoder" && good(check));
  const can = (rung: Rung) => {
    if (rung === "vnc") return true;
    return rung === "websocket" ? decodes : shows;
  };
  const had = new Set<Rung>();
  for (const check of checks) if (good(check) && check.rung) had.add(check.rung);
  // The WebSocket that opens for one opens for the other.
  if (had.has("websocket")) had.add("vnc");
  return RUNGS.find((rung) => had.has(rung) && can(rung)) ?? null;
}

/** The whole in a sentence. */
export function conclusion(checks: readonly Check[]): string {
  if (checks.some(({ verdict }) => verdict === "running")) return "Checking…";
  const rung = rungOf(checks);
  if (rung === "udp") return "All is well: you would get the best way, WebRTC over UDP.";
  if (rung) return `You would get ${RUNG_WORDS[rung]}.`;
  if (checks.some(({ text }) => text === SIGN_IN.text)) return "Sign in to have the ways checked.";
  return `No way to a picture was found. ${CAUSES["no-path"].hint.split(". ")[0]}.`;
}

/** The report as a text: no credentials, no addresses but the page's own. */
export function reportOf(
  checks: readonly Check[],
  about: { at: string; page: string; browser: string },
): string {
  const lines = checks.map(({ name, verdict, text, hint, code }) => {
    const rest = [text, hint, code ? `(${code})` : ""].filter(Boolean).join(" ");
    return `[${VERDICTS[verdict]}] ${name}: ${rest}`;
  });
  return [
    "Fanlight: connection report",
    `${about.at}, ${about.page}`,
    about.browser,
    "",
    conclusion(checks),
    "",
    ...lines,
    "",
  ].join("\n");
}
