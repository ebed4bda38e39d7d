/** One WebRTC connection to the media gateway, made by WHEP: offer at once, trickle afterwards. */

import type { CauseCode } from "./causes";
import { reasonOf } from "./events";
import type { PathState, Refusal } from "./machine";
import { type FromGateway, read, type ToMachine } from "./messages";
import { fragment, type Trickled } from "./sdpfrag";

export interface Heard {
  answered(): void;
  refused(refusal: Refusal | "ended", reason: string): void;
  /** What is to blame if no path is found. */
  hint(cause: CauseCode): void;
  path(path: PathState): void;
  stream(stream: MediaStream): void;
  message(message: FromGateway): void;
  channel(open: boolean): void;
}

/** Candidates of one moment go in one PATCH. */
const TRICKLE_MS = 20;
const ICE_SERVERS_MS = 1_500;
const POST_MS = 7_000;
/** Input that piles up in the channel beyond this is old; moves are dropped then, in bytes. */
const MOST_BUFFERED = 65_536;

export class Connection {
  private pc: RTCPeerConnection | null = null;
  private channel: RTCDataChannel | null = null;
  private resource = "";
  private etag = "";
  private offer = "";
  private waiting: Trickled[] = [];
  private trickling: ReturnType<typeof setTimeout> | undefined;
  private closed = false;

  constructor(
    private readonly base: string,
    private readonly session: string,
    private readonly heard: Heard,
    /** The connection that this viewer had before; empty: none. Control goes on from it. */
    private readonly replaces = "",
  ) {
    this.connect().catch((error: unknown) => {
      if (this.closed) return;
      this.heard.refused("unreachable", `The offer could not be sent: ${error}.`);
    });
  }

  /** Sends input; false when the channel is not open (or, for moves, clogged). */
  send(message: ToMachine): boolean {
    const { channel } = this;
    if (channel?.readyState !== "open") return false;
    if (message.type === "input.pointer" && channel.bufferedAmount > MOST_BUFFERED) return false;
    channel.send(JSON.stringify(message));
    return true;
  }

  /** What the API calls this connection; empty before it was answered. */
  get name(): string {
    return decodeURIComponent(new URL(this.resource || "x:").pathname.split("/").at(-1) ?? "");
  }

  stats(): Promise<RTCStatsReport> | null {
    return this.pc?.getStats() ?? null;
  }

  /** How many frames the browser made of what came, shown or not. */
  async framesDecoded(): Promise<number> {
    let frames = 0;
    (await this.stats())?.forEach((item) => {
      if (item.type === "inbound-rtp") frames += item.framesDecoded ?? 0;
    });
    return frames;
  }

  /** How many packets came in, of pictures and of messages. */
  async packetsReceived(): Promise<number> {
    let packets = 0;
    (await this.stats())?.forEach((item) => {
      if (item.type === "inbound-rtp") packets += item.packetsReceived ?? 0;
      if (item.type === "data-channel") packets += item.messagesReceived ?? 0;
    });
    return packets;
  }

  close(): void {
    if (this.closed) return;
    this.closed = true;
    clearTimeout(this.trickling);
    this.pc?.close();
    if (this.resource) {
      void fetch(this.resource, { method: "DELETE", keepalive: true }).catch(() => undefined);
    }
  }

  private async connect(): Promise<void> {
    const iceServers = await iceServersOf(this.base);
    if (this.closed) return;
    const pc = new RTCPeerConnection({ iceServers, bundlePolicy: "max-bundle" });
    this.pc = pc;
    this.listen(pc);
    hintAt(pc, iceServers, (cause) => {
      if (!this.closed) this.heard.hint(cause);
    });
    const { receiver } = pc.addTransceiver("video", { direction: "recvonly" });
    hurry(receiver);
    this.listenTo(pc.createDataChannel("input"));
    await pc.setLocalDescription();
    this.offer = pc.localDescription?.sdp ?? "";
    await this.post(pc);
  }

  private listen(pc: RTCPeerConnection): void {
    pc.onicecandidate = ({ candidate }) => {
      const { candidate: words, sdpMid, sdpMLineIndex } = candidate ?? END;
      this.waiting.push({ candidate: words, sdpMid, sdpMLineIndex });
      this.trickle();
    };
    pc.onconnectionstatechange = () => {
      const path = pc.connectionState;
      if (this.closed) return;
      if (path === "connected" || path === "disconnected" || path === "failed") {
        this.heard.path(path);
      }
    };
    pc.ontrack = ({ track, streams }) => {
      this.heard.stream(streams[0] ?? new MediaStream([track]));
    };
  }

