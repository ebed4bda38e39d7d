import { describe, expect, it } from "vitest";
import { explore, type Step } from "./exploration";
import { type Command, step } from "./machine";

const LONG_MS = 180_000;

describe("every state that a viewer can reach", () => {
  it(
    "keeps the promises",
    () => {
      const { states, transitions, broken } = explore(step);
      console.info(`explored ${states} states by ${transitions} transitions`);
      expect(broken).toBeNull();
      expect(states).toBeGreaterThan(10_000);
    },
    LONG_MS,
  );
});

/** A machine whose commands go wrong. */
function garbled(change: (command: Command, state: ReturnType<Step>[0]) => Command[]): Step {
  return (state, event) => {
    const [next, commands] = step(state, event);
    return [next, commands.flatMap((command) => change(command, next))];
  };
}

const FAULTS: [string, Step, string][] = [
  [
    "forgets to try again",
    garbled((command) =>
      command.type === "setTimer" && command.timer === "webrtcAgain" ? [] : [command],
    ),
    "a missing picture is worked on",
  ],
  [
    "gives a WebSocket no time limit",
    garbled((command) =>
      command.type === "setTimer" && command.timer === "websocket" ? [] : [command],
    ),
    "every try has its time",
  ],
  [
    "closes the picture when it is in doubt",
    (state, event) => {
      const [next, commands] = step(state, event);
      const { shown } = next;
      if (event.type !== "wentQuiet" || !shown || shown.healthy) return [next, commands];
      return [{ ...next, shown: null }, [...commands, { type: "close", id: shown.id }]];
    },
    "the picture stays",
  ],
  [
    "leaves a connection open that it no longer holds",
    garbled((command, { over }) => (command.type === "close" && !over ? [] : [command])),
    "what is open is what is shown or tried",
  ],
  [
    "listens to a connection that is gone",
    (state, event) => {
      const isStale = "id" in event && event.id === 0;
      return step(state, isStale ? { ...event, id: state.tries.webrtc?.id ?? 0 } : event);
    },
    "what is said of a connection that is gone changes nothing",
  ],
  [
    "waits in silence",
    garbled((command) =>
      command.type === "setTimer" && command.timer === "name" ? [] : [command],
    ),
    "a missing picture is named in time",
  ],
];

describe("the exploration finds a machine that", () => {
  it.each(FAULTS)("%s", (_, faulty, promise) => {
    const { broken } = explore(faulty);
    expect(broken?.promise).toContain(promise);
    expect(broken?.path.length).toBeGreaterThan(0);
  });
});
