import { expect, it } from "vitest";
import { isCharacter, isModifier, keysym, keysymOfCharacter } from "./keysyms";

it.each<[string, string, number | null]>([
  ["a", "KeyA", 0x61],
  ["A", "KeyA", 0x41],
  ["é", "Digit2", 0xe9],
  ["€", "KeyE", 0x010020ac],
  ["я", "KeyZ", 0x0100044f],
  ["😀", "", 0x0101f600],
  ["Enter", "NumpadEnter", 0xff0d],
  ["F1", "F1", 0xffbe],
  ["F12", "F12", 0xffc9],
  ["Shift", "ShiftRight", 0xffe2],
  ["Control", "ControlLeft", 0xffe3],
  ["Meta", "", 0xffeb],
  [" ", "Space", 0x20],
  ["Delete", "Delete", 0xffff],
  ["CapsLock", "CapsLock", null],
  ["Dead", "BracketLeft", null],
  ["AltGraph", "AltRight", null],
  ["Unidentified", "", null],
])("maps %s at %s", (key, code, expected) => {
  expect(keysym({ key, code })).toBe(expected);
});

it("gives no keysym for control characters, halves of pairs and more than one character", () => {
  expect(["\u0007", "\ud800", "ab", ""].map(keysymOfCharacter)).toEqual([null, null, null, null]);
});

it("tells modifiers and characters apart", () => {
  expect([0xffe1, 0xffeb, 0x61, 0xff0d].map(isModifier)).toEqual([true, true, false, false]);
  expect([0x61, 0x010020ac, 0xff0d, 0x1008ff26].map(isCharacter)).toEqual([
    true,
    true,
    false,
    false,
  ]);
});
