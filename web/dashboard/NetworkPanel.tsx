/** Where a session's machine may go, and where it was refused. */

import type { Network, Session } from "./api";

export function NetworkPanel({ session }: { session: Session | null }) {
  const network = session?.network;
  if (!network) return null;
  const { refused, refusedCount } = network;
  return (
    <details className="fold">
      <summary>
        Network: {modeWords(network)}
        {refusedCount > 0 && `, ${times(refusedCount)} refused`}
      </summary>
      {network.mode === "listed" && network.domains.length > 0 && (
        <p className="dim small">
          These domains and all below them: {network.domains.join(", ")}. Nothing else.
        </p>
      )}
      {refused.length === 0 ? (
        <p className="dim">The machine was refused nothing.</p>
      ) : (
        <ul className="list card" aria-label="Where the machine was refused">
          {refused.toReversed().map(({ destination, reason, count }) => (
            <li key={`${destination} ${reason}`}>
              <span className="grow">
                {destination || "Connections"}
                <span className="dim small block">{reason}</span>
              </span>
              <span className="dim small">{times(count)}</span>
            </li>
          ))}
        </ul>
      )}
    </details>
  );
}

/** Says where a machine may go, in a few words. */
export function modeWords({ mode, domains }: Network): string {
  switch (mode) {
    case "none":
      return "none";
    case "public":
      return "the public internet";
    case "listed":
      if (domains.length === 0) return "the operator's own addresses only";
      return domains.length === 1 ? `${domains[0]} only` : `${domains.length} domains only`;
  }
}

function times(count: number): string {
  return count === 1 ? "once" : `${count} times`;
}
