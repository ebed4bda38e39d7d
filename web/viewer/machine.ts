/**
 * What a viewer does, as a state machine: `step(state, event)` gives the next state and the
 * commands to carry out. Pure: no clock, no network, no DOM.
 *
 * The one idea: the picture that is shown stays until its successor has a frame. Ways to a picture
 * are tried next to it, at most one connection for each, and race: what has a frame first is shown,
 * and a better one that comes later takes over. A way that fails is tried again by itself.
 */

import type { CauseCode } from "./causes";
import {
  type Event,
  emptied,
  isAtWork,
  isReady,
  isWell,
  MOST_FAILURES,
  NO_FAILURES,
  owesPicture,
  type PathState,
  RUNG,
  rank,
  type State,
  type Stepped,
  start,
  type Timer,
  type Try,
  WAYS,
  type Way,
} from "./state";
import { above, difference, lower } from "./timers";

export * from "./state";

/** Takes one event, moves, and says what the element must do next. */
export function step(state: State, event: Event): Stepped {
  const next = judged(descended(move(state, event)));
  return next === state ? [state, []] : [next, difference(state, next)];
}

function move(state: State, event: Event): State {
  if (event.type === "attached") return attach(state);
  if (event.type === "detached") return emptied({ ...state, attached: false, over: null });
  if (!state.attached || state.over === "ended") return state;
  if (event.type === "sessionEnded") return end(state, event.reason);
  if (event.type === "choiceMade") return choose(state, event.choice);
  if (state.over) return state;
  switch (event.type) {
    case "sessionChanged":
      return change(state, event);
    case "sessionRefused":
      return emptied({ ...state, over: "failed", reason: event.reason });
    case "gatewayLost":
      return gatewayLost(state);
    case "gatewayBack":
      return gatewayBack(state);
    case "eventsBegunAgain":
      // Its return may have been missed; an offer finds out.
      return state.gatewayLost ? gatewayBack(state) : state;
    case "offerAnswered":
      return answered(state, event.id);
    case "offerRefused":
      return refused(state, event);
    case "hinted":
      return changeTry(state, event.id, (tried) => ({ ...tried, hint: event.cause }));
    case "pathChanged":
      return pathChanged(state, event.id, event.path, event.cause);
    case "frameDecoded":
      return decoded(state, event.id);
    case "frameShown":
      return frameShown(state, event.id);
    case "rungFound":
      if (state.shown?.id !== event.id) return state;
      return { ...state, shown: { ...state.shown, rung: event.rung } };
    case "wentQuiet":
      return state.shown?.id === event.id ? doubt(state) : state;
    case "heardAgain":
      return state.shown?.id === event.id ? mended(state) : state;
    case "serverAnswered":
      return serverAnswered(state);
    case "serverSilent":
      return serverSilent(state, event.offline);
    case "networkChanged":
      return networkChanged(state);
    case "becameVisible":
      return isWell(state) && state.shown?.way === "webrtc" ? state : begin(state);
    case "timerFired":
      return fired(state, event.timer);
  }
}

/** Opens the next way down at once when nothing above it may yet bring the picture. */
function descended(state: State): State {
  const way = lower(state);
  if (way === null || state.gatewayLost || above(state, way)) return state;
  return open(state, way);
}

/** Names a failure when every way has failed; takes the name back when a picture is there or not due. */
function judged(state: State): State {
  if (!owesPicture(state)) return state.named ? { ...state, named: false } : state;
  const none = WAYS.every((way) => !state.tries[way] && state.failures[way] > 0);
  return none && !state.named ? { ...state, named: true } : state;
}

// --- opening and failing --------------------------------------------------------------------------

function attach(state: State): State {
  if (state.attached) return state;
  return begin({ ...start(), nextId: state.nextId, attached: true });
}

function end(state: State, reason: string): State {
  return emptied({ ...state, over: "ended", reason: reason || "The session has ended." });
}

function open(state: State, way: Way): State {
  const tries = { ...state.tries, [way]: { id: state.nextId, waitsFor: "gateway" } };
  return { ...state, nextId: state.nextId + 1, tries };
}

/** Tries from the top of the ladder, next to what is shown; what failed just now waits its pause. */
function begin(state: State): State {
  if (state.server !== "answers") return state;
  const lost = state.shown && !isWell(state) ? state.shown.way : null;
  const ways = WAYS.filter((way) => {
    if (state.tries[way] || state.failures[way] > 0) return false;
    if (state.choice === "vnc") return way === "vnc" && !isWell(state);
    return way === "webrtc" || way === lost;
  });
  return ways.reduce(open, state);
}

