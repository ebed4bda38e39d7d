/** A viewer's state, and what can be read from it. Pure. Times are in milliseconds. */

import type { CauseCode } from "./causes";

/** How a picture is asked for, best first. WebRTC is one connection with several rungs: ICE chooses. */
export type Way = "webrtc" | "websocket" | "vnc";
export const WAYS: readonly Way[] = ["webrtc", "websocket", "vnc"];
export type Rung = "udp" | "tcp" | "turn-udp" | "turn-tcp" | "turn-tls" | "websocket" | "vnc";
/** The rung of a way, as long as nothing more is known. */
export const RUNG: Readonly<Record<Way, Rung>> = {
  webrtc: "udp",
  websocket: "websocket",
  vnc: "vnc",
};

export type Phase = "booting" | "connecting" | "live" | "failed" | "ended";
export type PathState = "connected" | "disconnected" | "failed";
export type Refusal = "busy" | "rejected" | "forbidden" | "unreachable";
export type Timer = Way | `${Way}Again` | "lower" | "name" | "shown" | "settled";
/** What is being waited for. */
export type Waiting =
  | "machine"
  | "server"
  | "gateway"
  | "network"
  | "frame"
  | "vnc"
  | "pause"
  | "nothing";

export interface Stage {
  name: string;
  text: string;
  done: boolean;
}

/** The part of the API's `Session` that a viewer needs. */
export interface Facts {
  status: "requested" | "booting" | "vm_created" | "ending" | "ended";
  step: string;
  percent: number;
  stages: readonly Stage[];
  reason: string;
  /** The machine rests on disk, or is on its way there or back. */
  rests: boolean;
}

export interface Shown {
  readonly id: number;
  readonly way: Way;
  readonly rung: Rung;
  /** Something was heard over it lately. What is not healthy stays to be seen, still. */
  readonly healthy: boolean;
  /** It has been healthy for long enough to be trusted. */
  readonly settled: boolean;
}

export interface Try {
  readonly id: number;
  readonly waitsFor: "gateway" | "network" | "frame";
  /** Frames come in and are decoded, though none has been shown yet. */
  readonly decoded?: true;
  /** Why it will probably fail, as far as the connection knows. */
  readonly hint?: CauseCode;
}

export type PerWay<T> = Readonly<Record<Way, T>>;

export interface State {
  readonly attached: boolean;
  readonly facts: Facts | null;
  readonly shown: Shown | null;
  readonly tries: PerWay<Try | null>;
  /** Why each way failed last; forgotten when it works. */
  readonly causes: PerWay<CauseCode | null>;
  /** How often each way failed since it last worked well, at most `MOST_FAILURES`. */
  readonly failures: PerWay<number>;
  /** What the person chose; `auto` climbs and descends by itself. */
  readonly choice: "auto" | "vnc";
  /** Whether requests are answered: `asked` while that is being found out, `silent` if they are not. */
  readonly server: "answers" | "asked" | "silent";
  readonly offline: boolean;
  readonly gatewayLost: boolean;
  readonly firstFrame: boolean;
  /** There should be a picture, and there has been none for so long that it is called a failure. */
  readonly named: boolean;
  readonly over: null | "failed" | "ended";
  /** Why it is over: sentences of the server's. */
  readonly reason: string;
  readonly nextId: number;
}

export type Event =
  | { type: "attached" }
  | { type: "detached" }
  | { type: "sessionChanged"; facts: Facts }
  | { type: "sessionEnded"; reason: string }
  | { type: "sessionRefused"; reason: string }
  | { type: "gatewayLost" }
  | { type: "gatewayBack" }
  /** The session is followed anew, from now: what happened in between is not told. */
  | { type: "eventsBegunAgain" }
  | { type: "offerAnswered"; id: number }
  | { type: "offerRefused"; id: number; refusal: Refusal; reason: string; cause?: CauseCode }
  | { type: "hinted"; id: number; cause: CauseCode }
  | { type: "pathChanged"; id: number; path: PathState; cause?: CauseCode }
  | { type: "frameDecoded"; id: number }
  | { type: "frameShown"; id: number }
  | { type: "rungFound"; id: number; rung: Rung }
  /** Nothing was heard over what is shown for a while. */
  | { type: "wentQuiet"; id: number }
  | { type: "heardAgain"; id: number }
  | { type: "serverAnswered" }
  | { type: "serverSilent"; offline: boolean }
  /** Another network, online again, or awake after sleep: what was known of the path is old. */
  | { type: "networkChanged" }
  | { type: "becameVisible" }
  | { type: "choiceMade"; choice: "auto" | "vnc" }
  | { type: "timerFired"; timer: Timer };

