/**
 * Chunks of the stream over a WebSocket, as in `src/fanlight/wire/stream.py`: each binary message
 * is one, a byte for its kind and a body. Pure.
 */

const TEXT = 1;
const FRAME = 2;
const HEAD_BYTES = 26;
const KEY = 1;

/** One encoded picture. */
export interface EncodedFrame {
  /** Rises by one; `stream.ack` names it. */
  number: number;
  /** When it was made, in 1/90000 s (32 bits, wraps). */
  rtp: number;
  key: boolean;
  layer: number;
  /** Of a key frame whose codec tells it at once; 0: not told. */
  widthPx: number;
  heightPx: number;
  /** The gateway's clock when it sent the frame. */
  atMs: number;
  /** How long the frame took before; 0: not known. */
  machineMs: number;
  picture: Uint8Array<ArrayBuffer>;
}

export type Chunk = { kind: "text"; line: string } | { kind: "frame"; frame: EncodedFrame };

/** Gives what a message says, or null for one that is no chunk. */
export function readChunk(data: ArrayBuffer): Chunk | null {
  const view = new DataView(data);
  const kind = data.byteLength > 0 ? view.getUint8(0) : 0;
  if (kind === TEXT) {
    return { kind: "text", line: new TextDecoder().decode(new Uint8Array(data, 1)) };
  }
  if (kind !== FRAME || data.byteLength < 1 + HEAD_BYTES) return null;
  const frame = {
    number: view.getUint32(1),
    rtp: view.getUint32(5),
    key: (view.getUint8(9) & KEY) !== 0,
    layer: view.getUint8(10),
    widthPx: view.getUint16(11),
    heightPx: view.getUint16(13),
    atMs: view.getFloat64(15),
    machineMs: view.getFloat32(23),
    picture: new Uint8Array(data, 1 + HEAD_BYTES),
  };
  return { kind: "frame", frame };
}

/** Gives the message that says a line. */
export function textChunk(line: string): Uint8Array<ArrayBuffer> {
  const body = new TextEncoder().encode(line);
  const chunk = new Uint8Array(1 + body.length);
  chunk[0] = TEXT;
  chunk.set(body, 1);
  return chunk;
}

export type Codec = "vp8" | "h264";

/** What a decoder is asked for before a picture is there (WebCodecs codec registry). */
export const PROBED: Readonly<Record<Codec, string>> = { vp8: "vp8", h264: "avc1.42E01F" };

const SPS = 7;

/**
 * Gives the decoder's name for a key frame: of H.264 its sequence parameter set tells profile and
 * level (ISO/IEC 14496-15 section 5.4.1); null when there is none.
 */
export function decoderName(codec: Codec, picture: Uint8Array): string | null {
  if (codec === "vp8") return PROBED.vp8;
  for (let at = 0; at + 7 < picture.length; at++) {
    const starts = picture[at] === 0 && picture[at + 1] === 0 && picture[at + 2] === 1;
    if (!starts || ((picture[at + 3] ?? 0) & 0x1f) !== SPS) continue;
    const profile = [...picture.subarray(at + 4, at + 7)];
    return `avc1.${profile.map((byte) => byte.toString(16).padStart(2, "0")).join("")}`;
  }
  return null;
}
