/** Where the pointer is on the display, and how far the wheel turned. Pure. */

export interface Size {
  width: number;
  height: number;
}

export interface Box extends Size {
  left: number;
  top: number;
}

/** Gives where a picture of size `display` lies in `box` when it is fitted in (contain). */
export function fitted(box: Box, display: Size): Box {
  const scale = Math.min(box.width / display.width, box.height / display.height);
  const width = display.width * scale;
  const height = display.height * scale;
  return {
    left: box.left + (box.width - width) / 2,
    top: box.top + (box.height - height) / 2,
    width,
    height,
  };
}

/** Gives the display's pixel under a point of the page; outside the picture, the nearest one. */
export function toDisplay(
  point: { clientX: number; clientY: number },
  box: Box,
  display: Size,
): { x: number; y: number } {
  if (!(box.width > 0 && box.height > 0 && display.width > 0 && display.height > 0)) {
    return { x: 0, y: 0 };
  }
  const picture = fitted(box, display);
  const x = Math.floor(((point.clientX - picture.left) / picture.width) * display.width);
  const y = Math.floor(((point.clientY - picture.top) / picture.height) * display.height);
  return {
    x: Math.min(Math.max(x, 0), display.width - 1),
    y: Math.min(Math.max(y, 0), display.height - 1),
  };
}

/** The X button of a pointer event's `button`, or null for one that X does not have. */
export function xButton(button: number): number | null {
  return [1, 2, 3, 8, 9][button] ?? null;
}

/** CSS pixels that make a click of the wheel: browsers give 100 to 120 for a notch. */
const PIXELS_PER_CLICK = 100;
const LINES_PER_CLICK = 3;
const MOST_CLICKS = 20;

/** Adds up small turns (touch pads give many) until they make whole clicks. */
export class Wheel {
  private x = 0;
  private y = 0;

  /** Gives the whole clicks that this turn completes. `mode` as in WheelEvent.deltaMode. */
  turn(deltaX: number, deltaY: number, mode: number): { dx: number; dy: number } {
    const unit = [PIXELS_PER_CLICK, LINES_PER_CLICK, 1][mode] ?? PIXELS_PER_CLICK;
    // A turn the other way starts from nothing, or the first notch back would be lost.
    if (this.x * deltaX < 0) this.x = 0;
    if (this.y * deltaY < 0) this.y = 0;
    this.x += deltaX / unit;
    this.y += deltaY / unit;
    const dx = Math.trunc(this.x + Math.sign(this.x) * 1e-9);
    const dy = Math.trunc(this.y + Math.sign(this.y) * 1e-9);
    this.x -= dx;
    this.y -= dy;
    return { dx: clamped(dx), dy: clamped(dy) };
  }
}

function clamped(clicks: number): number {
  return Math.min(Math.max(clicks, -MOST_CLICKS), MOST_CLICKS) || 0;
}
