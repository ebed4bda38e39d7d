/** Asks the server again and again whether it answers: small requests, on connections of their own. */

const EVERY_MS = 600;
/** How long one request may take. At most three are under way: browsers open six to one server. */
const LONGEST_MS = 1_800;
/** After how long without an answer the server is called silent. */
const SILENT_MS = 1_000;
/** What a proxy says when the server behind it is away. */
const AWAY = [502, 503, 504];

export interface Answers {
  answered(): void;
  silent(offline: boolean): void;
}

export class Asking {
  private timer: ReturnType<typeof setInterval> | undefined;
  private stop = new AbortController();
  private sinceMs = 0;

  constructor(
    private readonly base: string,
    private readonly say: Answers,
  ) {}

  /** Begins, until the first answer or `close`. */
  open(): void {
    this.close();
    this.stop = new AbortController();
    this.sinceMs = performance.now();
    this.timer = setInterval(() => this.ask(), EVERY_MS);
    this.ask();
  }

  close(): void {
    clearInterval(this.timer);
    // A request that hangs on a dead path would keep others waiting for its connection.
    this.stop.abort();
  }

  private ask(): void {
    const { stop } = this;
    if (performance.now() - this.sinceMs >= SILENT_MS) this.say.silent(!navigator.onLine);
    const timed = AbortSignal.any([stop.signal, AbortSignal.timeout(LONGEST_MS)]);
    fetch(new URL("healthz", this.base), { cache: "no-store", signal: timed })
      .then(({ status }) => {
        if (stop.signal.aborted) return;
        if (AWAY.includes(status)) this.say.silent(!navigator.onLine);
        else this.say.answered();
      })
      .catch(() => {
        const late = performance.now() - this.sinceMs >= SILENT_MS;
        if (!stop.signal.aborted && (late || !navigator.onLine)) {
          this.say.silent(!navigator.onLine);
        }
      });
  }
}
