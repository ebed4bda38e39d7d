import { describe, expect, it } from "vitest";
import {
  type Command,
  type Event,
  type Facts,
  NO_PATH,
  NOT_SHOWN,
  phase,
  rung,
  type State,
  start,
  step,
  waitingFor,
} from "./machine";

const facts = (status: Facts["status"]): Facts => ({
  status,
  step: "",
  percent: status === "vm_created" ? 100 : 40,
  stages: [],
  reason: status === "ended" ? "It was ended." : "",
});
const ATTACHED: Event = { type: "attached" };
const BOOTING: Event = { type: "sessionChanged", facts: facts("booting") };
const READY: Event = { type: "sessionChanged", facts: facts("vm_created") };

function run(...events: Event[]): { state: State; last: Command[]; all: Command[] } {
  let state = start();
  let last: Command[] = [];
  const all: Command[] = [];
  for (const event of events) {
    [state, last] = step(state, event);
    all.push(...last);
  }
  return { state, last, all };
}

const live = (id: number): Event[] => [
  { type: "offerAnswered", id },
  { type: "pathChanged", id, path: "connected" },
  { type: "frameShown", id },
];
const busy = (id: number): Event => ({
  type: "offerRefused",
  id,
  refusal: "busy",
  reason: "Busy.",
});

