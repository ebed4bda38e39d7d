/**
 * What a viewer does, as a state machine: `step(state, event)` gives the next state and the
 * commands to carry out. Pure: no clock, no network, no DOM. Times are in milliseconds.
 *
 * The one idea: the picture that is shown stays until its successor has a frame. So there are at
 * most two WebRTC connections, `shown` and `trying`, and noVNC as the rung below them.
 */

import {
  AGAIN_MS,
  BACKOFF_MS,
  CHOSEN,
  type Command,
  type Event,
  type Facts,
  GRACE_MS,
  isReady,
  NO_PATH,
  NO_PICTURE,
  NOT_SHOWN,
  PATH_LOST,
  PATH_MS,
  type PathState,
  PICTURE_MS,
  type Rung,
  SHOWN_MS,
  type State,
  type Stepped,
  start,
  TIMERS,
  type Timer,
  TRIES,
} from "./state";

export * from "./state";

/** Takes one event, moves, and says what the element must do next. */
export function step(state: State, event: Event): Stepped {
  if (event.type === "attached") return attach(state);
  if (event.type === "detached") return finish({ ...state, attached: false, over: null });
  if (!state.attached || state.over === "ended") return [state, []];
  switch (event.type) {
    case "sessionChanged":
      return change(state, event.facts);
    case "sessionEnded":
      return finish({ ...state, over: "ended", reason: event.reason });
    case "sessionRefused":
      return finish({ ...state, over: "failed", reason: event.reason });
    case "gatewayLost":
      return [{ ...state, gatewayLost: true }, []];
    case "gatewayBack":
      return returnOfGateway(state);
    case "eventsBegunAgain":
      // Its return may have been missed; an offer finds out.
      return state.gatewayLost ? returnOfGateway(state) : [state, []];
    case "offerAnswered":
      return answered(state, event.id);
    case "offerRefused":
      return refused(state, event);
    case "pathChanged":
      return pathChanged(state, event.id, event.path);
    case "frameDecoded":
      return decoded(state, event.id);
    case "frameShown":
      return frame(state, event.id);
    case "vncConnected":
      return vncConnected(state, event.id);
    case "vncLost":
      return vncLost(state, event.id, event.reason);
    case "cameOnline":
      return state.choice === "vnc" ? [state, []] : retryNow(state);
    case "becameVisible":
      return isWell(state) || state.trying ? [state, []] : retryNow(state);
    case "rungChosen":
      return choose(state, event.rung);
    case "timerFired":
      return fired(state, event.timer);
  }
}

function isWell(state: State): boolean {
  return Boolean(state.vnc) || Boolean(state.shown?.healthy && !state.gatewayLost);
}

function attach(state: State): Stepped {
  if (state.attached) return [state, []];
  const [next, commands] = open({ ...start(), nextId: state.nextId, attached: true });
  return [next, [{ type: "openEvents" }, ...commands]];
}

function finish(state: State): Stepped {
  const commands: Command[] = [{ type: "closeEvents" }, ...clear(...TIMERS)];
  if (state.trying) commands.push({ type: "closeConnection", id: state.trying.id });
  if (state.shown) commands.push({ type: "closeConnection", id: state.shown.id });
  if (state.vnc) commands.push({ type: "closeVnc", id: state.vnc.id });
  return [{ ...state, trying: null, shown: null, vnc: null }, commands];
}

function change(state: State, facts: Facts): Stepped {
  const next = { ...state, facts };
  if (facts.status === "ended") {
    return finish({ ...next, over: "ended", reason: facts.reason || "The session has ended." });
  }
  const becameReady = isReady(next) && !isReady(state);
  if (becameReady && next.trying?.waitsFor === "frame")
    return [next, [timer("picture", PICTURE_MS)]];
  // WebRTC gave up while there was no machine whose VNC could be shown; now there is one.
  if (becameReady && next.failures >= TRIES && next.choice === "auto" && !next.vnc) {
    return openVnc(next, next.reason || NO_PATH);
  }
  return [next, []];
}

