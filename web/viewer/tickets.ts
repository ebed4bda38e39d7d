/** Tickets: permission to open one WebSocket once, where a header cannot be sent. */

import { reasonOf } from "./events";

/** There is no ticket, and why. */
export class TicketRefused extends Error {
  constructor(
    readonly status: number,
    reason: string,
  ) {
    super(reason || `status ${status}`);
  }
}

/** Asks for a ticket; `session` is a part of an address. Throws TicketRefused, or what fetch does. */
export async function ticketFor(
  base: string,
  session: string,
  use: "vnc" | "stream",
): Promise<string> {
  const answer = await fetch(new URL("api/tickets", base), {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ session: decodeURIComponent(session), use }),
    credentials: "same-origin",
  });
  const body: unknown = await answer.json().catch(() => null);
  if (!answer.ok) throw new TicketRefused(answer.status, reasonOf(body));
  return (body as { ticket: string }).ticket;
}
