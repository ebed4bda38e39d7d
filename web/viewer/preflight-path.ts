/** Tries one way to the media gateway by a connection that has no session: only the way counts. */

import { only, type Protocol } from "./candidates";
import { reasonOf } from "./events";
import { type Rung, read } from "./messages";
import { rungOf } from "./stats";

export interface Way {
  /** Which of the candidates may be used, ours and the gateway's. */
  protocol: Protocol;
  /** A TURN server that everything has to go through; none: the direct way. */
  relay?: RTCIceServer;
}

/** What came of it. */
export type Tried =
  | { outcome: "open"; roundTripMs: number; rung: Rung }
  /** The gateway has no address of this kind. */
  | { outcome: "none" }
  | { outcome: "refused"; status: number; reason: string }
  /** The TURN server gave no address; `code` is its error, 701 for no answer. */
  | { outcome: "unallocated"; code: number }
  /** `allocated`: the TURN server gave an address, but nothing came through it. */
  | { outcome: "silent"; allocated: boolean };

/** Candidates of the computer itself are there at once; a TURN server takes a round trip or five. */
const GATHER_MS = 1_000;
const ALLOCATE_MS = 4_000;
const PINGS = 3;

/** Tries it, until `signal` ends it; leaves nothing open. */
export async function tryWay(base: string, way: Way, signal: AbortSignal): Promise<Tried> {
  const url = new URL("api/webrtc/preflight", base);
  const pc = new RTCPeerConnection({
    iceServers: way.relay ? [way.relay] : [],
    iceTransportPolicy: way.relay ? "relay" : "all",
    bundlePolicy: "max-bundle",
  });
  let place = "";
  try {
    const channel = pc.createDataChannel("input");
    pc.addTransceiver("video", { direction: "recvonly" });
    const failed = errorsOf(pc);
    await pc.setLocalDescription();
    const limitMs = way.relay ? ALLOCATE_MS : GATHER_MS;
    await either(gathered(pc, Boolean(way.relay)), limitMs, signal);
    const offer = only(pc.localDescription?.sdp ?? "", way.protocol);
    const allocated = offer.includes(" typ relay");
    if (way.relay && !allocated) return { outcome: "unallocated", code: failed() };
    const answer = await fetch(url, {
      method: "POST",
      headers: { "Content-Type": "application/sdp" },
      body: offer,
      credentials: "same-origin",
      signal,
    });
    if (answer.status !== 201) {
      const reason = reasonOf(await answer.json().catch(() => null));
      return { outcome: "refused", status: answer.status, reason };
    }
    place = answer.headers.get("Location") ?? "";
    const sdp = only(await answer.text(), way.protocol);
    if (!sdp.includes("a=candidate:")) return { outcome: "none" };
    await pc.setRemoteDescription({ type: "answer", sdp });
    return (await asked(pc, channel, signal)) ?? { outcome: "silent", allocated };
  } catch (error) {
    if (signal.aborted) return { outcome: "silent", allocated: false };
    throw error;
  } finally {
    await closed(pc, place ? new URL(place, url) : null);
  }
}

/** The gateway is told before the connection goes, so that it does not look for it in vain. */
async function closed(pc: RTCPeerConnection, place: URL | null): Promise<void> {
  const telling = place ? fetch(place, { method: "DELETE", keepalive: true }) : null;
  await telling?.catch(() => undefined);
  pc.close();
}

/** Sends a few pings when the channel opens, and gives the quickest; null: no answer came. */
async function asked(
  pc: RTCPeerConnection,
  channel: RTCDataChannel,
  signal: AbortSignal,
): Promise<Tried | null> {
  const trips: number[] = [];
  const answered = new Promise<number | null>((resolve) => {
    const ping = () => channel.send(JSON.stringify({ type: "input.ping", t: performance.now() }));
    channel.onopen = ping;
    channel.onmessage = ({ data }) => {
      const message = read(data);
      if (message?.type !== "input.pong") return;
      trips.push(performance.now() - message.t);
      if (trips.length < PINGS) ping();
      else resolve(Math.min(...trips));
    };
    pc.onconnectionstatechange = () => {
      if (pc.connectionState === "failed") resolve(null);
    };
    signal.addEventListener("abort", () => resolve(null), { once: true });
    if (signal.aborted) resolve(null);
  });
  const roundTripMs = await answered;
  if (roundTripMs === null) return null;
  const reports: Record<string, unknown>[] = [];
  (await pc.getStats()).forEach((report) => {
    reports.push(report);
  });
  return { outcome: "open", roundTripMs, rung: rungOf(reports) };
}

/** Remembers the errors of ICE servers; the one that says most is given: an answer before none. */
function errorsOf(pc: RTCPeerConnection): () => number {
  let found = NO_ANSWER;
  pc.onicecandidateerror = ({ errorCode }) => {
    if (errorCode !== NO_ANSWER) found = errorCode;
  };
  return () => found;
}

const NO_ANSWER = 701;

/** Resolves when there are candidates enough: all of them, or the first of a relay's. */
function gathered(pc: RTCPeerConnection, relayed: boolean): Promise<void> {
  return new Promise((resolve) => {
    pc.onicegatheringstatechange = () => {
      if (pc.iceGatheringState === "complete") resolve();
    };
    pc.onicecandidate = ({ candidate }) => {
      if (!candidate || (relayed && candidate.type === "relay")) resolve();
    };
  });
}

async function either(done: Promise<void>, limitMs: number, signal: AbortSignal): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const limit = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, limitMs);
    signal.addEventListener("abort", () => resolve(), { once: true });
  });
  await Promise.race([done, limit]);
  clearTimeout(timer);
}
