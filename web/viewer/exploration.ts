/** Goes through every state that a viewer can reach, and says where a promise is broken. For tests. */

import {
  type Command,
  cause,
  type Event,
  type Facts,
  isAtWork,
  isReady,
  isWell,
  owesPicture,
  phase,
  rank,
  type State,
  type Stepped,
  start,
  type Timer,
  WAYS,
  type Way,
} from "./machine";

export type Step = (state: State, event: Event) => Stepped;

/** What the element would have open and running. */
interface World {
  readonly open: ReadonlyMap<number, Way>;
  readonly timers: ReadonlySet<Timer>;
  readonly asks: boolean;
  readonly follows: boolean;
}

interface Node {
  readonly state: State;
  readonly world: World;
  readonly from: Node | null;
  readonly by: Event | null;
}

export interface Found {
  readonly states: number;
  readonly transitions: number;
  /** The first promise that is broken, and the events that lead there. */
  readonly broken: null | { readonly promise: string; readonly path: readonly Event[] };
}

const STALE = 0;
const facts = (status: Facts["status"]): Facts => ({
  status,
  step: "",
  percent: 0,
  stages: [],
  reason: "",
  rests: false,
});

/** Goes breadth first through all states, from a viewer that is in no page. */
export function explore(step: Step): Found {
  const empty: World = { open: new Map(), timers: new Set(), asks: false, follows: false };
  const first: Node = { state: start(), world: empty, from: null, by: null };
  const seen = new Set([key(first.state)]);
  let transitions = 0;
  const queue = [first];
  for (let at = 0; at < queue.length; at += 1) {
    const node = queue[at] as Node;
    for (const event of eventsIn(node)) {
      transitions += 1;
      const next = taken(step, node, event);
      if (next === null) continue;
      if ("promise" in next) {
        const path = [...pathTo(node), event];
        return { states: seen.size, transitions, broken: { promise: next.promise, path } };
      }
      const name = key(next.state);
      if (seen.has(name)) continue;
      seen.add(name);
      queue.push(next);
    }
  }
  return { states: seen.size, transitions, broken: null };
}

/** Gives where an event leads, the promise that it breaks, or null when nothing changes. */
function taken(step: Step, node: Node, event: Event): Node | { promise: string } | null {
  const [state, commands] = step(node.state, event);
  if (state === node.state && commands.length === 0 && event.type !== "timerFired") return null;
  const world = carriedOut(node.world, event, commands);
  if (typeof world === "string") return { promise: world };
  const promise = brokenStep(node.state, event, state) ?? brokenState(state, world);
  return promise ? { promise } : { state, world, from: node, by: event };
}

/**
 * Gives the state without what changes no more than words: ids, counts of failures, whether there
 * was a first frame. So there are finitely many.
 */
function key({ facts, shown, tries, failures, ...rest }: State): string {
  const { attached, choice, server, gatewayLost, named, over } = rest;
  let name = `${facts?.status} ${attached} ${choice} ${server} ${gatewayLost} ${named} ${over}`;
  if (shown) name += ` ${shown.way} ${shown.healthy} ${shown.settled}`;
  for (const way of WAYS) {
    const tried = tries[way];
    name += ` ${tried?.waitsFor} ${tried?.decoded} ${failures[way] > 0}`;
  }
  return choice === "vnc" ? `${name} ${failures.vnc}` : name;
}

function eventsIn({ state, world }: Node): Event[] {
  const ids = [STALE, ...world.open.keys()];
  const events: Event[] = [
    { type: "attached" },
    { type: "detached" },
    { type: "sessionChanged", facts: facts("booting") },
    { type: "sessionChanged", facts: facts("vm_created") },
    { type: "sessionEnded", reason: "Over." },
    { type: "sessionRefused", reason: "Not yours." },
    { type: "gatewayLost" },
    { type: "gatewayBack" },
    { type: "eventsBegunAgain" },
    { type: "networkChanged" },
    { type: "becameVisible" },
    { type: "choiceMade", choice: "auto" },
    { type: "choiceMade", choice: "vnc" },
    ...ids.flatMap(eventsOf),
    ...[...world.timers].map((timer): Event => ({ type: "timerFired", timer })),
  ];
  if (world.asks) {
    events.push({ type: "serverAnswered" }, { type: "serverSilent", offline: false });
  }
  return state.over === "ended" ? events.slice(0, 4) : events;
}

