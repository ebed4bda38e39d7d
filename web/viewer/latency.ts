/**
 * How old the picture is when it is seen. Pure: times come in, in ms of `performance.now()`.
 *
 * The gateway says of one frame a second when it left (`picture.clock`, on the gateway's clock, and
 * how long the machine had taken before). Pings tell the difference of the two clocks, and the
 * browser says when it showed the frame with the same RTP timestamp. What is not in it: the time
 * from a change on the display to its capture, and the screen's own.
 */

/** Pings that are remembered; the quickest of them tells the clock best. */
const PINGS = 16;
/** Frames shown, and clocks said, that wait for their other half. */
const WAITING = 256;
const CLOCKS = 16;
/** How long a figure counts. */
const REMEMBERED_MS = 10_000;

/** The gateway's clock, as far as pings tell: right to half the difference of the two ways. */
export class GatewayClock {
  private readonly pings: { roundTripMs: number; offsetMs: number }[] = [];

  /** Takes an answer: sent and received on our clock, answered at `atMs` on the gateway's. */
  answered(sentMs: number, receivedMs: number, atMs: number): void {
    const roundTripMs = receivedMs - sentMs;
    // A gateway of before says 0.
    if (!(roundTripMs >= 0) || !(atMs > 0)) return;
    this.pings.push({ roundTripMs, offsetMs: atMs - (sentMs + receivedMs) / 2 });
    if (this.pings.length > PINGS) this.pings.shift();
  }

  /** Gives a time of ours on the gateway's clock; null before the first answer. */
  at(ourMs: number): number | null {
    const [first, ...others] = this.pings;
    if (!first) return null;
    const best = others.reduce((a, b) => (b.roundTripMs < a.roundTripMs ? b : a), first);
    return ourMs + best.offsetMs;
  }
}

/** When a frame left: on the gateway's clock, and what the machine took before. */
export interface Departure {
  atMs: number;
  machineMs: number;
}

/** Brings together when frames left and when they were seen. */
export class Latency {
  private readonly left = new Map<number, Departure>();
  private readonly seen = new Map<number, number>();
  private found: { atMs: number; latencyMs: number }[] = [];

  constructor(private readonly clock: GatewayClock) {}

  /** Hears when the frame with this RTP timestamp left. */
  departed(rtp: number, departure: Departure): void {
    const seenMs = this.seen.get(rtp);
    if (seenMs !== undefined) this.find(seenMs, departure);
    else remember(this.left, rtp, departure, CLOCKS);
  }

  /** Hears when it was shown. */
  shown(rtp: number, atMs: number): void {
    const departure = this.left.get(rtp);
    if (departure) {
      this.left.delete(rtp);
      this.find(atMs, departure);
    } else {
      remember(this.seen, rtp, atMs, WAITING);
    }
  }

  /** For a frame that brings its own time with it. */
  find(seenMs: number, departure: Departure): void {
    const here = this.clock.at(seenMs);
    if (here === null) return;
    // Clocks that are a little apart must not make a picture that is seen before it left.
    const latencyMs = Math.max(here - departure.atMs, 0) + Math.max(departure.machineMs, 0);
    this.found.push({ atMs: seenMs, latencyMs });
    if (this.found.length > WAITING) this.found.shift();
  }

  /** Gives the median of the last seconds; null when nothing was shown in them. */
  median(nowMs: number): number | null {
    this.found = this.found.filter(({ atMs }) => nowMs - atMs <= REMEMBERED_MS);
    const sorted = this.found.map(({ latencyMs }) => latencyMs).sort((a, b) => a - b);
    const middle = sorted.length >> 1;
    const upper = sorted[middle];
    if (upper === undefined) return null;
    return sorted.length % 2 ? upper : ((sorted[middle - 1] ?? upper) + upper) / 2;
  }
}

function remember<V>(map: Map<number, V>, key: number, value: V, most: number): void {
  map.delete(key);
  map.set(key, value);
  const [oldest] = map.keys();
  if (map.size > most && oldest !== undefined) map.delete(oldest);
}
