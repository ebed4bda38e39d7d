/** A viewer's state, and what can be read from it. Pure. Times are in milliseconds. */

export type Rung = "webrtc" | "vnc";
export type Phase = "booting" | "connecting" | "live" | "vnc" | "failed" | "ended";
export type PathState = "connected" | "disconnected" | "failed";
export type Refusal = "busy" | "rejected" | "forbidden";
export type Timer = "path" | "picture" | "shown" | "grace" | "retry" | "vnc" | "again";
/** What is being waited for. */
export type Waiting = "machine" | "gateway" | "network" | "frame" | "vnc" | "pause" | "nothing";

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
}

export interface State {
  readonly facts: Facts | null;
  readonly shown: { readonly id: number; readonly healthy: boolean } | null;
  readonly trying: {
    readonly id: number;
    readonly waitsFor: "gateway" | "network" | "frame";
    /** Frames come in and are decoded, though none has been shown yet. */
    readonly decoded?: true;
  } | null;
  readonly vnc: { readonly id: number; readonly connected: boolean } | null;
  /** What the person chose; `auto` goes down the ladder by itself. */
  readonly choice: "auto" | Rung;
  /** Tries without a frame, since the last frame. */
  readonly failures: number;
  readonly vncFailures: number;
  readonly nextId: number;
  readonly gatewayLost: boolean;
  readonly everConnected: boolean;
  readonly firstFrame: boolean;
  /** Why the viewer is not at the top of the ladder, failed or ended: one sentence. */
  readonly reason: string;
  readonly over: null | "failed" | "ended";
  readonly attached: boolean;
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
  | { type: "offerRefused"; id: number; refusal: Refusal; reason: string }
  | { type: "pathChanged"; id: number; path: PathState }
  | { type: "frameDecoded"; id: number }
  | { type: "frameShown"; id: number }
  | { type: "vncConnected"; id: number }
  | { type: "vncLost"; id: number; reason: string }
  | { type: "cameOnline" }
  | { type: "becameVisible" }
  | { type: "rungChosen"; rung: Rung }
  | { type: "timerFired"; timer: Timer };

export type Command =
  | { type: "openEvents" }
  | { type: "closeEvents" }
  | { type: "openConnection"; id: number }
  | { type: "closeConnection"; id: number }
  | { type: "showPicture"; id: number }
  | { type: "openVnc"; id: number }
  | { type: "closeVnc"; id: number }
  | { type: "setTimer"; timer: Timer; afterMs: number }
  | { type: "clearTimer"; timer: Timer };

export type Stepped = [State, Command[]];

/** How long a connection may take to find a path through the network. */
export const PATH_MS = 8_000;
/** How long a ready machine's first frame may take on a connected path. */
export const PICTURE_MS = 10_000;
/** How long frames may be decoded without one being shown. */
export const SHOWN_MS = 3_000;
/** How long a path may be disconnected: ICE often mends it. */
export const GRACE_MS = 2_000;
/** Tries of WebRTC before noVNC, when a path was found before. */
export const TRIES = 3;
/** After how long a viewer on noVNC, or one that failed, tries WebRTC again by itself. */
export const AGAIN_MS = 30_000;
export const BACKOFF_MS = [0, 500, 1_000, 2_000, 5_000] as const;
export const TIMERS: readonly Timer[] = [
  "path",
  "picture",
  "shown",
  "grace",
  "retry",
  "vnc",
  "again",
];

export const NO_PATH =
  "Your network let no WebRTC connection through (UDP may be blocked and no TURN server reachable).";
export const NO_PICTURE = "The WebRTC connection stands, but no picture came through it.";
export const NOT_SHOWN = "The picture did not show.";
export const PATH_LOST = "The WebRTC connection was lost and could not be made again.";
export const CHOSEN = "You chose noVNC.";

export function start(): State {
  return {
    facts: null,
    shown: null,
    trying: null,
    vnc: null,
    choice: "auto",
    failures: 0,
    vncFailures: 0,
    nextId: 1,
    gatewayLost: false,
    everConnected: false,
    firstFrame: false,
    reason: "",
    over: null,
    attached: false,
  };
}

/** The word for the state, as `data-state` shows it. */
export function phase(state: State): Phase {
  if (state.over) return state.over;
  if (state.vnc?.connected) return "vnc";
  if (state.shown?.healthy && !state.gatewayLost) return "live";
  if (!state.firstFrame && !isReady(state)) return "booting";
  return "connecting";
}

export function waitingFor(state: State): Waiting {
  if (state.over || state.vnc?.connected) return "nothing";
  if (state.shown?.healthy && !state.gatewayLost) return "nothing";
  if (state.vnc) return "vnc";
  if (state.gatewayLost) return "gateway";
  if (!state.trying) return state.shown ? "network" : "pause";
  if (state.trying.waitsFor === "frame" && !isReady(state)) return "machine";
  return state.trying.waitsFor;
}

export function rung(state: State): Rung | null {
  if (state.vnc?.connected) return "vnc";
  return state.shown ? "webrtc" : null;
}

export function isReady(state: State): boolean {
  return state.facts?.status === "vm_created";
}

/** The detail of a `fanlight-state` event. */
export interface ViewerState {
  state: Phase;
  reason: string;
  rung: Rung | null;
  firstFrame: boolean;
  waitingFor: Waiting;
}

/** Gives what a viewer says of itself. */
export function told(state: State): ViewerState {
  const { reason, firstFrame } = state;
  return {
    state: phase(state),
    reason,
    rung: rung(state),
    firstFrame,
    waitingFor: waitingFor(state),
  };
}
