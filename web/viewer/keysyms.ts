/** X11 keysyms (X Window System Protocol, appendix A) of what a KeyboardEvent says. Pure. */

export const CONTROL_L = 0xffe3;
export const ALT_L = 0xffe9;
export const SHIFT_L = 0xffe1;
export const SUPER_L = 0xffeb;

const NAMED: Readonly<Record<string, number>> = {
  Backspace: 0xff08,
  Tab: 0xff09,
  Clear: 0xff0b,
  Enter: 0xff0d,
  Pause: 0xff13,
  ScrollLock: 0xff14,
  Escape: 0xff1b,
  Home: 0xff50,
  ArrowLeft: 0xff51,
  ArrowUp: 0xff52,
  ArrowRight: 0xff53,
  ArrowDown: 0xff54,
  PageUp: 0xff55,
  PageDown: 0xff56,
  End: 0xff57,
  Select: 0xff60,
  PrintScreen: 0xff61,
  Execute: 0xff62,
  Insert: 0xff63,
  Undo: 0xff65,
  Redo: 0xff66,
  ContextMenu: 0xff67,
  Find: 0xff68,
  Cancel: 0xff69,
  Help: 0xff6a,
  Delete: 0xffff,
  Convert: 0xff23,
  NonConvert: 0xff22,
  HiraganaKatakana: 0xff27,
  ZenkakuHankaku: 0xff2a,
  KanaMode: 0xff2d,
  HangulMode: 0xff31,
  HanjaMode: 0xff34,
  BrowserBack: 0x1008ff26,
  BrowserForward: 0x1008ff27,
  BrowserRefresh: 0x1008ff29,
};

/** Keys that come twice on a keyboard, by `code`. */
const PLACED: Readonly<Record<string, number>> = {
  ShiftLeft: SHIFT_L,
  ShiftRight: 0xffe2,
  ControlLeft: CONTROL_L,
  ControlRight: 0xffe4,
  AltLeft: ALT_L,
  AltRight: 0xffea,
  MetaLeft: SUPER_L,
  MetaRight: 0xffec,
};

const MODIFIERS: Readonly<Record<string, number>> = {
  Shift: SHIFT_L,
  Control: CONTROL_L,
  Alt: ALT_L,
  Meta: SUPER_L,
  OS: SUPER_L,
};

export interface Key {
  key: string;
  code: string;
}

/** Gives the keysym of a character (one code point). */
export function keysymOfCharacter(character: string): number | null {
  const point = character.codePointAt(0);
  if (point === undefined || String.fromCodePoint(point) !== character) return null;
  // Latin-1 keysyms are the characters' own numbers.
  if ((point >= 0x20 && point <= 0x7e) || (point >= 0xa0 && point <= 0xff)) return point;
  if (point === 0x0a || point === 0x0d) return 0xff0d;
  if (point === 0x09) return 0xff09;
  const surrogate = point >= 0xd800 && point <= 0xdfff;
  return point < 0xa0 || surrogate ? null : 0x01000000 + point;
}

/**
 * Gives the keysym of a key, or null for what must not be sent as a key: lock keys (the character
 * that comes tells what they do), AltGr (likewise), dead keys and composition.
 */
export function keysym({ key, code }: Key): number | null {
  if (key in MODIFIERS) return PLACED[code] ?? MODIFIERS[key] ?? null;
  const named = NAMED[key];
  if (named !== undefined) return named;
  const numbered = /^F([1-9]|1\d|2[0-4])$/.exec(key);
  if (numbered) return 0xffbd + Number(numbered[1]);
  return keysymOfCharacter(key);
}

/** Whether a keysym is a modifier's. */
export function isModifier(keysym: number): boolean {
  return keysym >= SHIFT_L && keysym <= 0xffee;
}

/** Whether a keysym is a character's, and not a key's like Return. */
export function isCharacter(keysym: number): boolean {
  return keysym < 0xff00 || (keysym >= 0x01000000 && keysym < 0x01110000);
}
