/**
 * What follows from a state, and so from each change of it: which timers run, which connections are
 * open, what is asked and followed. Pure. Because it is derived, nothing can be forgotten: a timer
 * whose reason is gone stops, and what no state holds any more is closed. Times in milliseconds.
 */

import {
  type Command,
  isAtWork,
  isReady,
  isWell,
  owesPicture,
  type State,
  type Timer,
  type Try,
  WAYS,
  type Way,
} from "./state";

/** How long WebRTC may take to find a path. Below it others are tried meanwhile. */
export const PATH_MS = 8_000;
/** How long a WebSocket may take to open. */
export const SOCKET_MS = 4_000;
export const VNC_MS = 5_000;
/** How long a ready machine's first frame may take on a connected path. */
export const PICTURE_MS = 10_000;
/** How long frames may be decoded without one being shown. */
export const SHOWN_MS = 3_000;
/** After how long the WebSocket is tried next to a WebRTC connection that is not there yet: on a
 * clean path one takes about 0.3 s, over TURN 0.4 s. */
export const RACE_MS = 1_200;
/** After how long noVNC is tried next to a WebSocket that has not opened. */
export const VNC_AFTER_MS = 2_500;
/** After how long the next way is tried when a connected one brings no frame. */
export const FRAMELESS_MS = 3_000;
/** How long a lost gateway may take to return before noVNC, which does without it, is tried. */
export const GATEWAY_MS = 4_000;
/** After how long without a picture the failure is named; a person waits 8 s at most. */
export const NAME_MS = 7_000;
/** After how long a picture is trusted: one that is lost earlier counts as a failure of its way. */
export const SETTLED_MS = 10_000;
/** Pauses before a way is tried again while there is no picture, by the number of failures. */
export const BACKOFF_MS = [250, 500, 1_000, 2_000, 5_000] as const;
/** The same while a lower rung shows the picture. */
export const CLIMB_MS = [3_000, 5_000, 10_000, 20_000, 40_000] as const;

export const TIMERS: readonly Timer[] = [
  ...WAYS,
  "webrtcAgain",
  "websocketAgain",
  "vncAgain",
  "lower",
  "name",
  "shown",
  "settled",
];

/** A timer that should run: while its key stays the same, it is the same one. */
interface Wanted {
  readonly key: string;
  readonly afterMs: number;
}

/** The way to open next below those that are tried; null: none is left. */
export function lower(state: State): Way | null {
  if (state.choice !== "auto" || state.server !== "answers") return null;
  if (!isAtWork(state) || isWell(state)) return null;
  // Without the gateway only noVNC is left; offers go on, to find out whether it is back.
  const ways: readonly Way[] = state.gatewayLost ? ["vnc"] : ["websocket", "vnc"];
  for (const way of ways) {
    if (state.tries[way] || state.failures[way] > 0) continue;
    return way === "vnc" && !isReady(state) ? null : way;
  }
  return null;
}

/** What is tried just above a way and may yet bring the picture. */
export function above(state: State, way: Way): Try | null {
  const { webrtc, websocket } = state.tries;
  if (way === "websocket") return webrtc;
  // Once the WebSocket has failed, WebRTC has had its start over noVNC.
  return websocket ?? (webrtc?.waitsFor === "frame" ? webrtc : null);
}

/** Gives the timer that should run, or null. */
export function wanted(state: State, timer: Timer): Wanted | null {
  if (!isAtWork(state)) return null;
  switch (timer) {
    case "webrtc":
      return deadline(state, timer, PATH_MS);
    case "websocket":
      return deadline(state, timer, SOCKET_MS);
    case "vnc":
      return deadline(state, timer, VNC_MS);
    case "webrtcAgain":
    case "websocketAgain":
    case "vncAgain":
      return again(state, timer.slice(0, -"Again".length) as Way);
    case "lower":
      return descent(state);
    case "name":
      return owesPicture(state) && !state.named ? { key: "", afterMs: NAME_MS } : null;
    case "shown": {
      const { webrtc } = state.tries;
      return webrtc?.decoded ? { key: `${webrtc.id}`, afterMs: SHOWN_MS } : null;
    }
    case "settled": {
      const { shown } = state;
      const young = shown?.healthy && !shown.settled;
      return young ? { key: `${shown.id}`, afterMs: SETTLED_MS } : null;
    }
  }
}