export type Command =
  | { type: "openEvents" }
  | { type: "closeEvents" }
  /** Nothing came for a while: what the browser still holds may be dead without its knowing. */
  | { type: "openEventsAgain" }
  | { type: "open"; way: Way; id: number }
  | { type: "close"; id: number }
  | { type: "show"; id: number }
  /** Ask the server again and again whether it answers. */
  | { type: "askServer" }
  | { type: "stopAsking" }
  | { type: "setTimer"; timer: Timer; afterMs: number }
  | { type: "clearTimer"; timer: Timer };

export type Stepped = [State, Command[]];

export const MOST_FAILURES = 4;

const NONE: PerWay<null> = { webrtc: null, websocket: null, vnc: null };
export const NO_FAILURES: PerWay<number> = { webrtc: 0, websocket: 0, vnc: 0 };

export function start(): State {
  return {
    attached: false,
    facts: null,
    shown: null,
    tries: NONE,
    causes: NONE,
    failures: NO_FAILURES,
    choice: "auto",
    server: "answers",
    offline: false,
    gatewayLost: false,
    firstFrame: false,
    named: false,
    over: null,
    reason: "",
    nextId: 1,
  };
}

/** Gives the state with nothing open. */
export function emptied(state: State): State {
  return { ...state, shown: null, tries: NONE, server: "answers", named: false };
}

export function isReady(state: State): boolean {
  return state.facts?.status === "vm_created" && !state.facts.rests;
}

/** Whether a picture is shown that is alive. */
export function isWell(state: State): boolean {
  return Boolean(state.shown?.healthy && !(state.gatewayLost && state.shown.way !== "vnc"));
}

/** Whether the viewer works on it: it is in a page, and nothing is over. */
export function isAtWork(state: State): boolean {
  return state.attached && state.over === null;
}

/** Whether there ought to be a picture and is none. A machine that boots owes none yet. */
export function owesPicture(state: State): boolean {
  if (!isAtWork(state) || isWell(state)) return false;
  const unknown = state.facts === null || state.gatewayLost || state.server !== "answers";
  return isReady(state) || unknown;
}

/** The place of a way in the ladder: 0 is the best. */
export function rank(way: Way): number {
  return WAYS.indexOf(way);
}

/** The word for the state, as `data-state` shows it. */
export function phase(state: State): Phase {
  if (state.over) return state.over;
  if (isWell(state)) return "live";
  if (state.named) return "failed";
  if (!state.firstFrame && !isReady(state)) return "booting";
  return "connecting";
}

export function waitingFor(state: State): Waiting {
  if (state.over || isWell(state)) return "nothing";
  if (state.server === "silent") return "server";
  if (state.gatewayLost) return "gateway";
  const { webrtc, websocket, vnc } = state.tries;
  const tried = [webrtc, websocket].find((each) => each?.waitsFor === "frame");
  const best = tried ?? webrtc ?? websocket;
  if (best?.waitsFor === "frame" && !isReady(state)) return "machine";
  if (best) return best.waitsFor;
  if (vnc) return "vnc";
  return state.server === "asked" ? "network" : "pause";
}

export function rung(state: State): Rung | null {
  return state.shown?.rung ?? null;
}

/** Why the picture is not there, or not by the best way; empty when nothing is wrong. */
export function cause(state: State): CauseCode | "" {
  if (state.over) return "";
  if (isWell(state)) return causeOfRung(state);
  if (state.server === "silent") {
    if (state.offline) return "offline";
    return state.firstFrame ? "network-lost" : "server-unreachable";
  }
  if (state.gatewayLost) return "gateway-unreachable";
  const { webrtc, websocket } = state.tries;
  const waits = [webrtc, websocket].find((each) => each?.waitsFor === "frame");
  if (waits && state.named) return waits.decoded ? "picture-not-shown" : "no-picture";
  const { causes } = state;
  if (causes.webrtc && SERVERS.includes(causes.webrtc)) return causes.webrtc;
  if (state.named || (causes.webrtc && causes.websocket && causes.vnc)) return "no-path";
  return causes.webrtc ?? "";
}

/** Causes that lie behind the network: no other way would help. */
const SERVERS: readonly CauseCode[] = ["gateway-unreachable", "server-unreachable", "no-picture"];

function causeOfRung({ shown, choice, causes }: State): CauseCode | "" {
  if (shown?.way === "vnc" && choice === "vnc") return "chosen";
  if (shown?.way === "vnc") return causes.webrtc ?? causes.websocket ?? "";
  return shown?.way === "websocket" ? (causes.webrtc ?? "") : "";
}