describe("a viewer", () => {
  it("offers at once when it is put into the page", () => {
    expect(run(ATTACHED).all).toContainEqual({ type: "openConnection", id: 1 });
    expect(run(ATTACHED).all).toContainEqual({ type: "openEvents" });
  });

  it.each<[string, Event[], string, string]>([
    ["says that it boots", [ATTACHED, BOOTING], "booting", "gateway"],
    [
      "waits for the machine once the path is there",
      [ATTACHED, BOOTING, ...live(1).slice(0, 2)],
      "booting",
      "machine",
    ],
    ["connects to a ready machine", [ATTACHED, READY], "connecting", "gateway"],
    ["waits for a path", [ATTACHED, READY, ...live(1).slice(0, 1)], "connecting", "network"],
    [
      "waits for the first frame",
      [ATTACHED, READY, ...live(1).slice(0, 2)],
      "connecting",
      "frame",
    ],
    ["is live with the first frame", [ATTACHED, READY, ...live(1)], "live", "nothing"],
    ["is live before the machine is said to be ready", [ATTACHED, ...live(1)], "live", "nothing"],
    [
      "says that the gateway is away",
      [ATTACHED, READY, ...live(1), { type: "gatewayLost" }],
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

  it("keeps the picture until the next connection has a frame", () => {
    const before = run(ATTACHED, READY, ...live(1), {
      type: "pathChanged",
      id: 1,
      path: "failed",
    });
    expect(before.last).toContainEqual({ type: "openConnection", id: 2 });
    expect(before.last).not.toContainEqual({ type: "closeConnection", id: 1 });
    const [, commands] = step(before.state, { type: "frameShown", id: 2 });
    expect(commands).toContainEqual({ type: "showPicture", id: 2 });
    expect(commands).toContainEqual({ type: "closeConnection", id: 1 });
  });

  it("gives a disconnected path two seconds to mend", () => {
    const lost = run(ATTACHED, READY, ...live(1), {
      type: "pathChanged",
      id: 1,
      path: "disconnected",
    });
    expect(lost.last).toEqual([{ type: "setTimer", timer: "grace", afterMs: 2_000 }]);
    const [mended] = step(lost.state, { type: "pathChanged", id: 1, path: "connected" });
    expect(phase(mended)).toBe("live");
    const [, commands] = step(lost.state, { type: "timerFired", timer: "grace" });
    expect(commands).toContainEqual({ type: "openConnection", id: 2 });
  });

  it("pauses longer after each refusal", () => {
    const first = run(ATTACHED, BOOTING, busy(1));
    expect(first.last).toContainEqual({ type: "setTimer", timer: "retry", afterMs: 0 });
    const second = run(
      ATTACHED,
      BOOTING,
      busy(1),
      { type: "timerFired", timer: "retry" },
      busy(2),
    );
    expect(second.last).toContainEqual({ type: "setTimer", timer: "retry", afterMs: 500 });
  });

  it("takes noVNC when no path is found within eight seconds, and says why", () => {
    const { state, last } = run(ATTACHED, READY, ...live(1).slice(0, 1), {
      type: "timerFired",
      timer: "path",
    });
    expect(last).toContainEqual({ type: "openVnc", id: 2 });
    const [shown] = step(state, { type: "vncConnected", id: 2 });
    expect([phase(shown), rung(shown), shown.reason]).toEqual(["vnc", "vnc", NO_PATH]);
  });

  it("waits with noVNC until there is a machine to show", () => {
    const early = run(ATTACHED, BOOTING, ...live(1).slice(0, 1), {
      type: "timerFired",
      timer: "path",
    });
    expect(early.all.some(({ type }) => type === "openVnc")).toBe(false);
    const [, commands] = step(early.state, READY);
    expect(commands.some(({ type }) => type === "openVnc")).toBe(true);
  });

  it("makes a new connection when the gateway is back", () => {
    const { last } = run(
      ATTACHED,
      READY,
      ...live(1),
      { type: "gatewayLost" },
      {
        type: "gatewayBack",
      },
    );
    expect(last).toContainEqual({ type: "openConnection", id: 2 });
  });

  it("is not live again before the new gateway's first frame", () => {
    const lost: Event[] = [{ type: "gatewayLost" }, { type: "gatewayBack" }];
    const back = run(ATTACHED, READY, ...live(1), ...lost);
    expect(phase(back.state)).toBe("connecting");
    expect(phase(run(ATTACHED, READY, ...live(1), ...lost, ...live(2)).state)).toBe("live");
  });

  it("stays with noVNC when it was chosen, until WebRTC is", () => {
    const chosen = run(
      ATTACHED,
      READY,
      ...live(1),
      { type: "rungChosen", rung: "vnc" },
      {
        type: "cameOnline",
      },
    );
    expect(chosen.last).toEqual([]);
    const [, commands] = step(chosen.state, { type: "rungChosen", rung: "webrtc" });
    expect(commands.some(({ type }) => type === "openConnection")).toBe(true);
  });

  it("closes everything when it leaves the page", () => {
    const { last } = run(ATTACHED, READY, ...live(1), { type: "detached" });
    expect(last).toContainEqual({ type: "closeConnection", id: 1 });
    expect(last).toContainEqual({ type: "closeEvents" });
  });
});

/** A small generator of numbers (mulberry32), so that a failing order can be run again. */
function numbers(seed: number): () => number {
  let at = seed;
  return () => {
    at = (at + 0x6d2b79f5) | 0;
    let mixed = Math.imul(at ^ (at >>> 15), 1 | at);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

function anyEvent(next: () => number, state: State): Event {
  const id = Math.max(1, state.nextId - 1 - Math.floor(next() * 3));
  const statuses = ["requested", "booting", "vm_created", "vm_created", "ending"] as const;
  const events: Event[] = [
    ATTACHED,
    { type: "sessionChanged", facts: facts(statuses[Math.floor(next() * 5)] ?? "booting") },
    { type: "gatewayLost" },
    { type: "gatewayBack" },
    { type: "eventsBegunAgain" },
    { type: "offerAnswered", id },
    busy(id),
    { type: "offerRefused", id, refusal: "rejected", reason: "No." },
    { type: "pathChanged", id, path: "connected" },
    { type: "pathChanged", id, path: "disconnected" },
    { type: "pathChanged", id, path: "failed" },
    { type: "frameDecoded", id },
    { type: "frameShown", id },
    { type: "vncConnected", id },
    { type: "vncLost", id, reason: "Lost." },
    { type: "cameOnline" },
    { type: "becameVisible" },
    { type: "rungChosen", rung: next() < 0.5 ? "vnc" : "webrtc" },
    ...(["path", "picture", "shown", "grace", "retry", "vnc", "again"] as const).map(
      (timer): Event => ({ type: "timerFired", timer }),
    ),
  ];
  return events[Math.floor(next() * events.length)] ?? ATTACHED;
}

describe("in any order of events", () => {
  it("holds two connections at most, leaks none, and always has something to wait for", () => {
    for (let seed = 1; seed <= 300; seed += 1) {
      const next = numbers(seed);
      const open = new Set<string>();
      const timers = new Set<string>();
      let state = start();
      const take = (event: Event) => {
        if (event.type === "timerFired" && !timers.delete(event.timer)) return;
        const [after, commands] = step(state, event);
        state = after;
        for (const command of commands) {
          if (command.type === "openConnection") open.add(`c${command.id}`);
          if (command.type === "closeConnection") open.delete(`c${command.id}`);
          if (command.type === "openVnc") open.add(`v${command.id}`);
          if (command.type === "closeVnc") open.delete(`v${command.id}`);
          if (command.type === "setTimer") timers.add(command.timer);
          if (command.type === "clearTimer") timers.delete(command.timer);
        }
      };
      take(ATTACHED);
      for (let count = 0; count < 60; count += 1) {
        const event = anyEvent(next, state);
        take(event);
        const where = `seed ${seed}, event ${count}: ${JSON.stringify(event)}`;
        expect([...open].filter((name) => name.startsWith("c")).length, where).toBeLessThan(3);
        expect([...open].filter((name) => name.startsWith("v")).length, where).toBeLessThan(2);
        const moves = Boolean(
          state.trying || state.vnc || timers.size > 0 || state.shown?.healthy,
        );
        expect(moves || state.gatewayLost, where).toBe(true);
        if (phase(state) === "failed") expect(state.reason, where).not.toBe("");
      }
      take({ type: "sessionEnded", reason: "Over." });
      expect([...open], `seed ${seed}`).toEqual([]);
      expect([...timers], `seed ${seed}`).toEqual([]);
      expect(phase(state)).toBe("ended");
    }
  });
});

describe("a picture that is decoded", () => {
  const CONNECTED: Event[] = [ATTACHED, READY, ...live(1).slice(0, 2)];
  const DECODED: Event = { type: "frameDecoded", id: 1 };
  const TIMED_OUT: Event = { type: "timerFired", timer: "shown" };

  it("has three seconds to be shown, from the first time that it is said", () => {
    const { last } = run(...CONNECTED, DECODED);
    expect(last).toEqual([{ type: "setTimer", timer: "shown", afterMs: 3000 }]);
    expect(run(...CONNECTED, DECODED, DECODED).last).toEqual([]);
  });

  it("and not shown is asked for once more, by another connection", () => {
    const { state, last } = run(...CONNECTED, DECODED, TIMED_OUT);
    expect(state.reason).toBe(NOT_SHOWN);
    expect(last).toContainEqual({ type: "closeConnection", id: 1 });
    const next = run(...CONNECTED, DECODED, TIMED_OUT, { type: "timerFired", timer: "retry" });
    expect(next.last).toContainEqual({ type: "openConnection", id: 2 });
  });

  it("and shown in time changes nothing more", () => {
    const { state, all } = run(...CONNECTED, DECODED, ...live(1).slice(2), TIMED_OUT);
    expect(phase(state)).toBe("live");
    expect(all).toContainEqual({ type: "clearTimer", timer: "shown" });
    expect(all).not.toContainEqual({ type: "openConnection", id: 2 });
  });

  it("of a connection that is not tried says nothing", () => {
    expect(run(ATTACHED, READY, DECODED).last).toEqual([]);
    expect(run(...CONNECTED, { type: "frameDecoded", id: 7 }).last).toEqual([]);
  });

  it("and never shown is seen by noVNC in the end", () => {
    const once = (id: number): Event[] => [
      ...live(id).slice(0, 2),
      { type: "frameDecoded", id },
      TIMED_OUT,
    ];
    const again: Event = { type: "timerFired", timer: "retry" };
    const { state } = run(ATTACHED, READY, ...once(1), again, ...once(2), again, ...once(3));
    expect(state.vnc).not.toBeNull();
    expect(state.reason).toBe(NOT_SHOWN);
  });
});

describe("events that are followed anew", () => {
  const AGAIN: Event = { type: "eventsBegunAgain" };

  it("change nothing under a live picture", () => {
    expect(run(ATTACHED, READY, ...live(1), AGAIN).last).toEqual([]);
  });

  it("do not leave a viewer waiting for a gateway whose return it missed", () => {
    const { state, last } = run(ATTACHED, READY, ...live(1), { type: "gatewayLost" }, AGAIN);
    expect(state.gatewayLost).toBe(false);
    expect(last).toContainEqual({ type: "openConnection", id: 2 });
  });
});
