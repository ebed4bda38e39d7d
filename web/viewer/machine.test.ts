import { describe, expect, it } from "vitest";
import {
  type Command,
  cause,
  type Event,
  type Facts,
  phase,
  rung,
  type State,
  start,
  step,
  type Timer,
  type Way,
  waitingFor,
} from "./machine";

const facts = (status: Facts["status"]): Facts => ({
  status,
  step: "",
  percent: status === "vm_created" ? 100 : 40,
  stages: [],
  reason: status === "ended" ? "It was ended." : "",
  rests: false,
});
const ATTACHED: Event = { type: "attached" };
const BOOTING: Event = { type: "sessionChanged", facts: facts("booting") };
const READY: Event = { type: "sessionChanged", facts: facts("vm_created") };
const ANSWERED: Event = { type: "serverAnswered" };
const SILENT: Event = { type: "serverSilent", offline: false };
const LOST: Event = { type: "gatewayLost" };

interface Run {
  state: State;
  last: Command[];
  all: Command[];
}

function run(...events: Event[]): Run {
  return after({ state: start(), last: [], all: [] }, ...events);
}

function after(before: Run, ...events: Event[]): Run {
  let { state, last } = before;
  const all = [...before.all];
  for (const event of events) {
    [state, last] = step(state, event);
    all.push(...last);
  }
  return { state, last, all };
}

const connected = (id: number): Event[] => [
  { type: "offerAnswered", id },
  { type: "pathChanged", id, path: "connected" },
];
const shown = (id: number): Event => ({ type: "frameShown", id });
const live = (id: number): Event[] => [...connected(id), shown(id)];
const failed = (id: number): Event => ({ type: "pathChanged", id, path: "failed" });
const busy = (id: number): Event => ({
  type: "offerRefused",
  id,
  refusal: "busy",
  reason: "Busy.",
});
const fires = (timer: Timer): Event => ({ type: "timerFired", timer });
const quiet = (id: number): Event => ({ type: "wentQuiet", id });

function opens(commands: readonly Command[]): Way[] {
  return commands.flatMap((each) => (each.type === "open" ? [each.way] : []));
}

function closes(commands: readonly Command[]): number[] {
  return commands.flatMap((each) => (each.type === "close" ? [each.id] : []));
}

/** WebRTC finds no path; a WebSocket has a frame. */
const ON_WEBSOCKET: Event[] = [ATTACHED, READY, fires("lower"), ...live(2)];

describe("a viewer", () => {
  it("offers at once when it is put into the page", () => {
    expect(opens(run(ATTACHED).all)).toEqual(["webrtc"]);
    expect(run(ATTACHED).all).toContainEqual({ type: "openEvents" });
  });

  it.each<[string, Event[], string, string]>([
    ["says that it boots", [ATTACHED, BOOTING], "booting", "gateway"],
    ["waits for the machine", [ATTACHED, BOOTING, ...connected(1)], "booting", "machine"],
    ["connects to a ready machine", [ATTACHED, READY], "connecting", "gateway"],
    ["waits for a path", [ATTACHED, READY, ...connected(1).slice(0, 1)], "connecting", "network"],
    ["waits for the first frame", [ATTACHED, READY, ...connected(1)], "connecting", "frame"],
    ["is live with the first frame", [ATTACHED, READY, ...live(1)], "live", "nothing"],
    ["is live before the machine is said to be ready", [ATTACHED, ...live(1)], "live", "nothing"],
    [
      "says that the gateway is away",
      [ATTACHED, READY, ...live(1), LOST],
      "connecting",
      "gateway",
    ],
    [
      "ends with the session",
      [ATTACHED, ...live(1), { type: "sessionChanged", facts: facts("ended") }],
      "ended",
      "nothing",
    ],
  ])("%s", (_, events, expected, waited) => {
    const { state } = run(...events);
    expect([phase(state), waitingFor(state)]).toEqual([expected, waited]);
  });

  it("pauses longer after each refusal", () => {
    const first = run(ATTACHED, BOOTING, busy(1));
    expect(first.last).toContainEqual({ type: "setTimer", timer: "webrtcAgain", afterMs: 500 });
    const second = after(first, fires("webrtcAgain"), busy(3));
    expect(second.last).toContainEqual({ type: "setTimer", timer: "webrtcAgain", afterMs: 1_000 });
  });

  it("closes everything when it leaves the page", () => {
    const { last } = run(ATTACHED, READY, ...live(1), { type: "detached" });
    expect(closes(last)).toEqual([1]);
    expect(last).toContainEqual({ type: "closeEvents" });
  });

  it("is told by the server that the session is not its own, and waits to be asked", () => {
    const refused: Event = { type: "offerRefused", id: 1, refusal: "forbidden", reason: "No." };
    const over = run(ATTACHED, refused);
    expect([phase(over.state), over.state.reason]).toEqual(["failed", "No."]);
    expect(opens(after(over, { type: "networkChanged" }).last)).toEqual([]);
    expect(opens(after(over, { type: "choiceMade", choice: "auto" }).last)).toEqual(["webrtc"]);
  });
});

