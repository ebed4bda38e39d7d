/** The sealed credential: opened here when this page's key fits, and given out as a download. */

import { useEffect, useState } from "react";
import { api, type Login, type Problem, type Session, type Tool } from "../api";
import { type Bundle, readBundle } from "../credential/bundle";
import { BrowserKeys, openSealed } from "../credential/keys";
import { type TarFile, tar } from "../credential/tar";
import { ProblemNote } from "../parts";
import { Link } from "../router";
import { problemOf, useAction } from "../use";

const keys = new BrowserKeys();

type Opened =
  | { state: "looking" }
  | { state: "elsewhere" }
  | { state: "open"; bundle: Bundle }
  | { state: "problem"; problem: Problem };

interface Props {
  session: Session;
  login: Login;
  tool: Tool | null;
  changed: () => void;
}

export function CredentialStep({ session, login, tool, changed }: Props) {
  const opened = useOpened(session, login, tool);
  switch (opened.state) {
    case "looking":
      return login.state === "delivered" ? (
        <Delivered session={session} />
      ) : (
        <h2>Opening the credential</h2>
      );
    case "elsewhere":
      return login.state === "delivered" ? (
        <Delivered session={session} />
      ) : (
        <Elsewhere {...{ session, login }} />
      );
    case "problem":
      return (
        <>
          <h2>The credential was not opened</h2>
          <ProblemNote problem={opened.problem} />
          <Link className="button primary" href="/dashboard/connect">
            Try again
          </Link>
        </>
      );
    case "open":
      return <Save {...{ session, login, tool, changed }} bundle={opened.bundle} />;
  }
}

/** Fetches, opens and checks the bundle once, if its key is in this browser. */
function useOpened(session: Session, login: Login, tool: Tool | null): Opened {
  const [opened, setOpened] = useState<Opened>({ state: "looking" });
  const ready = login.state === "sealed" && tool !== null;
  const { sessionId } = session;
  const { recipient, account } = login;
  useEffect(() => {
    if (!ready || !tool || !recipient) return;
    let wanted = true;
    const say = (next: Opened) => {
      if (wanted) setOpened((now) => (now.state === "looking" ? next : now));
    };
    const open = async () => {
      if (!(await keys.get(recipient))) return say({ state: "elsewhere" });
      const { bundle } = await api.credential(sessionId);
      const text = await openSealed(keys, recipient, bundle);
      const files = tool.credentialPaths;
      const expected = { session: sessionId, tool: tool.name, account, files };
      say({ state: "open", bundle: await readBundle(text, expected) });
    };
    open().catch((error: unknown) => say({ state: "problem", problem: problemOf(error) }));
    return () => {
      wanted = false;
    };
  }, [ready, sessionId, recipient, account, tool]);
  return opened;
}

function Save({ session, login, tool, changed, bundle }: Props & { bundle: Bundle }) {
  const { busy, problem, run } = useAction();
  const [saved, setSaved] = useState(false);
  // Unpacked over a file that is there, these would replace settings of the person's own.
  const isMerged = (file: TarFile) =>
    tool?.credentialPaths.some(({ path, merge }) => merge && path === file.path) ?? false;
  const whole = bundle.files.filter((file) => !isMerged(file));
  const merged = bundle.files.filter(isMerged);
  const archive = `fanlight-${bundle.tool}.tar`;
  const take = (name: string, content: Uint8Array<ArrayBuffer>) =>
    run(async () => {
      download(name, content);
      if (saved) return;
      await api.acknowledge(session.sessionId);
      if (login.recipient) await keys.delete(login.recipient);
      setSaved(true);
      changed();
    });
  return (
    <div aria-live="polite">
      <h2>{saved ? "Done" : "Your credential is here"}</h2>
      {saved && (
        <div className="note good" role="status">
          <strong>{whereMachineIs(session)}</strong> The sealed copy and this page's key are
          deleted. Do not close this page before the download is safe.
        </div>
      )}
      <p>
        Signed in as <strong>{bundle.account}</strong>. It was opened in this page with this page's
        own key.
      </p>
      <button
        type="button"
        className={saved ? "" : "primary"}
        disabled={busy}
        onClick={() => take(archive, tar(whole as TarFile[], Date.now() / 1000))}
      >
        Download {archive}
      </button>
      {!saved && (
        <p className="small dim">
          With the download the sealed copy is deleted; without it, after 15 minutes.
        </p>
      )}
      <p className="small">Unpack it in your home directory, on the machine that needs it:</p>
      <pre>tar -xpf {archive} -C ~</pre>
      <ul className="files">
        {bundle.files.map(({ path, content }) => (
          <li key={path}>
            <button
              type="button"
              className="link"
              disabled={busy}
              onClick={() => take(path.split("/").at(-1) ?? path, content)}
            >
              ~/{path}
            </button>{" "}
            <span className="dim small">{content.length} bytes</span>
          </li>
        ))}
      </ul>
      {merged.map(({ path }) => (
        <p className="small" key={path}>
          <code>~/{path}</code> is not in the archive: merge its fields into the file that you
          have.
        </p>
      ))}
      {tool?.nextCommand && (
        <>
          <p className="small">Then try:</p>
          <pre>{tool.nextCommand}</pre>
        </>
      )}
      <ProblemNote problem={problem} />
    </div>
  );
}

function Elsewhere({ session, login }: { session: Session; login: Login }) {
  return (
    <>
      <h2>On its way</h2>
      <p>
        The credential goes to <strong>{session.label || "the program that asked for it"}</strong>,
        key <code>{login.fingerprint}</code>. This browser cannot open it.
      </p>
      {login.matchingCode && (
        <p>
          The program shows the code <code>{login.matchingCode}</code>.
        </p>
      )}
      <p className="dim small">
        The machine is destroyed as soon as the credential is sealed, and the sealed copy as soon
        as the program has it, or after 15 minutes.
      </p>
    </>
  );
}

function whereMachineIs({ status }: Session): string {
  return status === "ended" ? "The machine is gone." : "The machine is being destroyed…";
}

function Delivered({ session }: { session: Session }) {
  return (
    <div role="status">
      <h2>Done</h2>
      <p>The credential was delivered. {whereMachineIs(session)}</p>
      <Link className="button" href="/dashboard">
        Go to the dashboard
      </Link>
    </div>
  );
}

function download(name: string, content: Uint8Array<ArrayBuffer>): void {
  const address = URL.createObjectURL(new Blob([content], { type: "application/octet-stream" }));
  const link = document.createElement("a");
  link.href = address;
  link.download = name;
  link.click();
  // The browser needs the address for a moment after the click.
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
}
