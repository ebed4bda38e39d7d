/** What a pre-flight asks of the server by HTTP: itself, a WebSocket, events, the TURN servers. */

const ECHOES = 3;
/** An event that takes longer was held back: the server sends it at once. */
const EVENT_MS = 4_000;

/** Asks who is signed in; null: the server does not answer. */
export async function tryServer(
  base: string,
  signal: AbortSignal,
): Promise<{ roundTripMs: number; signedIn: boolean } | null> {
  try {
    let roundTripMs = Number.POSITIVE_INFINITY;
    let signedIn = false;
    // The first request may have to open a connection; the quickest tells the way.
    for (let times = 0; times < ECHOES; times += 1) {
      const begun = performance.now();
      signedIn = (await ask(base, "api/me", signal)).ok;
      roundTripMs = Math.min(roundTripMs, performance.now() - begun);
    }
    return { roundTripMs, signedIn };
  } catch {
    return null;
  }
}

/** Gives the ICE servers, or why they are not known. */
export async function iceServersFor(
  base: string,
  signal: AbortSignal,
): Promise<RTCIceServer[] | "signed-out" | "unreachable"> {
  try {
    const answer = await ask(base, "api/webrtc/ice-servers", signal);
    if (answer.status === 401 || answer.status === 403) return "signed-out";
    if (!answer.ok) return "unreachable";
    const { iceServers } = (await answer.json()) as { iceServers?: RTCIceServer[] };
    return iceServers ?? [];
  } catch {
    return "unreachable";
  }
}

/** Opens a WebSocket to the server and has a few words sent back. */
export async function tryWebSocket(
  base: string,
  signal: AbortSignal,
): Promise<"signed-out" | "unreachable" | "blocked" | { roundTripMs: number }> {
  let ticket: string;
  try {
    const answer = await fetch(new URL("api/tickets", base), {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ use: "preflight" }),
      credentials: "same-origin",
      signal,
    });
    if (answer.status === 401 || answer.status === 403) return "signed-out";
    if (!answer.ok) return "unreachable";
    ({ ticket } = (await answer.json()) as { ticket: string });
  } catch {
    return "unreachable";
  }
  const url = new URL("api/webrtc/preflight/socket", base);
  url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
  url.searchParams.set("ticket", ticket);
  const roundTripMs = await echoed(new WebSocket(url), signal);
  return roundTripMs === null ? "blocked" : { roundTripMs };
}

/** Gives the quickest of a few answers; null: it closed before, or the time was over. */
function echoed(socket: WebSocket, signal: AbortSignal): Promise<number | null> {
  const trips: number[] = [];
  return new Promise<number | null>((resolve) => {
    const say = () => socket.send(String(performance.now()));
    socket.onopen = say;
    socket.onmessage = ({ data }) => {
      trips.push(performance.now() - Number(data));
      if (trips.length < ECHOES) say();
      else resolve(Math.min(...trips));
    };
    socket.onclose = () => resolve(null);
    signal.addEventListener("abort", () => resolve(null), { once: true });
  }).finally(() => socket.close());
}

/** Waits for the one event that the server sends at once. */
export async function tryEvents(
  base: string,
  signal: AbortSignal,
): Promise<"signed-out" | "held" | { afterMs: number }> {
  const begun = performance.now();
  const limit = AbortSignal.any([signal, AbortSignal.timeout(EVENT_MS)]);
  const path = "api/webrtc/preflight/events";
  const source = new EventSource(new URL(path, base));
  try {
    return await new Promise((resolve) => {
      source.addEventListener("notice", () => resolve({ afterMs: performance.now() - begun }));
      source.onerror = () => {
        if (source.readyState === EventSource.CLOSED) resolve(whyNoStream(base, path, limit));
      };
      limit.addEventListener("abort", () => resolve("held"), { once: true });
    });
  } finally {
    source.close();
  }
}

/** The answer was no stream: only a request of another kind is told why. */
async function whyNoStream(
  base: string,
  path: string,
  signal: AbortSignal,
): Promise<"signed-out" | "held"> {
  const stop = new AbortController();
  try {
    const answer = await ask(base, path, AbortSignal.any([signal, stop.signal]));
    return answer.status === 401 || answer.status === 403 ? "signed-out" : "held";
  } catch {
    return "held";
  } finally {
    stop.abort();
  }
}

function ask(base: string, path: string, signal: AbortSignal): Promise<Response> {
  return fetch(new URL(path, base), { credentials: "same-origin", cache: "no-store", signal });
}
