/** Small pieces that several pages use. */

import { type ReactNode, useEffect, useRef, useState } from "react";
import { define, type FanlightViewer, partsOf } from "../viewer";
import type { Problem, Reason, Session } from "./api";

define();

export function ProblemNote({ problem }: { problem: Problem | null }) {
  if (!problem) return null;
  return (
    <div className="note bad" role="alert">
      <strong>{sentence(problem.message)}</strong> {problem.hint && sentence(problem.hint)}
    </div>
  );
}

export function ReasonNote({ reason }: { reason: Reason | null }) {
  if (!reason) return null;
  const { said, lastWords } = partsOf(reason.detail);
  return (
    <div className="note">
      <strong>{sentence(reason.title)}</strong> {sentence(said)} {sentence(reason.hint)}
      {lastWords && (
        <details>
          <summary>Its last words</summary>
          <pre>{lastWords}</pre>
        </details>
      )}
    </div>
  );
}

export function Heading({ title, children }: { title: string; children?: ReactNode }) {
  useEffect(() => {
    document.title = `${title} · Fanlight`;
  }, [title]);
  return (
    <div className="heading">
      <h1>{title}</h1>
      {children}
    </div>
  );
}

/** Shows the viewer, and hands on what it hears of the session. */
export function Viewer({
  session,
  onSession,
}: {
  session: string;
  onSession: (session: Session) => void;
}) {
  const viewer = useRef<FanlightViewer>(null);
  useEffect(() => {
    const element = viewer.current;
    const hear = (event: Event) => onSession((event as CustomEvent<Session>).detail);
    element?.addEventListener("fanlight-session", hear);
    return () => element?.removeEventListener("fanlight-session", hear);
  }, [onSession]);
  return (
    <fanlight-viewer
      key={session}
      ref={viewer}
      session={session}
      base="/"
      check="/dashboard/check"
    />
  );
}

/** A button that asks once more before it does what cannot be undone. */
export function CarefulButton({
  children,
  question,
  onSure,
  disabled = false,
}: {
  children: ReactNode;
  question: string;
  onSure: () => void;
  disabled?: boolean;
}) {
  const [asked, setAsked] = useState(false);
  if (!asked) {
    return (
      <button type="button" className="quiet" disabled={disabled} onClick={() => setAsked(true)}>
        {children}
      </button>
    );
  }
  const sure = () => {
    setAsked(false);
    onSure();
  };
  return (
    <span className="row">
      <span className="dim">{question}</span>
      <button type="button" className="danger" onClick={sure}>
        Yes
      </button>
      <button type="button" className="quiet" onClick={() => setAsked(false)}>
        No
      </button>
    </span>
  );
}

export function Time({ atS }: { atS: number | null }) {
  if (atS === null) return <>–</>;
  const date = new Date(atS * 1000);
  const words = date.toLocaleString(undefined, { dateStyle: "medium", timeStyle: "short" });
  return <time dateTime={date.toISOString()}>{words}</time>;
}

export function sentence(words: string): string {
  if (!words) return "";
  const first = words.charAt(0).toUpperCase() + words.slice(1);
  return /[.!?…]$/.test(first) ? first : `${first}.`;
}

const STATUS = {
  requested: "Requested",
  booting: "Starting",
  vm_created: "Running",
  ending: "Ending",
  ended: "Ended",
} as const;

export function statusWord(session: Session): string {
  if (session.status === "booting") return `Starting, ${Math.round(session.percent)} %`;
  if (session.pause) return session.pause === "resuming" ? "Waking" : "Resting";
  return STATUS[session.status];
}

/** Where a session's own page is. */
export function pageOf({ sessionId, provider }: Session): string {
  const session = encodeURIComponent(sessionId);
  if (!provider) return `/dashboard/session?session=${session}`;
  return `/dashboard/remote-cli/auth?session=${session}&provider=${encodeURIComponent(provider)}`;
}