/** Opens a new connection next to the one that is shown, in place of one that is being tried. */
function open(state: State): Stepped {
  const id = state.nextId;
  const commands: Command[] = clear("retry", "path", "picture", "shown", "grace", "again");
  if (state.over === "failed") commands.push({ type: "openEvents" });
  if (state.trying) commands.push({ type: "closeConnection", id: state.trying.id });
  commands.push({ type: "openConnection", id }, timer("path", PATH_MS));
  return [{ ...state, over: null, nextId: id + 1, trying: { id, waitsFor: "gateway" } }, commands];
}

function retryNow(state: State): Stepped {
  if (state.over === "failed") return open({ ...state, failures: 0, vncFailures: 0 });
  return open(state);
}

function returnOfGateway(state: State): Stepped {
  // What the lost gateway carried is dead, though the browser takes seconds to notice it.
  const shown = state.shown && {
    ...state.shown,
    healthy: state.shown.healthy && !state.gatewayLost,
  };
  const next = { ...state, shown, gatewayLost: false, failures: 0 };
  // An offer that is on its way reaches the new gateway.
  if (next.trying?.waitsFor === "gateway" || next.choice === "vnc") return [next, []];
  return open(next);
}

function answered(state: State, id: number): Stepped {
  if (state.trying?.id !== id || state.trying.waitsFor !== "gateway") return [state, []];
  return [{ ...state, trying: { id, waitsFor: "network" } }, []];
}

function refused(state: State, event: Extract<Event, { type: "offerRefused" }>): Stepped {
  if (state.trying?.id !== event.id) return [state, []];
  switch (event.refusal) {
    case "forbidden":
      return finish({ ...state, over: "failed", reason: event.reason });
    case "rejected":
      return fail({ ...state, failures: TRIES - 1 }, event.reason);
    case "busy":
      return fail(state, event.reason);
  }
}

function pathChanged(state: State, id: number, path: PathState): Stepped {
  if (state.trying?.id === id) return tryingPathChanged(state, path);
  if (state.shown?.id !== id) return [state, []];
  const shown = { id, healthy: path === "connected" };
  const next = { ...state, shown };
  if (path === "connected") return [next, clear("grace")];
  if (state.trying) return [next, []];
  if (path === "disconnected") return [next, [timer("grace", GRACE_MS)]];
  return open(next);
}

function tryingPathChanged(state: State, path: PathState): Stepped {
  if (!state.trying) return [state, []];
  if (path === "connected") {
    if (state.trying.waitsFor === "frame") return [state, []];
    const next: State = {
      ...state,
      everConnected: true,
      trying: { id: state.trying.id, waitsFor: "frame" },
    };
    const wait = isReady(next) ? [timer("picture", PICTURE_MS)] : [];
    return [next, [...clear("path"), ...wait]];
  }
  return path === "failed" ? fail(state, state.everConnected ? PATH_LOST : NO_PATH) : [state, []];
}

/** The connection that was tried will not do: again after a pause, or a rung down. */
function fail(state: State, reason: string): Stepped {
  const commands: Command[] = clear("path", "picture", "shown");
  if (state.trying) commands.push({ type: "closeConnection", id: state.trying.id });
  const next: State = { ...state, trying: null, failures: state.failures + 1 };
  if (state.vnc) return [next, [...commands, timer("again", AGAIN_MS)]];
  const enough = next.failures >= TRIES && next.choice === "auto" && isReady(next);
  if (enough) {
    const [lower, more] = openVnc(next, reason);
    return [lower, [...commands, ...more]];
  }
  const pause = BACKOFF_MS[Math.min(next.failures - 1, BACKOFF_MS.length - 1)] ?? 0;
  return [{ ...next, reason }, [...commands, timer("retry", pause)]];
}

function frame(state: State, id: number): Stepped {
  if (state.trying?.id !== id) return [state, []];
  const commands: Command[] = [...clear(...TIMERS), { type: "showPicture", id }];
  if (state.shown) commands.push({ type: "closeConnection", id: state.shown.id });
  if (state.vnc) commands.push({ type: "closeVnc", id: state.vnc.id });
  const next: State = {
    ...state,
    shown: { id, healthy: true },
    trying: null,
    vnc: null,
    failures: 0,
    vncFailures: 0,
    everConnected: true,
    firstFrame: true,
    gatewayLost: false,
    over: null,
    reason: "",
  };
  return [next, commands];
}

