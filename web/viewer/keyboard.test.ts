import { beforeEach, expect, it } from "vitest";
import { Keyboard } from "./keyboard";
import type { ToMachine } from "./messages";

let sent: ToMachine[];
let left: number;
let field: HTMLTextAreaElement;

beforeEach(() => {
  sent = [];
  left = 0;
  field = document.createElement("textarea");
  document.body.append(field);
  new Keyboard(
    field,
    (message) => sent.push(message),
    () => {
      left += 1;
    },
  );
});

function key(type: "keydown" | "keyup", name: string, code: string, more: KeyboardEventInit = {}) {
  const event = new KeyboardEvent(type, { key: name, code, cancelable: true, ...more });
  field.dispatchEvent(event);
  return event;
}

it("lets go of the same keysym that it pressed, whatever the modifiers are by then", () => {
  key("keydown", "A", "KeyA", { shiftKey: true });
  key("keyup", "a", "KeyA");
  expect(sent).toEqual([
    { type: "input.key", keysym: 0x41, down: true },
    { type: "input.key", keysym: 0x41, down: false },
  ]);
});

it("does not repeat held keys, as the X server does", () => {
  key("keydown", "a", "KeyA");
  key("keydown", "a", "KeyA", { repeat: true });
  expect(sent).toHaveLength(1);
});

it("leaves Ctrl+V to the browser", () => {
  expect(key("keydown", "v", "KeyV", { ctrlKey: true }).defaultPrevented).toBe(false);
  expect(sent).toEqual([]);
});

it("lets go of every key when it loses the focus", () => {
  key("keydown", "Control", "ControlLeft", { ctrlKey: true });
  field.dispatchEvent(new FocusEvent("blur"));
  expect(sent.at(-1)).toEqual({ type: "input.release" });
  key("keyup", "Control", "ControlLeft");
  expect(sent.at(-1)).toEqual({ type: "input.release" });
});

it("sends what an input method composed as text", () => {
  field.dispatchEvent(new CompositionEvent("compositionstart"));
  key("keydown", "n", "KeyN", { isComposing: true });
  field.dispatchEvent(Object.assign(new Event("compositionend"), { data: "日本" }));
  expect(sent).toEqual([{ type: "input.text", text: "日本" }]);
});

it("gives the keyboard back on Ctrl+Alt+Shift", () => {
  key("keydown", "Shift", "ShiftLeft", { ctrlKey: true, altKey: true, shiftKey: true });
  expect(left).toBe(1);
  expect(sent).toEqual([{ type: "input.release" }]);
});
