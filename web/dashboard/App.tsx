/** Which page is at which address, and the frame around all of them. */

import { useEffect } from "react";
import { api } from "./api";
import { CheckPage } from "./pages/Check";
import { Connect } from "./pages/Connect";
import { Dashboard } from "./pages/Dashboard";
import { Desktop } from "./pages/Desktop";
import { Device } from "./pages/Device";
import { LoginPage } from "./pages/LoginPage";
import { SignIn } from "./pages/SignIn";
import { Heading } from "./parts";
import { go, Link, useAddress } from "./router";
import { useAction, useLoaded } from "./use";

export function App() {
  const { path, query } = useAddress();
  if (path === "/signin") {
    return (
      <Frame name={null}>
        <SignIn />
      </Frame>
    );
  }
  return path === "/dashboard/check" ? <Checking /> : <SignedIn path={path} query={query} />;
}

/** Open to everybody: who cannot sign in may want to know why. */
function Checking() {
  const me = useLoaded(api.me);
  const name = me.data?.kind === "browser" ? me.data.name || me.data.principal : null;
  return (
    <Frame name={name}>
      <CheckPage />
    </Frame>
  );
}

function SignedIn({ path, query }: { path: string; query: URLSearchParams }) {
  const me = useLoaded(api.me);
  useEffect(() => {
    if (path === "/") go("/dashboard", "replace");
  }, [path]);
  if (me.problem?.status === 401 || (me.data && me.data.kind !== "browser")) {
    return (
      <Frame name={null}>
        <SignedOut />
      </Frame>
    );
  }
  if (!me.data) {
    return (
      <Frame name={null}>
        <p className="dim" role="status">
          {me.problem ? `${me.problem.message} ${me.problem.hint}` : "Asking who you are…"}
        </p>
      </Frame>
    );
  }
  return (
    <Frame name={me.data.name || me.data.principal}>
      <Page path={path} query={query} who={me.data.name || me.data.principal} />
    </Frame>
  );
}

function Page({ path, query, who }: { path: string; query: URLSearchParams; who: string }) {
  const session = query.get("session") ?? "";
  switch (path) {
    case "/":
    case "/dashboard":
      return <Dashboard />;
    case "/dashboard/connect":
      return <Connect />;
    case "/dashboard/remote-cli/auth":
      return <LoginPage key={session} id={session} who={who} />;
    case "/dashboard/session":
      return <Desktop key={session} id={session} />;
    case "/device":
      return <Device given={query.get("code") ?? ""} who={who} />;
    default:
      return (
        <>
          <Heading title="Nothing is here" />
          <p>
            This address leads nowhere. <Link href="/dashboard">Go to the dashboard</Link>
          </p>
        </>
      );
  }
}

function SignedOut() {
  return (
    <section className="card narrow">
      <Heading title="You are not signed in" />
      <p>
        Open the sign-in link that <code>fanlight serve</code> printed in the terminal, or have a
        new one printed:
      </p>
      <pre>fanlight link</pre>
      <p className="dim">A link is good for ten minutes, and once.</p>
      <Link href="/dashboard/check">Check my connection</Link>
    </section>
  );
}

function Frame({ name, children }: { name: string | null; children: React.ReactNode }) {
  const { run, busy } = useAction();
  const leave = () =>
    run(async () => {
      await api.signOut();
      location.assign("/");
    });
  return (
    <>
      <a className="skip" href="#main">
        Skip to the content
      </a>
      <header className="top">
        <Link href="/dashboard" className="brand">
          <Mark />
          Fanlight
        </Link>
        <span className="space" />
        {name && (
          <>
            <span className="who" title={name}>
              {name}
            </span>
            <button type="button" className="quiet" disabled={busy} onClick={leave}>
              Sign out
            </button>
          </>
        )}
      </header>
      <main id="main" tabIndex={-1}>
        {children}
      </main>
    </>
  );
}

function Mark() {
  return (
    <svg className="mark" viewBox="0 0 32 32" aria-hidden="true">
      <path d="M4 23a12 12 0 0 1 24 0zM12 23a4 4 0 0 1 8 0M16 11v8M7.500 14.500l5.700 5.700M24.500 14.500l-5.700 5.700" />
    </svg>
  );
}