function fail(state: State, way: Way, cause: CauseCode): State {
  const failures = Math.min(state.failures[way] + 1, MOST_FAILURES);
  // What was chosen and cannot be had is not insisted on.
  const isHopeless = way === "vnc" && failures >= MOST_FAILURES;
  return {
    ...state,
    choice: isHopeless ? "auto" : state.choice,
    tries: { ...state.tries, [way]: null },
    causes: { ...state.causes, [way]: cause },
    failures: { ...state.failures, [way]: failures },
  };
}

/** Gives the way that is tried by the connection `id`. */
function wayTried(state: State, id: number): Way | undefined {
  return WAYS.find((way) => state.tries[way]?.id === id);
}

function changeTry(state: State, id: number, change: (tried: Try) => Try): State {
  const way = wayTried(state, id);
  const tried = way && state.tries[way];
  return tried ? { ...state, tries: { ...state.tries, [way]: change(tried) } } : state;
}

/** Gives the state without the tries that `is` says of. */
function without(state: State, is: (tried: Try, way: Way) => boolean): State {
  const tries = { ...state.tries };
  for (const way of WAYS) {
    const tried = tries[way];
    if (tried && is(tried, way)) tries[way] = null;
  }
  return { ...state, tries };
}

function isUnconnected(tried: Try): boolean {
  return tried.waitsFor !== "frame";
}

// --- what connections say -------------------------------------------------------------------------

function answered(state: State, id: number): State {
  const way = wayTried(state, id);
  if (!way || state.tries[way]?.waitsFor !== "gateway") return state;
  const next = changeTry(state, id, (tried) => ({ ...tried, waitsFor: "network" }));
  // Only a gateway answers, so there is one again; what the lost one carried is dead.
  return way !== "vnc" && state.gatewayLost ? withNewGateway(next) : next;
}

function refused(state: State, event: Extract<Event, { type: "offerRefused" }>): State {
  const way = wayTried(state, event.id);
  if (!way) return state;
  switch (event.refusal) {
    case "forbidden":
      return emptied({ ...state, over: "failed", reason: event.reason });
    case "unreachable": {
      const next = fail(state, way, event.cause ?? "server-unreachable");
      return { ...next, server: asking(next) };
    }
    case "rejected":
      return fail(state, way, event.cause ?? "offer-rejected");
    case "busy":
      return fail(state, way, event.cause ?? "gateway-unreachable");
  }
}

function pathChanged(state: State, id: number, path: PathState, cause?: CauseCode): State {
  if (state.shown?.id === id) return path === "connected" ? mended(state) : doubt(state);
  const way = wayTried(state, id);
  if (!way || path === "disconnected") return state;
  if (path === "failed") return fail(state, way, cause ?? whyUnconnected(state, way));
  if (state.tries[way]?.waitsFor === "frame") return state;
  return changeTry(state, id, (tried) => ({ ...tried, waitsFor: "frame" }));
}

/** The browser has a picture: it must show it soon, or another connection has to. */
function decoded(state: State, id: number): State {
  const { webrtc } = state.tries;
  if (webrtc?.id !== id || webrtc.waitsFor !== "frame" || webrtc.decoded) return state;
  return changeTry(state, id, (tried) => ({ ...tried, decoded: true }));
}

function frameShown(state: State, id: number): State {
  const way = wayTried(state, id);
  if (!way) return state;
  const { shown } = state;
  const isWorse = shown !== null && isWell(state) && rank(way) > rank(shown.way);
  if (isWorse && state.choice !== "vnc") return without(state, (tried) => tried.id === id);
  const next: State = {
    ...without(state, (_, other) => rank(other) >= rank(way) || state.choice === way),
    shown: { id, way, rung: RUNG[way], healthy: true, settled: false },
    causes: { ...state.causes, [way]: null },
    server: "answers",
    firstFrame: true,
  };
  return way === "vnc" ? next : { ...next, gatewayLost: false };
}

/** Nothing is heard over what is shown. First it is asked, cheaply, whether the server answers. */
function doubt(state: State): State {
  const { shown } = state;
  if (!shown?.healthy) return state;
  const lost = Math.min(state.failures[shown.way] + 1, MOST_FAILURES);
  const failures = { ...state.failures, [shown.way]: shown.settled ? 0 : lost };
  return { ...state, shown: { ...shown, healthy: false }, failures, server: asking(state) };
}