describe("the ladder down", () => {
  it("tries a WebSocket next to a WebRTC connection that takes its time", () => {
    const racing = run(ATTACHED, READY);
    expect(racing.all).toContainEqual({ type: "setTimer", timer: "lower", afterMs: 1_200 });
    expect(opens(after(racing, fires("lower")).last)).toEqual(["websocket"]);
  });

  it("shows what has a frame first, and says why it is not the best", () => {
    const { state, last } = run(...ON_WEBSOCKET);
    expect(last).toContainEqual({ type: "show", id: 2 });
    expect([phase(state), rung(state), cause(state)]).toEqual(["live", "websocket", ""]);
    const known = after(run(...ON_WEBSOCKET), fires("webrtc")).state;
    expect([phase(known), cause(known)]).toEqual(["live", "gateway-unreachable"]);
  });

  it("blames what the connection found out about its path", () => {
    const hint: Event = { type: "hinted", id: 1, cause: "turn-refused" };
    const { state } = run(...ON_WEBSOCKET, { type: "offerAnswered", id: 1 }, hint, failed(1));
    expect(cause(state)).toBe("turn-refused");
    const plain = run(...ON_WEBSOCKET, { type: "offerAnswered", id: 1 }, failed(1));
    expect(cause(plain.state)).toBe("udp-blocked");
  });

  it("takes noVNC when no WebSocket opens either", () => {
    const both = run(ATTACHED, READY, fires("lower"));
    expect(both.last).toContainEqual({ type: "setTimer", timer: "lower", afterMs: 2_500 });
    const blocked = after(both, failed(2));
    expect(opens(blocked.last)).toEqual(["vnc"]);
    const { state } = after(blocked, shown(3));
    expect([phase(state), rung(state), cause(state)]).toEqual([
      "live",
      "vnc",
      "websocket-blocked",
    ]);
  });

  it("waits with noVNC until there is a machine to show", () => {
    const early = run(ATTACHED, BOOTING, fires("lower"), failed(2));
    expect(opens(early.all)).not.toContain("vnc");
    expect(opens(after(early, READY).last)).toEqual(["vnc"]);
  });

  it("leaves a healthy picture for nothing that is worse", () => {
    const { state, last } = run(ATTACHED, READY, fires("lower"), ...live(1));
    expect(closes(last)).toEqual([2]);
    expect(rung(state)).toBe("udp");
  });

  it("names the failure in time where nothing works, and goes on trying", () => {
    const waiting = run(ATTACHED, READY);
    expect(waiting.all).toContainEqual({ type: "setTimer", timer: "name", afterMs: 7_000 });
    const down = after(waiting, fires("lower"), failed(2), fires("name"));
    expect([phase(down.state), cause(down.state)]).toEqual(["failed", "no-path"]);
    const { state } = after(down, fires("websocketAgain"), ...live(4));
    expect([phase(state), cause(state)]).toEqual(["live", ""]);
  });

  it("names it at once when every way was refused", () => {
    const { state } = run(ATTACHED, READY, failed(1), failed(2), failed(3));
    expect([phase(state), cause(state)]).toEqual(["failed", "no-path"]);
  });

  it("asks the server when a WebSocket is too late and the offer has no answer either", () => {
    const unheard = run(ATTACHED, READY, fires("lower"), fires("websocket"));
    expect(unheard.last).toContainEqual({ type: "askServer" });
    const silent = after(unheard, SILENT, fires("name"));
    expect([phase(silent.state), cause(silent.state)]).toEqual(["failed", "server-unreachable"]);
    const { all } = run(ATTACHED, READY, ...connected(1), fires("lower"), fires("websocket"));
    expect(all).not.toContainEqual({ type: "askServer" });
  });

  it("does not call the start of a machine a failure", () => {
    const { last, state } = run(ATTACHED, BOOTING);
    expect(last).toContainEqual({ type: "clearTimer", timer: "name" });
    expect(phase(state)).toBe("booting");
  });
});

