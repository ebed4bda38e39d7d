/** The HTTP API (docs/explanation/how-the-parts-talk.md), as far as the page uses it. */

export interface Reason {
  code: string;
  title: string;
  detail: string;
  hint: string;
}

export type LoginState =
  | "requested"
  | "cli_started"
  | "page_open"
  | "waiting_for_you"
  | "verified"
  | "confirmed"
  | "sealed"
  | "delivered"
  | "rejected"
  | "failed";

export interface Login {
  state: LoginState;
  account: string | null;
  urlHost: string | null;
  userCode: string | null;
  fingerprint: string | null;
  recipient: string | null;
  matchingCode: string | null;
}

export interface Session {
  sessionId: string;
  provider: string | null;
  status: "requested" | "booting" | "vm_created" | "ending" | "ended";
  step: string;
  percent: number;
  stages: { name: string; text: string; done: boolean; atMs: number | null }[];
  reason: Reason | null;
  login: Login | null;
  viewers: number;
  label: string;
  createdAt: number;
  endedAt: number | null;
  page: string;
  /** How long it is kept without viewers, in seconds. */
  keepS: number;
  /** When it ends if nothing happens, in seconds of the server's clock. */
  endsAt: number | null;
  /** The end that was announced: nobody looks, or its time is over. */
  ending: "idle" | "limit" | null;
  /** Nobody looks, and its machine is on its way to disk, there, or on its way back. */
  pause: "pausing" | "paused" | "resuming" | null;
  network: Network | null;
}

/** Where a session's machine may go, and where it was refused: the newest last. */
export interface Network {
  mode: "none" | "public" | "listed";
  domains: string[];
  refused: { destination: string; reason: string; count: number }[];
  refusedCount: number;
}

export interface Tool {
  name: string;
  title: string;
  vendor: string;
  installed: boolean;
  installable: boolean;
  version: string;
  note: string;
  credentialPaths: CredentialPath[];
  nextCommand: string;
}

/** A file of a credential under HOME; no `fields`: all of it is the credential. */
export interface CredentialPath {
  path: string;
  fields: string[];
  required: boolean;
  merge: boolean;
}

export interface Me {
  principal: string;
  name: string;
  kind: "browser" | "key" | "session";
  origin: string;
}

export interface ApiKey {
  id: string;
  prefix: string;
  label: string;
  createdAt: number;
  seenAt: number | null;
  key?: string | null;
}

export interface AuditLine {
  at: number;
  session: string | null;
  action: string;
  detail: Record<string, unknown>;
}

export interface DeviceShown {
  tool: string;
  clientName: string;
  recipient: string;
  fingerprint: string;
  expiresAt: number;
}

/** An error of the API, or of the way to it: what happened, and what to do next. */
export class Problem extends Error {
  override name = "Problem";
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    readonly hint: string,
  ) {
    super(message);
  }
}

let skewMs = 0;

/** Gives the time on the server's clock, as its last answer told it: a browser's may be wrong. */
export function serverNowMs(): number {
  return Date.now() + skewMs;
}

function noteDate(date: string | null): void {
  const ms = Date.parse(date ?? "");
  // The header has whole seconds: on average half of one is gone.
  if (!Number.isNaN(ms)) skewMs = ms + 500 - Date.now();
}

type Method = "GET" | "POST" | "DELETE";

async function ask<T>(method: Method, path: string, body?: unknown): Promise<T> {
  let answer: Response;
  try {
    answer = await fetch(path, {
      method,
      credentials: "same-origin",
      ...(body === undefined
        ? {}
        : { headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) }),
    });
  } catch {
    throw new Problem(
      0,
      "unreachable",
      "Fanlight cannot be reached.",
      "Is `fanlight serve` running?",
    );
  }
  noteDate(answer.headers.get("date"));
  const data: unknown = answer.status === 204 ? null : await answer.json().catch(() => null);
  if (answer.ok) return data as T;
  const { code, title, detail, hint } = (data ?? {}) as Record<string, string | undefined>;
  throw new Problem(
    answer.status,
    code ?? "unknown",
    detail || title || `The server answered ${answer.status}.`,
    hint ?? "",
  );
}

const id = encodeURIComponent;
const session = (name: string) => `/api/auth/session/${id(name)}`;

export const api = {
  me: () => ask<Me>("GET", "/api/me"),
  signIn: (token: string) => ask<null>("POST", "/api/signin", { token }),
  signOut: () => ask<null>("POST", "/api/signout"),
  tools: () => ask<Tool[]>("GET", "/api/tools"),
  start: (body: { provider?: string; recipient?: string; label?: string }) =>
    ask<Session>("POST", "/api/auth/start", body),
  sessions: async (ended: boolean) =>
    (await ask<{ sessions: Session[] }>("GET", `/api/auth/sessions${ended ? "?ended=1" : ""}`))
      .sessions,
  session: (name: string) => ask<Session>("GET", session(name)),
  extend: (name: string) => ask<Session>("POST", `${session(name)}/extend`),
  end: (name: string) => ask<null>("DELETE", session(name)),
  confirm: (name: string, account: string) =>
    ask<null>("POST", `${session(name)}/confirm`, { account }),
  reject: (name: string) => ask<null>("POST", `${session(name)}/reject`),
  credential: (name: string) =>
    ask<{ bundle: string; tool: string | null }>("POST", `${session(name)}/credential`),
  acknowledge: (name: string) => ask<null>("POST", `${session(name)}/credential/ack`),
  keys: async () => (await ask<{ keys: ApiKey[] }>("GET", "/api/keys")).keys,
  makeKey: (label: string) => ask<ApiKey>("POST", "/api/keys", { label }),
  deleteKey: (name: string) => ask<null>("DELETE", `/api/keys/${id(name)}`),
  history: async () => (await ask<{ history: AuditLine[] }>("GET", "/api/history")).history,
  device: (code: string) => ask<DeviceShown>("GET", `/api/device/${id(code)}`),
  approve: (code: string) => ask<{ session: string }>("POST", `/api/device/${id(code)}/approve`),
  deny: (code: string) => ask<null>("POST", `/api/device/${id(code)}/deny`),
};
