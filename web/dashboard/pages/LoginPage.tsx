/** Signing a tool in: the desktop on one side, the steps on the other. */

import { useCallback, useEffect, useRef, useState } from "react";
import { api, type Login, type Session, type Tool } from "../api";
import { BrowserKeys, forgetOver } from "../credential/keys";
import { isBroken, STEPS, stepOf } from "../credential/progress";
import { EndingBanner } from "../EndingBanner";
import { CarefulButton, Heading, ProblemNote, ReasonNote, Viewer } from "../parts";
import { Link } from "../router";
import { useAction, useLoaded } from "../use";
import { CredentialStep } from "./CredentialStep";

/** How often the session is asked for: beside a viewer, which hears of it, and without one. */
const LOOK_MS = 3_000;
const LOOK_ALONE_MS = 1_000;

const keys = new BrowserKeys();

export function LoginPage({ id, who }: { id: string; who: string }) {
  const [heard, setHeard] = useState<Session | null>(null);
  const load = useCallback(() => api.session(id), [id]);
  const sealed = isSealed(heard);
  const looked = useLoaded(load, sealed ? LOOK_ALONE_MS : LOOK_MS);
  useEffect(() => {
    if (looked.data) setHeard(looked.data);
  }, [looked.data]);
  useEffect(() => {
    if (heard) forgetOver(keys, [heard]).catch(() => undefined);
  }, [heard]);
  const tools = useLoaded<Tool[]>(api.tools);
  if (!heard) {
    return (
      <>
        <Heading title="Sign a tool in" />
        <ProblemNote problem={looked.problem} />
        {!looked.problem && <p className="dim">Loading the session…</p>}
      </>
    );
  }
  const tool = tools.data?.find(({ name }) => name === heard.provider) ?? null;
  const title = tool?.title ?? heard.provider ?? "a tool";
  const gone = heard.status === "ended";
  return (
    <>
      <Heading title={`Sign in to ${title}`} />
      <EndingBanner session={heard} onSession={setHeard} />
      <div className={gone ? "login gone" : "login"}>
        <aside className="card steps">
          <Steps session={heard} />
          <Now session={heard} tool={tool} title={title} who={who} changed={looked.reload} />
        </aside>
        {sealed ? <NoDesktop /> : <Viewer session={id} onSession={setHeard} />}
      </div>
    </>
  );
}

/** From then on there is no machine: it is destroyed as soon as the credential is sealed. */
function isSealed(session: Session | null): boolean {
  const state = session?.login?.state;
  return state === "sealed" || state === "delivered";
}

function NoDesktop() {
  return (
    <section className="card empty">
      <h2>The desktop is closed</h2>
      <p className="dim">
        The credential is sealed, and the machine is destroyed with all else that was in it.
      </p>
    </section>
  );
}

function Steps({ session }: { session: Session }) {
  const at = stepOf(session);
  return (
    <ol className="progress" aria-label="Steps">
      {STEPS.map((name, index) => {
        const state = index < at ? "done" : index === at ? "now" : "later";
        const look = state === "now" && isBroken(session) ? "broken" : state;
        return (
          <li key={name} className={look} aria-current={state === "now" ? "step" : undefined}>
            {name}
          </li>
        );
      })}
    </ol>
  );
}

interface NowProps {
  session: Session;
  tool: Tool | null;
  title: string;
  who: string;
  changed: () => void;
}

function Now({ session, tool, title, who, changed }: NowProps) {
  const { login } = session;
  if (login?.state === "sealed" || login?.state === "delivered") {
    return <CredentialStep session={session} login={login} tool={tool} changed={changed} />;
  }
  if (isBroken(session)) return <Broken session={session} title={title} />;
  switch (login?.state) {
    case "verified":
      return <Confirm {...{ session, login, title, who, changed }} />;
    case "confirmed":
      return (
        <Text title="Sealing the credential">
          The machine seals what {title} wrote to the recipient's key. Nobody else can open it.
        </Text>
      );
    case "cli_started":
    case "page_open":
    case "waiting_for_you":
      return <Waiting session={session} login={login} title={title} />;
    default:
      return (
        <>
          <Text
            title={session.status === "vm_created" ? "Starting the tool" : "Making the machine"}
          >
            {session.step || "This takes a few seconds. The desktop appears by itself."}
          </Text>
          <End session={session} />
        </>
      );
  }
}

