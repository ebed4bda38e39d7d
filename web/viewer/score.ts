/**
 * How good the picture is, from 1 (unusable) to 5 (as if local). Pure.
 *
 * The form is the E-model's (ITU-T G.107, clause 7): impairments are subtracted from a rating R of
 * 100, and R becomes an opinion by the curve of its annex B. What impairs is a desktop's: the time
 * between hand and eye, loss, freezes, frames left out, a picture smaller than the display. A still
 * screen has few frames because there is nothing to show, so frames a second do not count at all.
 */

export interface Impairments {
  /** From moving the hand to seeing it, in ms; null while nothing is known of it. */
  delayMs: number | null;
  /** Packets that did not come, in per cent. */
  lossPercent: number;
  /** How much of the time no new frame came though there was one to show, 0 to 1. */
  frozen: number;
  /** How many of the frames that there were to show were left out, 0 to 1. */
  leftOut: number;
  /** Size of the picture against the display's, along one side; 1: as large. */
  scale: number;
}

/**
 * What a delay takes from R. The steps are those of Tolia, Andersen and Satyanarayanan, "Quantifying
 * Interactive User Experience on Thin Clients" (IEEE Computer 39(3), 2006): crisp below 150 ms,
 * noticeable to 1 s, annoying to 2 s, unacceptable to 5 s, unusable beyond.
 */
const DELAY: readonly (readonly [delayMs: number, taken: number])[] = [
  [0, 0],
  [150, 10],
  [1_000, 45],
  [2_000, 65],
  [5_000, 100],
];
/** G.107's Bpl: at this loss half of what loss can take is taken. Lost packets are sent again. */
const ROBUSTNESS = 25;
/** What loss, freezes and frames left out can take at most: G.107's 95. */
const MOST = 95;
/** This share of frozen time, or of frames left out, takes half of it. */
const HALF_FROZEN = 0.15;
const HALF_LEFT_OUT = 0.6;
/** What a picture of no size at all would take: half the display's width takes a quarter of it. */
const SMALL = 50;

/** Gives the rating R of the E-model, 0 to 100. */
export function rating(given: Impairments): number {
  const taken =
    delayTakes(given.delayMs ?? 0) +
    saturating(given.lossPercent, ROBUSTNESS) +
    saturating(given.frozen, HALF_FROZEN) +
    saturating(given.leftOut, HALF_LEFT_OUT) +
    SMALL * (1 - clamp(given.scale, 0, 1));
  return clamp(100 - taken, 0, 100);
}

/**
 * Gives the opinion for a rating, 1 to 5. Annex B of G.107 ends at 4.5, as nobody gives a telephone
 * a 5; here 5 is a desktop as if it were local, so that its curve is stretched.
 */
export function opinion(r: number): number {
  if (r <= 0) return 1;
  const mos = r >= 100 ? 4.5 : 1 + 0.035 * r + r * (r - 60) * (100 - r) * 7e-6;
  return clamp(1 + ((mos - 1) * 4) / 3.5, 1, 5);
}

/** Falls at once and rises slowly, as LiveKit's does: people remember what was bad. */
export function smoothed(before: number | null, now: number): number {
  if (before === null) return now;
  const weight = now < before ? 0.8 : 0.4;
  return weight * now + (1 - weight) * before;
}

export type Grade = "good" | "fair" | "poor" | "bad" | "unknown";

/** A word for a score. The limits are the ratings 80, 60 and 40 of ITU-T G.109. */
export function grade(score: number | null): Grade {
  if (score === null) return "unknown";
  if (score >= opinion(80)) return "good";
  if (score >= opinion(60)) return "fair";
  return score >= opinion(40) ? "poor" : "bad";
}

function delayTakes(delayMs: number): number {
  let [fromMs, from] = [0, 0];
  for (const [toMs, to] of DELAY) {
    if (delayMs < toMs) return from + ((delayMs - fromMs) / (toMs - fromMs)) * (to - from);
    [fromMs, from] = [toMs, to];
  }
  return from;
}

/** G.107's shape for loss: half of the most at `half`, and never all of it. */
function saturating(amount: number, half: number): number {
  const given = Math.max(amount, 0);
  return (MOST * given) / (given + half);
}

function clamp(value: number, least: number, most: number): number {
  return Math.min(Math.max(value, least), most);
}