describe("the ladder up", () => {
  it("goes on trying WebRTC below its picture, with longer pauses", () => {
    const first = run(...ON_WEBSOCKET, failed(1));
    expect(first.last).toContainEqual({ type: "setTimer", timer: "webrtcAgain", afterMs: 5_000 });
    const second = after(first, fires("webrtcAgain"), failed(3));
    expect(second.last).toContainEqual({
      type: "setTimer",
      timer: "webrtcAgain",
      afterMs: 10_000,
    });
    expect(phase(second.state)).toBe("live");
  });

  it("shows the better picture when it has a frame, and closes the worse one then", () => {
    const climbing = run(...ON_WEBSOCKET, failed(1), fires("webrtcAgain"), ...connected(3));
    expect(closes(climbing.last)).toEqual([]);
    const { state, last } = after(climbing, shown(3));
    expect([closes(last), rung(state), cause(state)]).toEqual([[2], "udp", ""]);
  });

  it("tries at once on another network", () => {
    const { last } = run(...ON_WEBSOCKET, failed(1), { type: "networkChanged" });
    expect(opens(last)).toEqual(["webrtc"]);
  });

  it("says the rung that ICE chose", () => {
    const found: Event = { type: "rungFound", id: 1, rung: "turn-tls" };
    expect(rung(run(ATTACHED, READY, ...live(1), found).state)).toBe("turn-tls");
  });

  it("stays with noVNC when it was chosen, until the best way is", () => {
    const chosen = run(ATTACHED, READY, ...live(1), { type: "choiceMade", choice: "vnc" });
    expect([opens(chosen.last), closes(chosen.last)]).toEqual([["vnc"], []]);
    const there = after(chosen, shown(2));
    expect([closes(there.last), cause(there.state)]).toEqual([[1], "chosen"]);
    expect(after(there, { type: "networkChanged" }).last).toEqual([]);
    const back = after(there, { type: "choiceMade", choice: "auto" });
    expect(opens(back.last)).toEqual(["webrtc"]);
  });
});

