/** Says that a session ends soon, counts down, and lets its owner put the end off. */

import { useEffect, useState } from "react";
import { api, type Session, serverNowMs } from "./api";
import { ProblemNote } from "./parts";
import { useAction } from "./use";

const TICK_MS = 500;

export function EndingBanner({
  session,
  onSession,
}: {
  session: Session | null;
  onSession: (session: Session) => void;
}) {
  const { busy, problem, run } = useAction();
  if (!session?.ending || session.endsAt === null) return null;
  const extend = () => run(async () => onSession(await api.extend(session.sessionId)));
  const { why, act } = wordsOf(session.ending);
  return (
    <section className="note ending" aria-label="The session ends soon">
      <p>
        {/* Said once by a screen reader: the seconds change too often to be read out. */}
        <span role="alert">
          <strong>This session ends soon.</strong> {why}
        </span>{" "}
        <span className="dim">
          Time left: <Left endsAtS={session.endsAt} />
        </span>
      </p>
      <button type="button" className="primary" disabled={busy} onClick={extend}>
        {act}
      </button>
      <ProblemNote problem={problem} />
    </section>
  );
}

function wordsOf(ending: NonNullable<Session["ending"]>): { why: string; act: string } {
  if (ending === "idle") {
    return { why: "Nobody looks at its desktop.", act: "Stay connected" };
  }
  return { why: "Its time is over then, with all that is open on it.", act: "Extend" };
}

function Left({ endsAtS }: { endsAtS: number }) {
  const [nowMs, setNowMs] = useState(serverNowMs);
  useEffect(() => {
    const timer = setInterval(() => setNowMs(serverNowMs()), TICK_MS);
    return () => clearInterval(timer);
  }, []);
  return <span role="timer">{leftOf(endsAtS * 1000 - nowMs)}</span>;
}

/** Gives a time that is left as minutes and seconds; nothing is less than nothing. */
export function leftOf(ms: number): string {
  const seconds = Math.max(0, Math.ceil(ms / 1000));
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
}
