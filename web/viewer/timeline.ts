/** From Connect to the first picture: what happened when, as bars to be drawn. Pure. */

/** One step: `atMs` since the beginning. */
export interface Step {
  name: string;
  text: string;
  atMs: number;
}

/** A step as the API tells it: a viewer's has its connection. */
interface Told extends Partial<Step> {
  connectionId?: string | null;
}

export interface Span extends Step {
  /** How long it took since the step before. */
  tookMs: number;
  /** Where the bar begins and how long it is, as shares of the whole, 0 to 1. */
  from: number;
  length: number;
}

/** More steps than this are nobody's timeline. */
const MOST_STEPS = 60;

/**
 * Gives the steps of a `Session` of the API: the machine's and its first viewer's, as those of
 * later viewers may be hours away; what is none is left out.
 */
export function stepsOf(session: unknown): Step[] {
  const { timeline } = (session ?? {}) as { timeline?: unknown };
  if (!Array.isArray(timeline)) return [];
  const told = timeline.slice(0, MOST_STEPS) as (Told | null)[];
  const first = told.find((each) => each?.connectionId)?.connectionId;
  const wanted = told.filter((each) => !each?.connectionId || each.connectionId === first);
  return wanted.flatMap((each) => {
    const { name, text, atMs } = each ?? {};
    if (typeof name !== "string" || typeof atMs !== "number" || !(atMs >= 0)) return [];
    return [{ name, text: typeof text === "string" && text ? text : name, atMs }];
  });
}

/** Gives each step as a bar from the step before to itself, in order. */
export function spansOf(steps: readonly Step[]): Span[] {
  const sorted = [...steps].sort((a, b) => a.atMs - b.atMs);
  const whole = sorted.at(-1)?.atMs || 1;
  let beforeMs = 0;
  return sorted.map((step) => {
    const tookMs = step.atMs - beforeMs;
    const span = { ...step, tookMs, from: beforeMs / whole, length: tookMs / whole };
    beforeMs = step.atMs;
    return span;
  });
}

const MARKS = {
  offer: "This page asked for the picture",
  answer: "The gateway answered",
  path: "A path through the network was found",
  picture: "The first picture was shown here",
} as const;
export type Mark = keyof typeof MARKS;

/** What happened in this page, since it was opened and until its first picture. */
export class Marks {
  private startMs = 0;
  private steps: Step[] = [];

  /** The page was opened: what was before is forgotten. */
  begin(nowMs: number): void {
    this.startMs = nowMs;
    this.steps = [];
  }

  /** It happened now. Only the first time counts, and nothing after the first picture. */
  note(name: Mark, nowMs: number): void {
    const known = this.steps.some((step) => step.name === name || step.name === "picture");
    if (!known) this.steps.push({ name, text: MARKS[name], atMs: nowMs - this.startMs });
  }

  get all(): readonly Step[] {
    return this.steps;
  }
}
