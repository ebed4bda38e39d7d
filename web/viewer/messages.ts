/** The messages of the data channel `input`, as in `src/fanlight/wire/messages/`. */

export type ToMachine =
  | { type: "input.pointer"; x: number; y: number }
  | { type: "input.button"; button: number; down: boolean; x: number; y: number }
  | { type: "input.wheel"; dx: number; dy: number }
  | { type: "input.key"; keysym: number; down: boolean }
  | { type: "input.text"; text: string }
  | { type: "input.release" }
  | { type: "input.ping"; t: number }
  | { type: "viewer.report"; figures: ViewerFigures };

/** A way of getting the picture; the highest first. */
export const RUNGS = [
  "udp",
  "tcp",
  "turn-udp",
  "turn-tcp",
  "turn-tls",
  "websocket",
  "vnc",
] as const;
export type Rung = (typeof RUNGS)[number];

/** A viewer's figures since its connection began, or over its last sample. */
export interface ViewerFigures {
  rung: Rung;
  framesDecoded: number;
  framesDropped: number;
  freezeMs: number;
  framesPerS: number;
  kbps: number;
  lossPercent: number;
  jitterMs: number;
  roundTripMs: number;
  latencyMs: number;
  score: number;
  /** From asking for this connection to showing its first frame; 0: none was shown yet. */
  firstFrameMs: number;
}

export type FromGateway =
  | { type: "input.pong"; t: number; atMs: number }
  | { type: "picture.clock"; rtp: number; atMs: number; machineMs: number }
  | { type: "display.size"; widthPx: number; heightPx: number }
  | { type: "control.held"; held: boolean };

/** Longest text of one `input.text`, in UTF-16 units; the gateway takes 64 KiB a message. */
export const MAX_TEXT = 8_000;

/** Gives the message that a line of the channel says, or null for one that is none of ours. */
export function read(line: unknown): FromGateway | null {
  if (typeof line !== "string") return null;
  let data: Record<string, unknown>;
  try {
    data = JSON.parse(line);
  } catch {
    return null;
  }
  if (typeof data !== "object" || data === null) return null;
  const { type, t, widthPx, heightPx, held, atMs, rtp, machineMs } = data;
  if (type === "input.pong" && isNumber(t)) return { type, t, atMs: isNumber(atMs) ? atMs : 0 };
  if (type === "picture.clock" && isNumber(rtp) && isNumber(atMs) && isNumber(machineMs)) {
    return { type, rtp, atMs, machineMs };
  }
  if (type === "control.held" && typeof held === "boolean") return { type, held };
  if (type === "display.size" && isSize(widthPx) && isSize(heightPx)) {
    return { type, widthPx, heightPx };
  }
  return null;
}

/** Cuts a text into pieces that each fit a message, never through a surrogate pair. */
export function pieces(text: string, longest = MAX_TEXT): string[] {
  const found: string[] = [];
  let piece = "";
  for (const character of text) {
    if (piece.length + character.length > longest) {
      found.push(piece);
      piece = "";
    }
    piece += character;
  }
  return piece ? [...found, piece] : found;
}

function isNumber(value: unknown): value is number {
  return typeof value === "number" && Number.isFinite(value);
}

function isSize(value: unknown): value is number {
  return typeof value === "number" && value > 0 && value < 65_536;
}
