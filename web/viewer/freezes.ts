/**
 * How long the picture stood still though there was something new to show. Pure; times in ms.
 *
 * A browser's own `totalFreezesDuration` takes a pause in the work for a freeze: a desktop on which
 * nothing moves sends nothing. So a freeze is one of two things here: a frame that came later after
 * the one before it than it was made after it, or a while in which the gateway answered no ping, or
 * bytes came and no picture was made of them.
 */

/** A gap that is longer by this is seen as a freeze: the 150 ms of W3C's webrtc-stats. */
const FREEZE_MS = 150;
/** RTP timestamps of video: 90 a millisecond, in 32 bits. */
const TICKS_PER_MS = 90;
const WRAP = 2 ** 32;

export class Freezes {
  /** All of it since the connection began. */
  totalMs = 0;
  private last: { atMs: number; rtp: number } | null = null;
  /** What was counted already since the frame that is shown. */
  private countedMs = 0;

  /** A frame was shown; `rtp` says when it was made. */
  shown(rtp: number, atMs: number): void {
    const { last } = this;
    this.last = { atMs, rtp };
    const counted = this.countedMs;
    this.countedMs = 0;
    if (!last) return;
    const made = ((rtp - last.rtp + WRAP) % WRAP) / TICKS_PER_MS;
    // Half the circle: an earlier frame, of another machine or out of order.
    if (made > WRAP / TICKS_PER_MS / 2) return;
    const late = atMs - last.atMs - made;
    if (late > FREEZE_MS) this.totalMs += Math.max(late - counted, 0);
  }

  /** For so long there was something to show, or nobody to say whether, and nothing came. */
  silent(forMs: number): void {
    this.totalMs += forMs;
    this.countedMs += forMs;
  }

  /** The page was hidden: what is shown next says nothing of the time between. */
  interrupted(): void {
    this.last = null;
    this.countedMs = 0;
  }
}