  private listenTo(channel: RTCDataChannel): void {
    this.channel = channel;
    channel.onopen = () => this.heard.channel(true);
    channel.onclose = () => this.heard.channel(false);
    channel.onmessage = ({ data }) => {
      const message = read(data);
      if (message && !this.closed) this.heard.message(message);
    };
  }

  private async post(pc: RTCPeerConnection): Promise<void> {
    const url = new URL(`api/webrtc/session/${this.session}/whep`, this.base);
    if (this.replaces) url.searchParams.set("replaces", this.replaces);
    const answer = await fetch(url, {
      method: "POST",
      headers: { "Content-Type": "application/sdp" },
      body: this.offer,
      credentials: "same-origin",
      signal: AbortSignal.timeout(POST_MS),
    });
    if (answer.status !== 201) {
      const body: unknown = await answer.json().catch(() => null);
      if (!this.closed) this.heard.refused(refusalOf(answer.status), reasonOf(body));
      return;
    }
    this.resource = new URL(answer.headers.get("Location") ?? "", url).href;
    this.etag = answer.headers.get("ETag") ?? "";
    const sdp = await answer.text();
    if (this.closed) {
      void fetch(this.resource, { method: "DELETE", keepalive: true }).catch(() => undefined);
      return;
    }
    await pc.setRemoteDescription({ type: "answer", sdp });
    this.heard.answered();
    this.trickle();
  }

  private trickle(): void {
    if (!this.resource || this.waiting.length === 0 || this.closed) return;
    clearTimeout(this.trickling);
    this.trickling = setTimeout(() => {
      const candidates = this.waiting.splice(0);
      const headers: Record<string, string> = {
        "Content-Type": "application/trickle-ice-sdpfrag",
      };
      if (this.etag) headers["If-Match"] = this.etag;
      const body = fragment(this.offer, candidates);
      // A lost candidate is no reason to give up: the others may do.
      void fetch(this.resource, { method: "PATCH", headers, body }).catch(() => undefined);
    }, TRICKLE_MS);
  }
}

/** Says, once every candidate was gathered, what a path that is not found will be the fault of. */
function hintAt(
  pc: RTCPeerConnection,
  servers: readonly RTCIceServer[],
  say: (cause: CauseCode) => void,
): void {
  const isTurn = (url: string) => /^turns?:/.test(url);
  const hasTurn = servers.some(({ urls }) => [urls].flat().some(isTurn));
  if (!hasTurn) return;
  let cause: CauseCode = "turn-unreachable";
  pc.addEventListener("icecandidateerror", ({ errorCode, url }) => {
    // 701 is the browser's own: the server was not reached. Others were said by a TURN server.
    if (isTurn(url ?? "") && errorCode !== 701) cause = "turn-refused";
  });
  pc.addEventListener("icecandidate", ({ candidate }) => {
    // What relays, but not to the gateway, refuses us as well.
    if (candidate?.type === "relay") cause = "turn-refused";
    if (candidate === null) say(cause);
  });
}

const END = { candidate: "", sdpMid: null, sdpMLineIndex: 0 };

/** Asks the browser to show frames as they come. Both properties may be missing, or throw. */
function hurry(receiver: RTCRtpReceiver): void {
  const eager = receiver as RTCRtpReceiver & {
    jitterBufferTarget?: number | null;
    playoutDelayHint?: number | null;
  };
  try {
    if ("jitterBufferTarget" in eager) eager.jitterBufferTarget = 0;
  } catch {
    // A browser that knows the property but not the value 0.
  }
  try {
    if ("playoutDelayHint" in eager) eager.playoutDelayHint = 0;
  } catch {
    // As above.
  }
}

async function iceServersOf(base: string): Promise<RTCIceServer[]> {
  try {
    const answer = await fetch(new URL("api/webrtc/ice-servers", base), {
      credentials: "same-origin",
      signal: AbortSignal.timeout(ICE_SERVERS_MS),
    });
    const { iceServers } = (await answer.json()) as { iceServers?: RTCIceServer[] };
    return (iceServers ?? []).map(({ urls, username, credential }) =>
      username && credential ? { urls, username, credential } : { urls },
    );
  } catch {
    // Without STUN and TURN a direct path is still possible.
    return [];
  }
}

export function refusalOf(status: number): Refusal | "ended" {
  if (status === 409) return "ended";
  if (status === 401 || status === 403 || status === 404) return "forbidden";
  return status === 429 || status >= 500 ? "busy" : "rejected";
}
