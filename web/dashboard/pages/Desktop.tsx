/** A plain desktop. */

import { useState } from "react";
import { api, type Session } from "../api";
import { EndingBanner } from "../EndingBanner";
import { NetworkPanel } from "../NetworkPanel";
import { CarefulButton, Heading, ProblemNote, Viewer } from "../parts";
import { Link } from "../router";
import { useAction } from "../use";

export function Desktop({ id }: { id: string }) {
  const [session, setSession] = useState<Session | null>(null);
  const { busy, problem, run } = useAction();
  const over = session?.status === "ended" || session?.status === "ending";
  return (
    <div className="desktop">
      <Heading title={session?.label || "Desktop"}>
        {over || !session ? (
          <Link href="/dashboard">Back to the sessions</Link>
        ) : (
          <CarefulButton
            question="End the session? The machine is destroyed."
            disabled={busy}
            onSure={() => run(async () => void (await api.end(id)))}
          >
            End the session
          </CarefulButton>
        )}
      </Heading>
      <ProblemNote problem={problem} />
      <EndingBanner session={session} onSession={setSession} />
      <Viewer session={id} onSession={setSession} />
      <NetworkPanel session={session} />
      {session && !over && (
        <p className="dim small hint keyboard">
          The keyboard belongs to the desktop while it has the focus. <kbd>Ctrl</kbd>+
          <kbd>Alt</kbd>+<kbd>Shift</kbd> lets go of it.
        </p>
      )}
    </div>
  );
}
