/** What the viewer says to people: sentences, made from its state. Pure. */

import { isReady, phase, type State, waitingFor } from "./machine";

/** The headline of the cover over the picture. */
export function headline(state: State): string {
  switch (phase(state)) {
    case "booting":
      return "Starting the machine";
    case "connecting":
      return state.firstFrame ? "Reconnecting" : "Connecting";
    case "failed":
      return "The desktop cannot be shown";
    case "ended":
      return "The session has ended";
    case "live":
    case "vnc":
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

/** What a screen reader is told of each change. */
export function announcement(state: State): string {
  const now = phase(state);
  if (now === "live") return "The desktop is live.";
  if (now === "vnc") return `The desktop is shown by noVNC. ${state.reason}`;
  if (now === "booting") return "The machine is starting.";
  const words = now === "connecting" ? waitingSentence(state) : state.reason;
  return `${headline(state)}. ${words}`;
}

export function elapsed(ms: number): string {
  const seconds = Math.floor(ms / 1000);
  return seconds < 60 ? `${seconds} s` : `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
}
