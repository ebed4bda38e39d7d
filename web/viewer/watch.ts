/** Notices, sooner than the browser does, that nothing is heard over the connection that is shown. */

/** A connection, as far as it is watched. */
export interface Watched {
  /** When something was heard over it last, in `performance.now()`. */
  heardMs: number;
  /** Asks for a sign of life. */
  ping(): void;
  /** Gives a count that rises with what comes in. */
  received(): Promise<number>;
}

const EVERY_MS = 500;
const PING_MS = 400;
/** For so long nothing is heard before a path is in doubt. Pongs of a busy computer are late, too. */
const QUIET_MS = 2_000;
/** Timers that are this late were not run: the computer slept, or the tab is in the background. */
const SLEPT_MS = 2_500;

export class Watch {
  private readonly timer: ReturnType<typeof setInterval>;
  private received = 0;
  private watched: Watched | null = null;
  private lastMs = Date.now();
  private quiet = false;

  /** `of`: the connection that is shown; null while none is, or none that can be asked. */
  constructor(
    private readonly of: () => Watched | null,
    private readonly say: (quiet: boolean) => void,
  ) {
    this.timer = setInterval(() => void this.look().catch(() => undefined), EVERY_MS);
  }

  close(): void {
    clearInterval(this.timer);
  }

  private async look(): Promise<void> {
    const watched = this.of();
    const now = performance.now();
    // The wall clock goes on while a computer sleeps; the other may not.
    const slept = Date.now() - this.lastMs > SLEPT_MS;
    this.lastMs = Date.now();
    if (watched !== this.watched) {
      this.watched = watched;
      this.quiet = false;
      this.received = 0;
      if (watched) watched.heardMs = Math.max(watched.heardMs, now);
    }
    if (!watched) return;
    // Nothing can have been heard in sleep: it is asked now, and has half the time to answer.
    if (slept) watched.heardMs = Math.max(watched.heardMs, now - QUIET_MS / 2);
    if (now - watched.heardMs > PING_MS) watched.ping();
    if (this.quiet || now - watched.heardMs > QUIET_MS / 2) await this.count(watched);
    this.judge(watched);
  }

  private async count(watched: Watched): Promise<void> {
    const received = await watched.received();
    if (received > this.received && this.received > 0) watched.heardMs = performance.now();
    this.received = received;
  }

  private judge(watched: Watched): void {
    if (watched !== this.watched) return;
    const quiet = performance.now() - watched.heardMs > QUIET_MS;
    if (quiet !== this.quiet) this.say(quiet);
    this.quiet = quiet;
  }
}
