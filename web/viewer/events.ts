/** The session's events (server-sent), turned into the machine's words. */

import type { Event, Facts, Stage } from "./machine";

const RETRY_MS = 2_000;

/** Gives the facts of a `Session` of the API; null for what is none. */
export function factsOf(data: unknown): Facts | null {
  if (typeof data !== "object" || data === null) return null;
  const session = data as Record<string, unknown>;
  const status = session.status;
  if (
    status !== "requested" &&
    status !== "booting" &&
    status !== "vm_created" &&
    status !== "ending" &&
    status !== "ended"
  ) {
    return null;
  }
  const stages = Array.isArray(session.stages) ? (session.stages as Stage[]) : [];
  const percent = typeof session.percent === "number" ? session.percent : 0;
  return {
    status,
    step: text(session.step),
    percent: Math.min(Math.max(Math.round(percent), 0), 100),
    stages,
    reason: reasonOf(session.reason),
    rests: typeof session.pause === "string",
  };
}

/** Gives the sentences of a problem or a reason: what happened, and what to do; no logs. */
export function reasonOf(reason: unknown): string {
  if (typeof reason !== "object" || reason === null) return "";
  const { title, detail, hint } = reason as Record<string, unknown>;
  const said = [text(title), partsOf(text(detail)).said, text(hint)].filter(Boolean).map(sentence);
  return said.filter((words, at) => !repeats(words, said.slice(at + 1))).join(" ");
}

/** Whether a sentence after this one begins with it, and says more. */
function repeats(words: string, later: string[]): boolean {
  const start = words.slice(0, -1).toLowerCase();
  return later.some((other) => other.toLowerCase().startsWith(start));
}

/** Parts what is said of a failure from the last lines of what failed, if they are there. */
export function partsOf(detail: string): { said: string; lastWords: string } {
  const [said = "", ...lines] = detail.split("\n");
  return { said: said.replace(/ ?Its last words:$/, ""), lastWords: lines.join("\n") };
}

export function sentence(words: string): string {
  const trimmed = words.trim();
  if (trimmed === "") return "";
  const first = trimmed.charAt(0).toUpperCase() + trimmed.slice(1);
  return /[.!?…)]$/.test(first) ? first : `${first}.`;
}

function text(value: unknown): string {
  return typeof value === "string" ? value : "";
}

/** Follows a session from now until `close`. The browser resumes by Last-Event-ID after a lost stream. */
export class SessionEvents {
  private source: EventSource | null = null;
  private retry: ReturnType<typeof setTimeout> | undefined;
  private closed = false;

  constructor(
    private readonly url: string,
    private readonly say: (event: Event) => void,
    /** `connection`: whose way it is about; empty for what concerns everybody. */
    private readonly notice: (words: string, connection: string) => void,
    /** Given each `Session` as the API says it. */
    private readonly session: (session: unknown) => void = () => undefined,
    /** Given what gateway and machine say of each connection. */
    private readonly quality: (told: unknown) => void = () => undefined,
  ) {
    this.open();
  }

  close(): void {
    this.closed = true;
    clearTimeout(this.retry);
    this.source?.close();
  }

  /** Opens the stream anew: one that stood over a gap may be dead without the browser's knowing. */
  again(): void {
    if (this.closed) return;
    clearTimeout(this.retry);
    this.source?.close();
    this.beginAgain();
  }

  private open(): void {
    const source = new EventSource(`${this.url}/events?from=now`);
    this.source = source;
    source.addEventListener("session", (event) => {
      this.take(parsed(event.data));
    });
    source.addEventListener("gateway", (event) => {
      const data = parsed(event.data) as { state?: unknown } | null;
      if (data?.state === "lost") this.say({ type: "gatewayLost" });
      if (data?.state === "back") this.say({ type: "gatewayBack" });
    });
    source.addEventListener("notice", (event) => {
      const data = parsed(event.data) as { text?: unknown; connectionId?: unknown } | null;
      this.notice(text(data?.text), text(data?.connectionId));
    });
    source.addEventListener("quality", (event) => this.quality(parsed(event.data)));
    source.addEventListener("end", () => {
      source.close();
      void this.look();
    });
    source.onerror = () => {
      // CLOSED: the server answered with an error, and the browser will not try again.
      if (source.readyState === EventSource.CLOSED) void this.look();
    };
  }

  private beginAgain(): void {
    this.say({ type: "eventsBegunAgain" });
    this.open();
  }

  private take(session: unknown): Facts | null {
    const facts = factsOf(session);
    if (!facts) return null;
    this.session(session);
    this.say({ type: "sessionChanged", facts });
    return facts;
  }

  /** Asks for the session itself: is it ended, not ours, or is the server away for a while? */
  private async look(): Promise<void> {
    if (this.closed) return;
    try {
      const answer = await fetch(this.url, { credentials: "same-origin" });
      const body: unknown = await answer.json().catch(() => null);
      if (this.closed) return;
      if (answer.ok) {
        if (this.take(body)?.status === "ended") return;
      } else if (answer.status < 500 && answer.status !== 429) {
        const reason = reasonOf(body) || "The session cannot be shown.";
        this.say({ type: "sessionRefused", reason });
        return;
      }
    } catch {
      // The server cannot be reached now; the pause below comes before the next try.
    }
    if (!this.closed) this.retry = setTimeout(() => this.beginAgain(), RETRY_MS);
  }
}

function parsed(data: string): unknown {
  try {
    return JSON.parse(data);
  } catch {
    return null;
  }
}
