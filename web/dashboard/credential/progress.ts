/** Where a login is, in the steps that people see. Pure. */

import type { Session } from "../api";

export const STEPS = ["Machine", "Sign in", "Confirm account", "Credential", "Done"] as const;

/** The step that the login is at: 0 to 4; 5 when all are done. */
export function stepOf({ status, login }: Session): number {
  switch (login?.state) {
    case "delivered":
      return STEPS.length;
    case "sealed":
    case "confirmed":
      return 3;
    case "verified":
      return 2;
    case "cli_started":
    case "page_open":
    case "waiting_for_you":
    case "failed":
      return 1;
    case "rejected":
      return 2;
    default:
      return status === "vm_created" ? 1 : 0;
  }
}

/** Whether it ended without a credential, so that no further step comes. */
export function isBroken({ status, login }: Session): boolean {
  if (login?.state === "delivered" || login?.state === "sealed") return false;
  if (login?.state === "rejected" || login?.state === "failed") return true;
  return status === "ended" || status === "ending";
}
