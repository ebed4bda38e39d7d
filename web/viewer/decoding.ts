/** Decodes the frames of a stream with WebCodecs, and draws each as soon as it is decoded. */

import { type Codec, decoderName, type EncodedFrame, PROBED } from "./chunks";

export interface DecodingHeard {
  /** Frames up to this number are with the decoder, which keeps up. */
  taken(number: number): void;
  /** The decoder lost its state: only a key frame helps. */
  lost(): void;
  drawn(frame: EncodedFrame): void;
}

/** Frames that wait in the decoder; with more, the gateway is not told that they were taken. */
const MOST_WAITING = 4;
const US_PER_TICK = 1_000_000 / 90_000;

/** Gives which of the codecs this browser decodes; none where WebCodecs is missing. */
export async function decodedHere(): Promise<Codec[]> {
  if (typeof VideoDecoder === "undefined") return [];
  const codecs: Codec[] = [];
  for (const codec of ["vp8", "h264"] as const) {
    const found = await VideoDecoder.isConfigSupported(config(PROBED[codec])).catch(() => null);
    if (found?.supported) codecs.push(codec);
  }
  return codecs;
}

export class Decoding {
  decoded = 0;
  dropped = 0;
  decodeS = 0;
  private decoder: VideoDecoder | null = null;
  private configured = "";
  private needsKey = true;
  private untaken = 0;
  /** What is in the decoder, by the time that its picture will bear. */
  private readonly inside = new Map<number, { frame: EncodedFrame; sinceMs: number }>();
  private atUs = 0;
  private readonly context: CanvasRenderingContext2D | null;

  constructor(
    private readonly codec: Codec,
    private readonly canvas: HTMLCanvasElement,
    private readonly heard: DecodingHeard,
  ) {
    this.context = canvas.getContext("2d", { alpha: false });
  }

  take(frame: EncodedFrame): void {
    if (frame.key && !this.prepare(frame)) return this.leaveOut(frame);
    if (this.needsKey && !frame.key) return this.leaveOut(frame);
    this.needsKey = false;
    // Any time that rises will do: frames are shown when they are decoded, not at a time.
    this.atUs += Math.round(3_000 * US_PER_TICK);
    this.inside.set(this.atUs, { frame, sinceMs: performance.now() });
    const type = frame.key ? "key" : "delta";
    try {
      this.decoder?.decode(
        new EncodedVideoChunk({ type, timestamp: this.atUs, data: frame.picture }),
      );
    } catch {
      this.lose();
    }
    this.untaken = frame.number;
    this.say();
  }

  close(): void {
    if (this.decoder && this.decoder.state !== "closed") this.decoder.close();
    this.decoder = null;
    this.inside.clear();
  }

  /** Has a decoder for this key frame; false: its picture says not what it is. */
  private prepare({ picture }: EncodedFrame): boolean {
    const name = decoderName(this.codec, picture);
    if (name === null) return false;
    if (this.decoder?.state === "configured" && this.configured === name) return true;
    if (!this.decoder || this.decoder.state === "closed") this.decoder = this.make();
    this.decoder.configure(config(name));
    this.configured = name;
    return true;
  }

  private make(): VideoDecoder {
    const decoder: VideoDecoder = new VideoDecoder({
      output: (picture) => this.draw(picture),
      error: () => {
        if (this.decoder === decoder) this.lose();
      },
    });
    decoder.addEventListener("dequeue", () => this.say());
    return decoder;
  }

  private draw(picture: VideoFrame): void {
    const { displayWidth, displayHeight, timestamp } = picture;
    const known = this.inside.get(timestamp);
    this.inside.delete(timestamp);
    const { canvas } = this;
    if (canvas.width !== displayWidth || canvas.height !== displayHeight) {
      canvas.width = displayWidth;
      canvas.height = displayHeight;
    }
    this.context?.drawImage(picture, 0, 0);
    picture.close();
    this.decoded += 1;
    if (!known) return;
    this.decodeS += (performance.now() - known.sinceMs) / 1_000;
    this.heard.drawn(known.frame);
  }

  private leaveOut({ number }: EncodedFrame): void {
    this.dropped += 1;
    this.untaken = number;
    this.say();
    // Said again while no key frame comes: the wish for one may have crossed others.
    if (this.needsKey) this.heard.lost();
    else this.lose();
  }

  private lose(): void {
    this.dropped += this.inside.size;
    this.close();
    this.needsKey = true;
    this.say();
    this.heard.lost();
  }

  /** Says what was taken, unless the decoder does not keep up. */
  private say(): void {
    if (this.untaken === 0 || (this.decoder?.decodeQueueSize ?? 0) > MOST_WAITING) return;
    this.heard.taken(this.untaken);
    this.untaken = 0;
  }
}

/** Without a `description`, H.264 is Annex B (WebCodecs AVC registration). */
function config(codec: string): VideoDecoderConfig {
  return { codec, optimizeForLatency: true, hardwareAcceleration: "no-preference" };
}
