/** What is running, what was, and the keys of programs. */

import { type FormEvent, useCallback, useEffect, useState } from "react";
import { type ApiKey, type AuditLine, api, type Session } from "../api";
import { BrowserKeys, forgetOld, forgetOver } from "../credential/keys";
import { CarefulButton, Heading, ProblemNote, pageOf, statusWord, Time } from "../parts";
import { go, Link } from "../router";
import { useAction, useLoaded } from "../use";

const SESSIONS_MS = 2_000;

export function Dashboard() {
  const load = useCallback(() => api.sessions(false), []);
  const sessions = useLoaded(load, SESSIONS_MS);
  useEffect(() => {
    forgetKeys().catch(() => undefined);
  }, []);
  const { busy, problem, run } = useAction();
  const desktop = () =>
    run(async () => {
      go(pageOf(await api.start({})));
    });
  return (
    <>
      <Heading title="Sessions">
        <div className="row">
          <Link className="button primary" href="/dashboard/connect">
            Connect CLI tool
          </Link>
          <button type="button" disabled={busy} onClick={desktop}>
            Start a desktop
          </button>
        </div>
      </Heading>
      <ProblemNote problem={problem ?? sessions.problem} />
      <SessionList sessions={sessions.data} reload={sessions.reload} />
      <History />
      <Keys />
      <p className="fold">
        Does a picture not come, or come slowly?{" "}
        <Link href="/dashboard/check">Check my connection</Link>
      </p>
    </>
  );
}

/** Sessions that ended while nobody looked have left their keys in this browser. */
async function forgetKeys(): Promise<void> {
  const keys = new BrowserKeys();
  await forgetOld(keys, Date.now());
  if ((await keys.all()).length > 0) await forgetOver(keys, await api.sessions(true));
}

function SessionList({ sessions, reload }: { sessions: Session[] | null; reload: () => void }) {
  if (!sessions) return <p className="dim">Loading the sessions…</p>;
  if (sessions.length === 0) {
    return (
      <section className="card empty">
        <h2>Nothing is running</h2>
        <p className="dim">
          Connect a command-line tool: you sign it in on a disposable desktop, its credential comes
          to you, and the machine is destroyed.
        </p>
      </section>
    );
  }
  return (
    <ul className="list card">
      {sessions.map((session) => (
        <SessionRow key={session.sessionId} session={session} reload={reload} />
      ))}
    </ul>
  );
}

function SessionRow({ session, reload }: { session: Session; reload: () => void }) {
  const { busy, problem, run } = useAction();
  const end = () =>
    run(async () => {
      await api.end(session.sessionId);
      reload();
    });
  return (
    <li>
      <div className="grow">
        <Link href={pageOf(session)}>
          {session.provider ? `Sign in: ${session.provider}` : "Desktop"}
        </Link>
        <div className="dim small">
          {session.label && `${session.label} · `}
          <Time atS={session.createdAt} />
          {session.viewers > 0 && ` · ${session.viewers} watching`}
        </div>
        <ProblemNote problem={problem} />
      </div>
      <span className={`chip ${session.status}`}>{statusWord(session)}</span>
      <CarefulButton question="End it?" disabled={busy} onSure={end}>
        End
      </CarefulButton>
    </li>
  );
}

const ACTIONS: Record<string, string> = {
  started: "Session started",
  ended: "Session ended",
  extended: "Session extended",
  tool_installing: "Tool installed for its first use",
  viewed: "Desktop viewed",
  viewed_by_vnc: "Desktop viewed by noVNC",
  verified: "Account named by the tool",
  confirmed: "Account confirmed",
  rejected: "Account rejected",
  sealed: "Credential sealed",
  delivered: "Credential delivered",
  acknowledged: "Credential received",
  device_approved: "Program approved",
  device_denied: "Program denied",
  signed_in: "Signed in",
  signed_out: "Signed out",
  key_made: "API key made",
  key_deleted: "API key deleted",
};

function History() {
  const { data, problem } = useLoaded<AuditLine[]>(api.history);
  return (
    <details className="fold">
      <summary>History</summary>
      <ProblemNote problem={problem} />
      {data?.length === 0 && <p className="dim">Nothing yet.</p>}
      <ul className="list card">
        {data?.slice(0, 100).map((line) => (
          <li key={`${line.at} ${line.action} ${line.session}`}>
            <span className="grow">
              {ACTIONS[line.action] ?? line.action.replaceAll("_", " ")}
              <span className="dim small block">{detailWords(line)}</span>
            </span>
            <span className="dim small">
              <Time atS={line.at} />
            </span>
          </li>
        ))}
      </ul>
    </details>
  );
}

function detailWords({ detail, session }: AuditLine): string {
  const words = Object.entries(detail).map(([name, value]) => `${name}: ${String(value)}`);
  return [...words, session ?? ""].filter(Boolean).join(" · ");
}

function Keys() {
  const keys = useLoaded<ApiKey[]>(api.keys);
  const { busy, problem, run } = useAction();
  const [made, setMade] = useState<ApiKey | null>(null);
  const make = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = event.currentTarget;
    const label = String(new FormData(form).get("label") ?? "");
    run(async () => {
      setMade(await api.makeKey(label));
      form.reset();
      keys.reload();
    });
  };
  const remove = (key: ApiKey) =>
    run(async () => {
      await api.deleteKey(key.id);
      setMade((shown) => (shown?.id === key.id ? null : shown));
      keys.reload();
    });
  return (
    <details className="fold">
      <summary>API keys</summary>
      <p className="dim">
        For programs such as <code>fanlight connect</code>. A key can start sessions, but never
        confirm an account.
      </p>
      <ProblemNote problem={problem ?? keys.problem} />
      {made?.key && (
        <div className="note good" role="status">
          <strong>Copy the key now; it is not shown again.</strong>
          <pre>{made.key}</pre>
        </div>
      )}
      <form className="row" onSubmit={make}>
        <label className="grow">
          <span className="sr">What the key is for</span>
          <input name="label" maxLength={100} placeholder="What the key is for" />
        </label>
        <button type="submit" disabled={busy}>
          Make a key
        </button>
      </form>
      {keys.data && keys.data.length > 0 && (
        <ul className="list card">
          {keys.data.map((key) => (
            <li key={key.id}>
              <span className="grow">
                {key.label || "Without a name"} <code>{key.prefix}…</code>
                <span className="dim small block">
                  made <Time atS={key.createdAt} />, used <Time atS={key.seenAt} />
                </span>
              </span>
              <CarefulButton question="Delete it?" disabled={busy} onSure={() => remove(key)}>
                Delete
              </CarefulButton>
            </li>
          ))}
        </ul>
      )}
    </details>
  );
}
