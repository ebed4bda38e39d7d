/** Mouse, pen, touch and wheel over the picture, turned into messages. */

import type { ToMachine } from "./messages";
import { type Box, type Size, toDisplay, Wheel, xButton } from "./pointer";

const LONG_PRESS_MS = 600;
/** How far a finger may stray and still tap, in CSS pixels. */
const TAP_PX = 10;

interface Finger {
  x: number;
  y: number;
  dragging: boolean;
}

export interface Picture {
  box(): Box;
  display(): Size;
}

export class Pointing {
  private readonly wheel = new Wheel();
  private move: PointerEvent | null = null;
  private frame = 0;
  private readonly fingers = new Map<number, Finger>();
  private scrolled = false;
  private press: ReturnType<typeof setTimeout> | undefined;

  constructor(
    target: HTMLElement,
    private readonly picture: Picture,
    private readonly send: (message: ToMachine) => void,
    private readonly focus: () => void,
  ) {
    target.addEventListener("pointermove", (event) => this.moved(event));
    target.addEventListener("pointerdown", (event) => this.pressed(target, event));
    target.addEventListener("pointerup", (event) => this.released(event));
    target.addEventListener("pointercancel", (event) => this.cancelled(event));
    target.addEventListener("contextmenu", (event) => event.preventDefault());
    target.addEventListener("wheel", (event) => this.turned(event), { passive: false });
    // The middle button would paste or scroll the page.
    target.addEventListener("auxclick", (event) => event.preventDefault());
  }

  private at(event: { clientX: number; clientY: number }): { x: number; y: number } {
    return toDisplay(event, this.picture.box(), this.picture.display());
  }

  private moved(event: PointerEvent): void {
    if (event.pointerType === "touch") return this.fingerMoved(event);
    this.move = event;
    if (this.frame === 0) this.frame = requestAnimationFrame(() => this.flush());
  }

  /** Sends the newest move; older ones of the same frame are of no use. */
  private flush(): void {
    cancelAnimationFrame(this.frame);
    this.frame = 0;
    if (this.move) this.send({ type: "input.pointer", ...this.at(this.move) });
    this.move = null;
  }

  private pressed(target: HTMLElement, event: PointerEvent): void {
    event.preventDefault();
    // A synthetic event has no pointer that could be captured.
    if (event.isTrusted) target.setPointerCapture(event.pointerId);
    if (event.pointerType === "touch") return this.fingerDown(event);
    this.focus();
    this.button(event, true);
  }

  private released(event: PointerEvent): void {
    event.preventDefault();
    if (event.pointerType === "touch") return this.fingerUp(event);
    this.button(event, false);
  }

  private cancelled(event: PointerEvent): void {
    clearTimeout(this.press);
    if (this.fingers.delete(event.pointerId) || event.pointerType !== "touch") {
      this.send({ type: "input.release" });
    }
  }

  private button(event: PointerEvent, down: boolean): void {
    const button = xButton(event.button);
    if (button === null) return;
    this.flush();
    this.send({ type: "input.button", button, down, ...this.at(event) });
  }

  private turned(event: WheelEvent): void {
    event.preventDefault();
    // Shift turns the wheel sideways; browsers differ in whether they do it themselves.
    const sideways = event.shiftKey && event.deltaX === 0;
    const [x, y] = sideways ? [event.deltaY, 0] : [event.deltaX, event.deltaY];
    this.scroll(this.wheel.turn(x, y, event.deltaMode));
  }

  private scroll({ dx, dy }: { dx: number; dy: number }): void {
    if (dx === 0 && dy === 0) return;
    this.flush();
    this.send({ type: "input.wheel", dx, dy });
  }

  // --- touch: a tap clicks, a drag drags, a long press is the right button, two fingers scroll ---

  private fingerDown(event: PointerEvent): void {
    this.fingers.set(event.pointerId, { x: event.clientX, y: event.clientY, dragging: false });
    clearTimeout(this.press);
    if (this.fingers.size > 1) {
      this.scrolled = true;
      return;
    }
    this.scrolled = false;
    const place = this.at(event);
    this.send({ type: "input.pointer", ...place });
    this.press = setTimeout(() => {
      this.scrolled = true;
      this.click(3, place);
    }, LONG_PRESS_MS);
  }

  private fingerMoved(event: PointerEvent): void {
    const finger = this.fingers.get(event.pointerId);
    if (!finger) return;
    const [dx, dy] = [event.clientX - finger.x, event.clientY - finger.y];
    if (this.fingers.size > 1) {
      Object.assign(finger, { x: event.clientX, y: event.clientY });
      // Fingers pull the page along: the wheel turns the other way.
      this.scroll(this.wheel.turn(-dx, -dy, 0));
      return;
    }
    if (!finger.dragging && !this.scrolled && Math.hypot(dx, dy) > TAP_PX) {
      clearTimeout(this.press);
      finger.dragging = true;
      const from = this.at({ clientX: finger.x, clientY: finger.y });
      this.send({ type: "input.button", button: 1, down: true, ...from });
    }
    if (finger.dragging) {
      this.move = event;
      if (this.frame === 0) this.frame = requestAnimationFrame(() => this.flush());
    }
  }

  private fingerUp(event: PointerEvent): void {
    const finger = this.fingers.get(event.pointerId);
    this.fingers.delete(event.pointerId);
    clearTimeout(this.press);
    if (!finger) return;
    this.flush();
    const place = this.at(event);
    if (finger.dragging) this.send({ type: "input.button", button: 1, down: false, ...place });
    else if (!this.scrolled) this.click(1, place);
  }

  private click(button: number, place: { x: number; y: number }): void {
    this.send({ type: "input.button", button, down: true, ...place });
    this.send({ type: "input.button", button, down: false, ...place });
  }
}
