/** The rung between WebRTC and noVNC: the same encoded frames over a WebSocket, drawn on a canvas. */

import type { CauseCode } from "./causes";
import { type Codec, type EncodedFrame, readChunk, textChunk } from "./chunks";
import { refusalOf } from "./connection";
import { Decoding, decodedHere } from "./decoding";
import type { PathState, Refusal } from "./machine";
import { type FromGateway, read, type ToMachine } from "./messages";
import { TicketRefused, ticketFor } from "./tickets";

/** What a stream tells, as `Heard` of `connection.ts`. */
export interface StreamHeard {
  answered(): void;
  refused(refusal: Refusal | "unreachable" | "ended", reason: string, cause?: CauseCode): void;
  path(path: PathState, cause?: CauseCode): void;
  message(message: FromGateway): void;
  channel(open: boolean): void;
  /** A frame was drawn; it says when it left the gateway. */
  drawn(frame: EncodedFrame): void;
}

type ToGateway = ToMachine | { type: "stream.ack"; frame: number } | { type: "stream.key_frame" };

/** Input that piles up here beyond this is old; moves are dropped then, in bytes. */
const MOST_BUFFERED = 65_536;
/** A key frame is asked for no more often than this. */
const ASK_MS = 500;
const NO_CODEC =
  "This browser lacks WebCodecs for the picture's codec, or the page is not a secure one (https).";

export class Stream {
  private socket: WebSocket | null = null;
  private decoding: Decoding | null = null;
  private connection = "";
  private closed = false;
  private bytes = 0;
  private messages = 0;
  private askedMs = Number.NEGATIVE_INFINITY;

  constructor(
    private readonly base: string,
    private readonly session: string,
    private readonly canvas: HTMLCanvasElement,
    private readonly heard: StreamHeard,
    /** The connection that this viewer had before; empty: none. Control goes on from it. */
    private readonly replaces = "",
  ) {
    this.connect().catch((error: unknown) => this.fail(error));
  }

  /** Sends input; false when the stream is not open (or, for moves, clogged). */
  send(message: ToMachine): boolean {
    if (!this.decoding) return false;
    const clogged = (this.socket?.bufferedAmount ?? 0) > MOST_BUFFERED;
    return !(clogged && message.type === "input.pointer") && this.say(message);
  }

  /** What the API calls this connection; empty before it was opened. */
  get name(): string {
    return this.connection;
  }

  /** Gives the figures under the names that getStats has for a WebRTC connection. */
  stats(): Promise<RTCStatsReport> | null {
    const { decoding, canvas } = this;
    if (!decoding) return null;
    const codec = { id: "codec", type: "codec", mimeType: `video/${this.codec.toUpperCase()}` };
    const picture = {
      id: "picture",
      type: "inbound-rtp",
      kind: "video",
      timestamp: performance.timeOrigin + performance.now(),
      codecId: codec.id,
      bytesReceived: this.bytes,
      packetsReceived: this.messages,
      packetsLost: 0,
      framesDecoded: decoding.decoded,
      framesDropped: decoding.dropped,
      totalDecodeTime: decoding.decodeS,
      frameWidth: canvas.width,
      frameHeight: canvas.height,
      decoderImplementation: "WebCodecs",
    };
    const report = new Map<string, unknown>([picture, codec].map((each) => [each.id, each]));
    return Promise.resolve(report as unknown as RTCStatsReport);
  }

  /** How many frames were decoded; each was drawn. */
  async framesDecoded(): Promise<number> {
    return this.decoding?.decoded ?? 0;
  }

  /** How many messages came in, pictures among them. */
  async packetsReceived(): Promise<number> {
    return this.messages;
  }

  close(): void {
    if (this.closed) return;
    this.closed = true;
    this.socket?.close();
    this.decoding?.close();
  }

  private codec: Codec = "vp8";

  private async connect(): Promise<void> {
    const codecs = await decodedHere();
    if (this.closed) return;
    if (codecs.length === 0) {
      this.heard.refused("rejected", NO_CODEC, "codec-unsupported");
      return;
    }
    const ticket = await ticketFor(this.base, this.session, "stream");
    if (this.closed) return;
    const url = new URL(`api/webrtc/session/${this.session}/stream`, this.base);
    url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
    url.searchParams.set("ticket", ticket);
    url.searchParams.set("codecs", codecs.join(","));
    if (this.replaces) url.searchParams.set("replaces", this.replaces);
    const socket = new WebSocket(url);
    socket.binaryType = "arraybuffer";
    this.socket = socket;
    socket.onmessage = ({ data }) => this.take(data);
    socket.onclose = () => this.end();
  }

  private fail(error: unknown): void {
    if (this.closed) return;
    if (error instanceof TicketRefused) {
      this.heard.refused(refusalOf(error.status), error.message);
    } else {
      this.heard.refused("unreachable", `The stream could not be asked for: ${error}.`);
    }
  }

  private take(data: unknown): void {
    const chunk = data instanceof ArrayBuffer ? readChunk(data) : null;
    if (!chunk || this.closed) return;
    this.messages += 1;
    if (chunk.kind === "frame") {
      this.bytes += chunk.frame.picture.length;
      this.decoding?.take(chunk.frame);
      return;
    }
    const message = read(chunk.line);
    if (message) this.heard.message(message);
    else this.hear(chunk.line);
  }

  /** Hears what only a stream says: `stream.opened` and `stream.closed`. */
  private hear(line: string): void {
    const { type, codec, connection, code, detail } = parsed(line);
    if (type === "stream.opened" && !this.decoding) {
      this.codec = codec === "h264" ? "h264" : "vp8";
      this.connection = String(connection ?? "");
      this.decoding = new Decoding(this.codec, this.canvas, {
        taken: (frame) => this.say({ type: "stream.ack", frame }),
        lost: () => this.askForKeyFrame(),
        drawn: (frame) => this.heard.drawn(frame),
      });
      this.heard.answered();
      this.heard.path("connected");
      this.heard.channel(true);
    } else if (type === "stream.closed") {
      this.endBecause(String(code), String(detail));
    }
  }

  private endBecause(code: string, detail: string): void {
    const wasOpen = this.decoding !== null;
    this.close();
    if (wasOpen) return this.heard.path("failed", code === "slow-path" ? code : undefined);
    switch (code) {
      case "session-ended":
        return this.heard.refused("ended", detail);
      case "codec-unsupported":
        return this.heard.refused("rejected", detail, code);
      case "gateway-unavailable":
        return this.heard.refused("busy", detail, "gateway-unreachable");
      case "limit-reached":
        return this.heard.refused("busy", detail);
      default:
        return this.heard.refused("rejected", detail);
    }
  }

  /** The WebSocket is over, and nobody said why. */
  private end(): void {
    if (this.closed) return;
    const wasOpen = this.decoding !== null;
    this.close();
    if (wasOpen) this.heard.path("failed");
    else this.heard.refused("unreachable", "The WebSocket did not open.", "websocket-blocked");
  }

  private askForKeyFrame(): void {
    const now = performance.now();
    // The gateway leaves frames out that are not taken: it comes to a key frame in any case.
    if (this.closed || now - this.askedMs < ASK_MS) return;
    this.askedMs = now;
    this.say({ type: "stream.key_frame" });
  }

  private say(message: ToGateway): boolean {
    if (this.socket?.readyState !== WebSocket.OPEN) return false;
    this.socket.send(textChunk(JSON.stringify(message)));
    return true;
  }
}

function parsed(line: string): Record<string, unknown> {
  try {
    const data: unknown = JSON.parse(line);
    return typeof data === "object" && data !== null ? (data as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}