function deadline(state: State, way: Way, openMs: number): Wanted | null {
  const tried = state.tries[way];
  if (!tried) return null;
  if (tried.waitsFor !== "frame") return { key: `${tried.id}`, afterMs: openMs };
  // A machine that boots has no frame to give; the start of a machine has limits of its own.
  return isReady(state) ? { key: `${tried.id} frame`, afterMs: PICTURE_MS } : null;
}

function again(state: State, way: Way): Wanted | null {
  if (state.tries[way] || state.server !== "answers" || !isMissed(state, way)) return null;
  const well = isWell(state);
  const failures = state.failures[way];
  const pauses = well ? CLIMB_MS : BACKOFF_MS;
  return { key: `${well} ${failures}`, afterMs: pauses[failures] ?? pauses[4] };
}

/** Whether a way that is not tried should be tried again after a pause. */
function isMissed(state: State, way: Way): boolean {
  const shown = isWell(state) ? state.shown?.way : undefined;
  if (state.choice === "vnc") return way === "vnc" && shown !== "vnc";
  switch (way) {
    case "webrtc":
      return shown !== "webrtc";
    case "websocket":
      return shown ? shown === "vnc" : state.failures.websocket > 0;
    case "vnc":
      return !shown && isReady(state) && state.failures.vnc > 0;
  }
}

function descent(state: State): Wanted | null {
  const way = lower(state);
  if (way === null) return null;
  if (state.gatewayLost) return { key: "lost", afterMs: GATEWAY_MS };
  const hope = above(state, way);
  if (!hope) return null;
  const key = `${way} ${hope.id}`;
  if (hope.waitsFor !== "frame") {
    return { key, afterMs: way === "websocket" ? RACE_MS : VNC_AFTER_MS };
  }
  return isReady(state) ? { key: `${key} frame`, afterMs: FRAMELESS_MS } : null;
}

/** Every connection that a state holds, with its way. */
export function held(state: State): Map<number, Way> {
  const found = new Map<number, Way>();
  if (state.shown) found.set(state.shown.id, state.shown.way);
  for (const way of WAYS) {
    const tried = state.tries[way];
    if (tried) found.set(tried.id, way);
  }
  return found;
}

/** Gives the commands that bring the world from one state to the next. */
export function difference(before: State, after: State): Command[] {
  const commands: Command[] = [...following(before, after)];
  const [had, has] = [held(before), held(after)];
  for (const [id, way] of has) if (!had.has(id)) commands.push({ type: "open", way, id });
  if (after.shown && after.shown.id !== before.shown?.id) {
    commands.push({ type: "show", id: after.shown.id });
  }
  for (const id of had.keys()) if (!has.has(id)) commands.push({ type: "close", id });
  const [asked, asks] = [before, after].map(({ server }) => server !== "answers");
  if (asks && !asked) commands.push({ type: "askServer" });
  if (asked && !asks) commands.push({ type: "stopAsking" });
  return [...commands, ...timing(before, after)];
}

function following(before: State, after: State): Command[] {
  const [followed, follows] = [isAtWork(before), isAtWork(after)];
  if (followed && follows) {
    const back = before.server === "silent" && after.server === "answers";
    return back ? [{ type: "openEventsAgain" }] : [];
  }
  if (followed === follows) return [];
  return [{ type: follows ? "openEvents" : "closeEvents" }];
}

function timing(before: State, after: State): Command[] {
  const commands: Command[] = [];
  for (const timer of TIMERS) {
    const [was, is] = [wanted(before, timer), wanted(after, timer)];
    if (is && is.key !== was?.key) {
      commands.push({ type: "setTimer", timer, afterMs: is.afterMs });
    } else if (was && !is) commands.push({ type: "clearTimer", timer });
  }
  return commands;
}