function eventsOf(id: number): Event[] {
  return [
    { type: "offerAnswered", id },
    { type: "offerRefused", id, refusal: "busy", reason: "Busy." },
    { type: "offerRefused", id, refusal: "unreachable", reason: "Away." },
    { type: "offerRefused", id, refusal: "forbidden", reason: "No." },
    { type: "pathChanged", id, path: "connected" },
    { type: "pathChanged", id, path: "disconnected" },
    { type: "pathChanged", id, path: "failed" },
    { type: "frameDecoded", id },
    { type: "frameShown", id },
    { type: "wentQuiet", id },
    { type: "heardAgain", id },
  ];
}

/** Gives the world after the commands, or the promise that they break. */
function carriedOut(world: World, event: Event, commands: readonly Command[]): World | string {
  if (commands.length === 0 && event.type !== "timerFired") return world;
  const open = new Map(world.open);
  const timers = new Set(world.timers);
  let { asks, follows } = world;
  if (event.type === "timerFired") timers.delete(event.timer);
  for (const command of commands) {
    switch (command.type) {
      case "open":
        if (open.has(command.id)) return "no connection is opened twice";
        open.set(command.id, command.way);
        break;
      case "close":
        if (!open.delete(command.id)) return "every connection is closed once";
        break;
      case "show":
        if (!open.has(command.id)) return "only what is open is shown";
        break;
      case "setTimer":
        timers.add(command.timer);
        break;
      case "clearTimer":
        timers.delete(command.timer);
        break;
      case "askServer":
      case "stopAsking":
        asks = command.type === "askServer";
        break;
      case "openEvents":
      case "closeEvents":
        follows = command.type === "openEvents";
    }
  }
  return { open, timers, asks, follows };
}

function brokenStep(before: State, event: Event, after: State): string | null {
  const stale = "id" in event && event.id === STALE;
  if (stale && before !== after && key(before) !== key(after)) {
    return "what is said of a connection that is gone changes nothing";
  }
  const goesOn = isAtWork(before) && isAtWork(after);
  if (!goesOn || !before.shown) return null;
  if (!after.shown) return "the picture stays";
  const replaced = after.shown.id !== before.shown.id;
  if (replaced && event.type !== "frameShown")
    return "the picture stays until another has a frame";
  const sinks = rank(after.shown.way) > rank(before.shown.way);
  if (sinks && isWell(before) && before.choice === "auto")
    return "a healthy picture stays its rung";
  return null;
}

function brokenState(state: State, world: World): string | null {
  const ids = [state.shown, ...WAYS.map((way) => state.tries[way])].flatMap((each) =>
    each ? [each.id] : [],
  );
  if (ids.length !== world.open.size || !ids.every((id) => world.open.has(id))) {
    return "what is open is what is shown or tried";
  }
  if (world.follows !== isAtWork(state)) return "the session is followed while the viewer works";
  if (!isAtWork(state)) {
    return world.open.size + world.timers.size > 0 || world.asks ? "over is over" : null;
  }
  return brokenWait(state, world) ?? brokenWords(state, world);
}

/** Nothing is waited for without end: there is a timer, the machine's start, or the asking. */
function brokenWait(state: State, { timers, asks }: World): string | null {
  if (asks !== (state.server !== "answers")) return "the server is asked while it is in doubt";
  const { tries } = state;
  for (const way of WAYS) {
    const boots = tries[way]?.waitsFor === "frame" && !isReady(state);
    if (tries[way] && !boots && !timers.has(way)) return "every try has its time";
  }
  if (asks) return null;
  const tried = WAYS.some((way) => tries[way]);
  const again = [...timers].some((timer) => timer.endsWith("Again"));
  if (!isWell(state)) return tried || again ? null : "a missing picture is worked on";
  const best = state.shown?.way === (state.choice === "vnc" ? "vnc" : "webrtc");
  return best || tried || again ? null : "from a lower rung the higher are tried again";
}

function brokenWords(state: State, { timers }: World): string | null {
  const owes = owesPicture(state);
  if (owes && !state.named && !timers.has("name")) return "a missing picture is named in time";
  if (!owes && state.named) return "a failure is named only where a picture is owed";
  if (phase(state) === "failed" && cause(state) === "") return "a failure has a cause";
  return null;
}

function pathTo(node: Node): Event[] {
  const path: Event[] = [];
  for (let at: Node | null = node; at?.by; at = at.from) path.unshift(at.by);
  return path;
}