/** The browser has a picture: it must show it soon, or another connection has to. */
function decoded(state: State, id: number): Stepped {
  const { trying } = state;
  if (trying?.id !== id || trying.waitsFor !== "frame" || trying.decoded) return [state, []];
  return [{ ...state, trying: { ...trying, decoded: true } }, [timer("shown", SHOWN_MS)]];
}

function openVnc(state: State, reason: string): Stepped {
  const id = state.nextId;
  const commands: Command[] = clear("retry", "path", "picture", "shown", "grace", "again", "vnc");
  if (state.vnc) commands.push({ type: "closeVnc", id: state.vnc.id });
  commands.push({ type: "openVnc", id });
  const vnc = { id, connected: false };
  return [{ ...state, nextId: id + 1, vnc, over: null, reason }, commands];
}

function vncConnected(state: State, id: number): Stepped {
  if (state.vnc?.id !== id) return [state, []];
  const commands: Command[] = [];
  // A dead picture below noVNC is of no use; it would only be closed later.
  if (state.shown) commands.push({ type: "closeConnection", id: state.shown.id });
  if (state.choice === "auto") commands.push(timer("again", AGAIN_MS));
  const vnc = { id, connected: true };
  return [{ ...state, vnc, shown: null, vncFailures: 0, firstFrame: true }, commands];
}

function vncLost(state: State, id: number, reason: string): Stepped {
  if (state.vnc?.id !== id) return [state, []];
  const next: State = { ...state, vnc: null, vncFailures: state.vncFailures + 1 };
  const close: Command[] = [{ type: "closeVnc", id }];
  if (next.vncFailures < TRIES) {
    const pause = BACKOFF_MS[next.vncFailures] ?? 0;
    return [{ ...next, vnc: { id, connected: false } }, [...close, timer("vnc", pause)]];
  }
  const commands: Command[] = [...close, ...clear("retry", "again"), timer("again", AGAIN_MS)];
  if (next.trying) commands.push({ type: "closeConnection", id: next.trying.id });
  if (next.shown) commands.push({ type: "closeConnection", id: next.shown.id });
  const words = [state.reason === CHOSEN ? "" : state.reason, reason].filter(Boolean).join(" ");
  return [
    { ...next, trying: null, shown: null, over: "failed", choice: "auto", reason: words },
    commands,
  ];
}

function choose(state: State, wanted: Rung): Stepped {
  if (wanted === "webrtc") {
    return open({ ...state, choice: "auto", failures: 0, vncFailures: 0 });
  }
  const commands: Command[] = [];
  if (state.trying) commands.push({ type: "closeConnection", id: state.trying.id });
  const [next, more] = openVnc({ ...state, choice: "vnc", trying: null, vncFailures: 0 }, CHOSEN);
  return [next, [...commands, ...more]];
}

function fired(state: State, which: Timer): Stepped {
  switch (which) {
    case "path": {
      if (!state.trying || state.trying.waitsFor === "frame") return [state, []];
      const found = state.trying.waitsFor === "network" && !state.everConnected;
      // A network that lets nothing through does not change in a second: no use in trying thrice.
      return fail(found ? { ...state, failures: TRIES } : state, found ? NO_PATH : PATH_LOST);
    }
    case "picture":
      return state.trying?.waitsFor === "frame" ? fail(state, NO_PICTURE) : [state, []];
    case "shown":
      return state.trying?.decoded ? fail(state, NOT_SHOWN) : [state, []];
    case "grace":
      return state.shown && !state.shown.healthy && !state.trying ? open(state) : [state, []];
    case "retry":
      return state.trying || state.vnc ? [state, []] : open(state);
    case "vnc":
      return state.vnc && !state.vnc.connected ? openVnc(state, state.reason) : [state, []];
    case "again":
      return state.trying || state.choice === "vnc" ? [state, []] : retryNow(state);
  }
}

function timer(name: Timer, afterMs: number): Command {
  return { type: "setTimer", timer: name, afterMs };
}

function clear(...names: Timer[]): Command[] {
  return names.map((name) => ({ type: "clearTimer", timer: name }));
}
