/**
 * Takes the keyboard while the viewer has the focus.
 *
 * The focus is in a textarea without a look, because only there do dead keys, input methods,
 * telephones' keyboards and pasting work. What it is typed is sent and removed.
 */

import { ALT_L, CONTROL_L, isCharacter, isModifier, keysym, SUPER_L } from "./keysyms";
import { pieces, type ToMachine } from "./messages";

/** Windows says AltGr as Control and AltGraph in the same moment, in milliseconds. */
const ALTGR_MS = 30;

export class Keyboard {
  private readonly down = new Map<string, number>();
  private composing = false;
  private controlAtMs = 0;
  private readonly mac = /mac|iphone|ipad/i.test(navigator.userAgent);

  constructor(
    private readonly field: HTMLTextAreaElement,
    private readonly send: (message: ToMachine) => void,
    private readonly leave: () => void,
  ) {
    field.addEventListener("keydown", (event) => this.pressed(event));
    field.addEventListener("keyup", (event) => this.released(event));
    field.addEventListener("compositionstart", () => {
      this.composing = true;
    });
    field.addEventListener("compositionend", (event) => {
      this.composing = false;
      this.type(event.data);
      field.value = "";
    });
    field.addEventListener("input", (event) => this.typed(event as InputEvent));
    field.addEventListener("paste", (event) => {
      event.preventDefault();
      this.paste(event.clipboardData?.getData("text/plain") ?? "");
    });
    // Nothing is ever copied or cut from here: it is empty.
    field.addEventListener("blur", () => this.releaseAll());
  }

  /** Lets go of every key: the machine must not keep one that nobody holds. */
  releaseAll(): void {
    this.composing = false;
    this.field.value = "";
    this.down.clear();
    this.send({ type: "input.release" });
  }

  /** Types what was pasted. The keys of the paste itself (Control) are let go of first. */
  paste(text: string): void {
    this.releaseAll();
    this.type(text.replace(/\r\n?/g, "\n"));
  }

  private pressed(event: KeyboardEvent): void {
    if (event.ctrlKey && event.altKey && event.shiftKey && MODIFIER_KEYS.has(event.key)) {
      event.preventDefault();
      this.releaseAll();
      this.leave();
      return;
    }
    if (this.isComposition(event) || isPaste(event)) return;
    if (event.key === "AltGraph") return this.altGr(event);
    const symbol = this.symbolOf(event);
    if (symbol === null) return;
    event.preventDefault();
    // The X server repeats held keys by itself.
    if (event.repeat && this.down.has(event.code)) return;
    if (isCharacter(symbol)) this.dropCharacterModifiers(event);
    if (symbol === CONTROL_L) this.controlAtMs = event.timeStamp;
    this.down.set(event.code || event.key, symbol);
    this.send({ type: "input.key", keysym: symbol, down: true });
  }

  private released(event: KeyboardEvent): void {
    const name = event.code || event.key;
    const symbol = this.down.get(name);
    if (symbol === undefined) return;
    event.preventDefault();
    this.up(name, symbol);
    // macOS says nothing of keys that go up while Command is held.
    if (this.mac && event.key === "Meta") {
      for (const [other, held] of this.down) if (!isModifier(held)) this.up(other, held);
    }
  }

  private up(name: string, symbol: number): void {
    this.down.delete(name);
    this.send({ type: "input.key", keysym: symbol, down: false });
  }

  private symbolOf(event: KeyboardEvent): number | null {
    const symbol = keysym(event);
    // Command does on macOS what Control does elsewhere.
    if (this.mac && (symbol === SUPER_L || symbol === SUPER_L + 1)) return CONTROL_L;
    return symbol;
  }

  private isComposition(event: KeyboardEvent): boolean {
    const key = event.key;
    return (
      this.composing ||
      event.isComposing ||
      event.keyCode === 229 ||
      key === "Process" ||
      key === "Dead" ||
      key === "Unidentified"
    );
  }

  private altGr(event: KeyboardEvent): void {
    event.preventDefault();
    const control = this.down.get("ControlLeft");
    if (control !== undefined && event.timeStamp - this.controlAtMs < ALTGR_MS) {
      this.up("ControlLeft", control);
    }
  }

  /** AltGr and Option made this character: with Alt still held it would be a shortcut instead. */
  private dropCharacterModifiers(event: KeyboardEvent): void {
    const third = event.getModifierState("AltGraph") || (this.mac && event.altKey);
    if (!third) return;
    for (const [name, held] of this.down) {
      if (held === ALT_L || held === ALT_L + 1) this.up(name, held);
    }
  }

  /** What telephones and dead keys wrote into the field. */
  private typed(event: InputEvent): void {
    if (this.composing || event.isComposing) return;
    if (event.inputType === "insertLineBreak") this.tap(0xff0d);
    else if (event.inputType.startsWith("deleteContent")) this.tap(0xff08);
    else if (event.inputType !== "insertCompositionText") this.type(event.data ?? "");
    this.field.value = "";
  }

  private tap(symbol: number): void {
    this.send({ type: "input.key", keysym: symbol, down: true });
    this.send({ type: "input.key", keysym: symbol, down: false });
  }

  private type(text: string): void {
    for (const piece of pieces(text)) this.send({ type: "input.text", text: piece });
  }
}

const MODIFIER_KEYS = new Set(["Control", "Alt", "Shift"]);

/** Left to the browser, which then gives us the paste event with the clipboard's text. */
function isPaste(event: KeyboardEvent): boolean {
  const v = event.key.toLowerCase() === "v" || event.code === "KeyV";
  return (
    ((event.ctrlKey || event.metaKey) && v && !event.altKey) ||
    (event.shiftKey && event.key === "Insert")
  );
}