function Text({ title, children }: { title: string; children: React.ReactNode }) {
  return (
    <div aria-live="polite">
      <h2>{title}</h2>
      <p>{children}</p>
    </div>
  );
}

function Waiting({ session, login, title }: { session: Session; login: Login; title: string }) {
  return (
    <>
      <Text title="Sign in on the desktop">
        {login.urlHost ? (
          <>
            {title} opened <strong>{login.urlHost}</strong>. Sign in there, as you would on your
            own machine.
          </>
        ) : (
          <>{title} is opening its sign-in page.</>
        )}
      </Text>
      {login.userCode && (
        <p>
          Type this code on the page: <span className="bigcode">{login.userCode}</span>
        </p>
      )}
      <p className="dim small">
        Passkeys and security keys cannot reach the machine: press Escape if the page asks for one,
        and choose another way. Paste with Ctrl+V or ⌘V.
      </p>
      <Recipient session={session} login={login} />
      <End session={session} />
    </>
  );
}

function Recipient({ session, login }: { session: Session; login: Login }) {
  return (
    <dl className="facts">
      {session.label && (
        <>
          <dt>Asked for by</dt>
          <dd>{session.label}</dd>
        </>
      )}
      <dt>Goes to the key</dt>
      <dd>
        <code>{login.fingerprint}</code>
      </dd>
      {login.matchingCode && (
        <>
          <dt>Matching code</dt>
          <dd>
            <code>{login.matchingCode}</code>
          </dd>
        </>
      )}
    </dl>
  );
}

function Confirm({
  session,
  login,
  title,
  who,
  changed,
}: {
  session: Session;
  login: Login;
  title: string;
  who: string;
  changed: () => void;
}) {
  const { busy, problem, run } = useAction();
  const account = login.account ?? "";
  // Whoever signed in was typing on the desktop: the question takes the keyboard from it. The
  // heading gets it and not a button, so that no key that was meant for the desktop answers.
  const question = useRef<HTMLHeadingElement>(null);
  useEffect(() => question.current?.focus(), []);
  const confirm = () =>
    run(async () => {
      await api.confirm(session.sessionId, account);
      changed();
    });
  const reject = () =>
    run(async () => {
      await api.reject(session.sessionId);
      changed();
    });
  return (
    <>
      <div role="alert">
        <h2 ref={question} tabIndex={-1}>
          Is this the right account?
        </h2>
        <p>{title} says that it is signed in as</p>
        <p className="account">{account}</p>
      </div>
      <dl className="facts">
        <dt>Asked for by</dt>
        <dd>{session.label || who}</dd>
        <dt>Signed in to Fanlight as</dt>
        <dd>{who}</dd>
        <dt>Tool</dt>
        <dd>{title}</dd>
        <dt>Goes to the key</dt>
        <dd>
          <code>{login.fingerprint}</code>
        </dd>
        {login.matchingCode && (
          <>
            <dt>Matching code</dt>
            <dd>
              <code>{login.matchingCode}</code>
            </dd>
          </>
        )}
      </dl>
      <p className="small dim">
        Whoever holds that key will be able to use {title} as this account. Compare the code with
        the one that the program shows, if a program asked.
      </p>
      <ProblemNote problem={problem} />
      <div className="row end asked">
        <button type="button" disabled={busy} onClick={reject}>
          Reject
        </button>
        <button type="button" className="primary" disabled={busy || !account} onClick={confirm}>
          Confirm
        </button>
      </div>
    </>
  );
}

function Broken({ session, title }: { session: Session; title: string }) {
  const rejected = session.login?.state === "rejected";
  return (
    <>
      <Text title={rejected ? "Account rejected" : `${title} was not signed in`}>
        {rejected
          ? "The credential was given up. Nothing left the machine."
          : "No credential was made. The machine is destroyed with all that was in it."}
      </Text>
      <ReasonNote reason={session.reason} />
      <Link className="button primary" href="/dashboard/connect">
        Try again
      </Link>
    </>
  );
}

function End({ session }: { session: Session }) {
  const { busy, problem, run } = useAction();
  return (
    <>
      <ProblemNote problem={problem} />
      <CarefulButton
        question="Stop and destroy the machine?"
        disabled={busy}
        onSure={() => run(async () => void (await api.end(session.sessionId)))}
      >
        Cancel
      </CarefulButton>
    </>
  );
}