/** What was in doubt is well again: what was tried in its place is not needed. */
function mended(state: State): State {
  const { shown } = state;
  if (!shown || shown.healthy) return state;
  const next: State = { ...state, shown: { ...shown, healthy: true }, server: "answers" };
  if (state.choice === "vnc" || !isWell(next)) return next;
  return without(next, (_, way) => rank(way) >= rank(shown.way));
}

function asking({ server }: State): State["server"] {
  return server === "answers" ? "asked" : server;
}

// --- what the surroundings say --------------------------------------------------------------------

function change(state: State, { facts }: Extract<Event, { type: "sessionChanged" }>): State {
  const next = { ...state, facts };
  return facts.status === "ended" ? end(next, facts.reason) : next;
}

function gatewayLost(state: State): State {
  // An offer that is on its way reaches the new gateway; what is connected hangs on the lost one.
  const isDead = (tried: Try, way: Way) => way !== "vnc" && tried.waitsFor !== "gateway";
  return { ...without(state, isDead), gatewayLost: true };
}

function gatewayBack(state: State): State {
  return begin({ ...withNewGateway(state), failures: NO_FAILURES });
}

function withNewGateway(state: State): State {
  const isDead = state.gatewayLost && state.shown !== null && state.shown.way !== "vnc";
  const shown = isDead && state.shown ? { ...state.shown, healthy: false } : state.shown;
  return { ...state, shown, gatewayLost: false };
}

function serverAnswered(state: State): State {
  if (state.server === "answers") return state;
  const next: State = { ...state, server: "answers", offline: false };
  // The path was gone and is back: that no way worked meanwhile says nothing about them.
  return begin(state.server === "silent" ? { ...next, failures: NO_FAILURES } : next);
}

function serverSilent(state: State, offline: boolean): State {
  if (state.server === "answers") return state;
  return { ...without(state, isUnconnected), server: "silent", offline };
}

function networkChanged(state: State): State {
  if (state.server !== "answers") return state;
  return begin({ ...without(state, isUnconnected), failures: NO_FAILURES });
}

function choose(state: State, choice: "auto" | "vnc"): State {
  const next: State = { ...state, over: null, reason: "", choice, failures: NO_FAILURES };
  if (choice === "auto") return begin({ ...next, named: false });
  const alone = without(next, (_, way) => way !== "vnc");
  const isThere = alone.tries.vnc || (isWell(alone) && alone.shown?.way === "vnc");
  return isThere ? alone : open({ ...alone, server: "answers" }, "vnc");
}

// --- time -----------------------------------------------------------------------------------------

function fired(state: State, timer: Timer): State {
  switch (timer) {
    case "webrtc":
    case "websocket":
    case "vnc":
      return state.tries[timer] ? late(state, timer) : state;
    case "webrtcAgain":
      return openAgain(state, "webrtc");
    case "websocketAgain":
      return openAgain(state, "websocket");
    case "vncAgain":
      return openAgain(state, "vnc");
    case "lower": {
      const way = lower(state);
      return way ? open(state, way) : state;
    }
    case "name":
      return { ...state, named: true };
    case "shown":
      return state.tries.webrtc?.decoded ? fail(state, "webrtc", "picture-not-shown") : state;
    case "settled": {
      const { shown } = state;
      if (!shown) return state;
      const failures = { ...state.failures, [shown.way]: 0 };
      return { ...state, shown: { ...shown, settled: true }, failures };
    }
  }
}

/** A way took too long. If the offer has no answer either, it may not be the ways that are blocked. */
function late(state: State, way: Way): State {
  const next = fail(state, way, whyLate(state, way));
  const isUnheard = way !== "webrtc" && next.tries.webrtc?.waitsFor === "gateway";
  return isUnheard ? { ...next, server: asking(next) } : next;
}

function openAgain(state: State, way: Way): State {
  return isAtWork(state) && !state.tries[way] ? open(state, way) : state;
}

function whyLate(state: State, way: Way): CauseCode {
  const tried = state.tries[way];
  if (tried?.waitsFor === "frame" && way !== "vnc") {
    return tried.decoded ? "picture-not-shown" : "no-picture";
  }
  if (way === "webrtc" && tried?.waitsFor === "gateway") return "gateway-unreachable";
  return whyUnconnected(state, way);
}

function whyUnconnected(state: State, way: Way): CauseCode {
  if (way === "websocket") return "websocket-blocked";
  if (way === "vnc") return isReady(state) ? "vnc-blocked" : "no-picture";
  return state.tries.webrtc?.hint ?? "udp-blocked";
}
