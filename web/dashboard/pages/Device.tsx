/** A program on another machine asks for a login: see what it is, approve or deny. */

import { type FormEvent, useCallback, useState } from "react";
import { api, type DeviceShown } from "../api";
import { Heading, ProblemNote } from "../parts";
import { go, Link } from "../router";
import { useAction, useLoaded } from "../use";

export function Device({ given, who }: { given: string; who: string }) {
  if (given) return <Request key={given} code={given} who={who} />;
  return <CodeForm />;
}

function CodeForm() {
  const look = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const code = String(new FormData(event.currentTarget).get("code") ?? "").trim();
    if (code) go(`/device?code=${encodeURIComponent(code)}`);
  };
  return (
    <section className="card narrow">
      <Heading title="Connect another machine" />
      <p>
        Type the code that <code>fanlight connect</code> shows in its terminal.
      </p>
      <form className="row" onSubmit={look}>
        <label className="grow">
          <span className="sr">Code</span>
          <input
            name="code"
            className="code"
            placeholder="ABCD-EFGH"
            maxLength={16}
            autoComplete="off"
            autoCapitalize="characters"
            spellCheck={false}
            required
          />
        </label>
        <button type="submit" className="primary">
          Continue
        </button>
      </form>
    </section>
  );
}

function Request({ code, who }: { code: string; who: string }) {
  const load = useCallback(() => api.device(code), [code]);
  const request = useLoaded<DeviceShown>(load);
  const { busy, problem, run } = useAction();
  const [denied, setDenied] = useState(false);
  if (denied) {
    return (
      <section className="card narrow">
        <Heading title="Denied" />
        <p>Nothing was started. The program is told so.</p>
        <Link href="/dashboard">Go to the dashboard</Link>
      </section>
    );
  }
  const shown = request.data;
  const approve = () =>
    run(async () => {
      const { session } = await api.approve(code);
      const query = new URLSearchParams({ session, provider: shown?.tool ?? "" });
      go(`/dashboard/remote-cli/auth?${query}`, "replace");
    });
  const deny = () =>
    run(async () => {
      await api.deny(code);
      setDenied(true);
    });
  return (
    <section className="card narrow">
      <Heading title="A program asks for a credential" />
      <ProblemNote problem={problem ?? request.problem} />
      {request.problem && <Link href="/device">Type another code</Link>}
      {shown && (
        <>
          <p>
            Approve only if <strong>you</strong> started it, and its terminal shows the same code.
          </p>
          <p className="bigcode">{code.toUpperCase()}</p>
          <dl className="facts">
            <dt>Program on</dt>
            <dd>{shown.clientName || "a machine that gave no name"}</dd>
            <dt>Tool to sign in</dt>
            <dd>{shown.tool}</dd>
            <dt>Credential goes to the key</dt>
            <dd>
              <code>{shown.fingerprint}</code>
            </dd>
            <dt>You are</dt>
            <dd>{who}</dd>
          </dl>
          <div className="row end">
            <button type="button" disabled={busy} onClick={deny}>
              Deny
            </button>
            <button type="button" className="primary" disabled={busy} onClick={approve}>
              Approve
            </button>
          </div>
        </>
      )}
    </section>
  );
}
