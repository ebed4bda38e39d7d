/** A one-time link: its token stands behind the `#`, and only a pressed button redeems it. */

import { useState } from "react";
import { api } from "../api";
import { Heading, ProblemNote } from "../parts";
import { go, Link } from "../router";
import { useAction } from "../use";

function takeToken(): string {
  const fragment = new URLSearchParams(location.hash.slice(1));
  const token = fragment.get("token") ?? decodeURIComponent(location.hash.slice(1));
  // Gone from the address at once, so that it is in no history, bookmark or screenshot.
  if (location.hash) history.replaceState(null, "", location.pathname);
  return token;
}

// Read before the first render: a component may be made twice, the fragment is there once.
const token = location.pathname === "/signin" ? takeToken() : "";

export function SignIn() {
  const { busy, problem, run } = useAction();
  const [done, setDone] = useState(false);
  const signIn = () =>
    run(async () => {
      await api.signIn(token);
      setDone(true);
      go("/dashboard", "replace");
    });
  if (!token) {
    return (
      <section className="card narrow">
        <Heading title="Sign in" />
        <p>This link has no token in it. Have a new one printed on the host:</p>
        <pre>fanlight link</pre>
      </section>
    );
  }
  return (
    <section className="card narrow">
      <Heading title="Sign in" />
      <p>
        This signs <strong>this browser</strong> in to Fanlight at <strong>{location.host}</strong>{" "}
        as the person whom the link was printed for. It can then start desktops, see them, and
        receive credentials.
      </p>
      <p className="dim">
        Press the button only if you asked for this link yourself. It works once, and not after ten
        minutes.
      </p>
      <ProblemNote problem={problem} />
      <button type="button" className="primary" disabled={busy || done} onClick={signIn}>
        Sign in
      </button>
      <p className="small after">
        <Link href="/dashboard/check">Check my connection</Link>
      </p>
    </section>
  );
}
