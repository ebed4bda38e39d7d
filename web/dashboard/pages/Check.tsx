/** Check my connection: what a desktop's picture will need, before there is a desktop. */

import { useCallback, useEffect, useRef, useState } from "react";
import { type Check, conclusion, preflight, reportOf, rungOf, VERDICTS } from "../../viewer";
import { Heading } from "../parts";

const SIGNS = { running: "…", good: "✓", bad: "✗", unavailable: "–" } as const;

export function CheckPage() {
  const { checks, again } = useChecks();
  const running = checks.length === 0 || checks.some(({ verdict }) => verdict === "running");
  const bad = !running && rungOf(checks) === null;
  return (
    <>
      <Heading title="Check my connection">
        <div className="row">
          <CopyReport checks={checks} disabled={running} />
          <button type="button" disabled={running} onClick={again}>
            Check again
          </button>
        </div>
      </Heading>
      <p className="lead">
        A desktop's picture takes the best way that your network lets through. Each is tried now,
        at the same time, without a desktop; it takes eight seconds at most.
      </p>
      <p className={bad ? "note bad" : "note good"} role="status">
        <strong>{conclusion(checks)}</strong>
      </p>
      <ul className="list card checks" aria-busy={running}>
        {checks.map((check) => (
          <Row key={check.id} check={check} />
        ))}
      </ul>
    </>
  );
}

function Row({ check }: { check: Check }) {
  const { name, verdict, text, hint, code } = check;
  return (
    <li data-check={check.id} data-verdict={verdict}>
      <span className={`sign ${verdict}`} aria-hidden="true">
        {SIGNS[verdict]}
      </span>
      <span className="grow">
        <strong>{name}</strong> <span className="dim small">{VERDICTS[verdict]}</span>
        {text && <span className="block">{text}</span>}
        {verdict !== "good" && hint && <span className="block dim small">{hint}</span>}
      </span>
      {code && (
        <a className="small" href={`/docs/problems/${code}`} target="_blank" rel="noopener">
          {code}
        </a>
      )}
    </li>
  );
}

/** Runs the checks when the page is opened, and again when asked. */
function useChecks(): { checks: readonly Check[]; again: () => void } {
  const [checks, setChecks] = useState<readonly Check[]>([]);
  const running = useRef<AbortController | null>(null);
  const again = useCallback(() => {
    running.current?.abort();
    const run = new AbortController();
    running.current = run;
    const show = (found: readonly Check[]) => {
      if (!run.signal.aborted) setChecks(found);
    };
    void preflight("/", show, run.signal);
  }, []);
  useEffect(() => {
    again();
    return () => running.current?.abort();
  }, [again]);
  return { checks, again };
}

function CopyReport({ checks, disabled }: { checks: readonly Check[]; disabled: boolean }) {
  const [text, setText] = useState("");
  const [copied, setCopied] = useState(false);
  const copy = async () => {
    const report = reportOf(checks, {
      at: new Date().toISOString(),
      page: location.origin,
      browser: navigator.userAgent,
    });
    try {
      await navigator.clipboard.writeText(report);
      setCopied(true);
    } catch {
      // A page that is not secure may not write to the clipboard: the text is shown instead.
      setText(report);
    }
  };
  return (
    <>
      <button type="button" disabled={disabled} onClick={() => void copy()}>
        Copy the report
      </button>
      <span role="status" className="small dim">
        {copied ? "Copied." : ""}
      </span>
      {text && <textarea className="report" aria-label="The report" readOnly value={text} />}
    </>
  );
}