describe("a picture that is lost", () => {
  const LIVE: Event[] = [ATTACHED, READY, ...live(1), fires("settled")];

  it("stays until its successor has a frame", () => {
    const lost = run(...LIVE, quiet(1), ANSWERED);
    expect([opens(lost.last), closes(lost.last)]).toEqual([["webrtc"], []]);
    expect(phase(lost.state)).toBe("connecting");
    const { last } = after(lost, shown(2));
    expect(last).toContainEqual({ type: "show", id: 2 });
    expect(closes(last)).toEqual([1]);
  });

  it("is asked for as soon as the server answers, after a silence as well", () => {
    const silent = run(...LIVE, quiet(1), SILENT);
    expect([opens(silent.last), cause(silent.state)]).toEqual([[], "network-lost"]);
    const { last } = after(silent, ANSWERED);
    expect(opens(last)).toEqual(["webrtc"]);
    expect(last).toContainEqual({ type: "openEventsAgain" });
  });

  it("is live again when it mends, and its successor is closed", () => {
    const { state, last } = run(...LIVE, quiet(1), ANSWERED, { type: "heardAgain", id: 1 });
    expect([phase(state), closes(last)]).toEqual(["live", [2]]);
  });

  it("is named after a while, and comes back from there", () => {
    const named = run(...LIVE, quiet(1), SILENT, fires("name"));
    expect(phase(named.state)).toBe("failed");
    const { state } = after(named, ANSWERED, ...live(2));
    expect(phase(state)).toBe("live");
  });

  it("says that the computer is offline when it is", () => {
    const { state } = run(...LIVE, quiet(1), { type: "serverSilent", offline: true });
    expect(cause(state)).toBe("offline");
  });

  it("comes by a WebSocket when only UDP is gone", () => {
    const { state } = run(...LIVE, quiet(1), ANSWERED, fires("lower"), ...live(3));
    expect([phase(state), rung(state)]).toEqual(["live", "websocket"]);
  });

  it("so soon after it came counts against its way", () => {
    const young = run(ATTACHED, READY, ...live(1), quiet(1), ANSWERED);
    expect(opens(young.last)).toEqual(["websocket"]);
    expect(young.last).toContainEqual({ type: "setTimer", timer: "webrtcAgain", afterMs: 500 });
  });
});

describe("a gateway that is lost", () => {
  it("is asked for a new connection when it is back", () => {
    const { last } = run(ATTACHED, READY, ...live(1), LOST, { type: "gatewayBack" });
    expect(opens(last)).toEqual(["webrtc"]);
  });

  it("leaves no picture that is live before the new gateway's first frame", () => {
    const back = run(ATTACHED, READY, ...live(1), LOST, { type: "gatewayBack" });
    expect(phase(back.state)).toBe("connecting");
    expect(phase(after(back, ...live(2)).state)).toBe("live");
  });

  it("has some time before noVNC, which does without it", () => {
    const lost = run(ATTACHED, READY, ...live(1), LOST);
    expect(lost.last).toContainEqual({ type: "setTimer", timer: "lower", afterMs: 4_000 });
    expect(opens(after(lost, fires("lower")).last)).toEqual(["vnc"]);
  });

  it("is not waited for for ever by a viewer who missed its return", () => {
    const again: Event = { type: "eventsBegunAgain" };
    const { state, last } = run(ATTACHED, READY, ...live(1), LOST, again);
    expect(state.gatewayLost).toBe(false);
    expect(opens(last)).toEqual(["webrtc"]);
    expect(run(ATTACHED, READY, ...live(1), again).last).toEqual([]);
  });
});

describe("a picture that is decoded", () => {
  const DECODED: Event = { type: "frameDecoded", id: 1 };
  const CONNECTED: Event[] = [ATTACHED, READY, ...connected(1)];

  it("has three seconds to be shown, from the first time that it is said", () => {
    const { last } = run(...CONNECTED, DECODED);
    expect(last).toEqual([{ type: "setTimer", timer: "shown", afterMs: 3_000 }]);
    expect(run(...CONNECTED, DECODED, DECODED).last).toEqual([]);
  });

  it("and not shown is asked for by another way, and says so", () => {
    const { state, last } = run(...CONNECTED, DECODED, fires("shown"));
    expect(closes(last)).toEqual([1]);
    expect(opens(last)).toEqual(["websocket"]);
    expect(state.causes.webrtc).toBe("picture-not-shown");
  });

  it("of a connection that is not tried says nothing", () => {
    expect(run(ATTACHED, READY, DECODED).last).toEqual([]);
    expect(run(...CONNECTED, { type: "frameDecoded", id: 7 }).last).toEqual([]);
  });
});
