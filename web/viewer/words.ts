/** What the viewer says to people: sentences, made from its state. Pure. */

import { CAUSES, type CauseCode } from "./causes";
import {
  cause,
  isReady,
  isWell,
  type Phase,
  phase,
  type Rung,
  type State,
  type Waiting,
  waitingFor,
} from "./machine";

/** The detail of a `fanlight-state` event. */
export interface ViewerState {
  state: Phase;
  /** The rung of the picture that is shown; null while none is, or it stands still. */
  rung: Rung | null;
  /** Why there is no picture, or not one by the best way: a stable code; empty when all is well. */
  cause: CauseCode | "";
  /** The same in sentences, with what helps. */
  reason: string;
  firstFrame: boolean;
  waitingFor: Waiting;
}

/** Gives what a viewer says of itself. */
export function told(state: State): ViewerState {
  return {
    state: phase(state),
    rung: isWell(state) ? (state.shown?.rung ?? null) : null,
    cause: cause(state),
    reason: reason(state),
    firstFrame: state.firstFrame,
    waitingFor: waitingFor(state),
  };
}

/** Why there is no picture, or not one by the best way, in sentences. */
export function reason(state: State): string {
  if (state.over) return state.reason;
  const code = cause(state);
  if (code === "") return "";
  const codes = new Set([code, ...(isWell(state) ? lowerCauses(state) : [])]);
  const texts = [...codes].map((each) => CAUSES[each].text);
  return [...texts, CAUSES[code].hint].join(" ");
}

function lowerCauses({ shown, choice, causes }: State): CauseCode[] {
  const { websocket } = causes;
  return shown?.way === "vnc" && choice === "auto" && websocket ? [websocket] : [];
}

/** The headline of the cover over the picture. */
export function headline(state: State): string {
  switch (phase(state)) {
    case "booting":
      return state.facts?.rests ? "Waking the desktop" : "Starting the machine";
    case "connecting":
      return state.firstFrame ? "Reconnecting" : "Connecting";
    case "failed":
      return "The desktop cannot be shown";
    case "ended":
      return "The session has ended";
    case "live":
      return "";
  }
}

/** What is being waited for, in a sentence. */
export function waitingSentence(state: State): string {
  switch (waitingFor(state)) {
    case "machine":
      return state.facts?.status === "ending"
        ? "The session is ending."
        : "The way is open; waiting for the machine's first picture.";
    case "server":
      return "Asking the server again and again.";
    case "gateway":
      return state.gatewayLost
        ? "The media gateway is being restarted."
        : "Waiting for the media gateway's answer.";
    case "network":
      return "Waiting for a path through the network.";
    case "frame":
      return "Connected; waiting for the first frame.";
    case "vnc":
      return "Connecting with noVNC.";
    case "pause":
      return isReady(state) ? "Trying again in a moment." : "Waiting for the machine.";
    case "nothing":
      return "";
  }
}

const LIVE = {
  webrtc: "The desktop is live.",
  websocket: "The desktop is live over a WebSocket.",
  vnc: "The desktop is shown by noVNC.",
} as const;

/** The line of the toolbar: by which rung the picture comes, where it is not the best way. */
export function rungLine(state: State): string {
  if (!isWell(state) || state.shown?.way === "webrtc") return "";
  const name = state.shown?.way === "vnc" ? "noVNC" : "WebSocket";
  const why = reason(state);
  return why ? `${name}: ${why}` : name;
}

/** What a screen reader is told of each change. */
export function announcement(state: State): string {
  const now = phase(state);
  if (now === "live") return `${LIVE[state.shown?.way ?? "webrtc"]} ${reason(state)}`.trim();
  if (now === "booting") return "The machine is starting.";
  const words = now === "connecting" ? waitingSentence(state) : reason(state);
  return `${headline(state)}. ${words}`;
}

export function elapsed(ms: number): string {
  const seconds = Math.floor(ms / 1000);
  return seconds < 60 ? `${seconds} s` : `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
}
