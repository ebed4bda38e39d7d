/** SDP fragments for trickled candidates (RFC 8840 section 9, RFC 9725 section 4.3.2). */

export interface Trickled {
  candidate: string;
  sdpMid: string | null;
  sdpMLineIndex: number | null;
}

interface MediaLine {
  mid: string;
  line: string;
}

/** Gives the fragment that says `candidates`; an empty candidate text is the end of them. */
export function fragment(offer: string, candidates: readonly Trickled[]): string {
  const lines = offer.split(/\r?\n/);
  const media = mediaLines(lines);
  const head = ["a=ice-ufrag:", "a=ice-pwd:"].flatMap((name) => {
    const found = lines.find((line) => line.startsWith(name));
    return found ? [found] : [];
  });
  const body = media.flatMap(({ mid, line }, index) => {
    const own = candidates.filter((candidate) => placeOf(candidate, media) === index);
    if (own.length === 0) return [];
    return [line, `a=mid:${mid}`, ...own.map(candidateLine)];
  });
  return `${[...head, ...body].join("\r\n")}\r\n`;
}

function mediaLines(lines: readonly string[]): MediaLine[] {
  const found: MediaLine[] = [];
  for (const line of lines) {
    const last = found.at(-1);
    if (line.startsWith("m=")) found.push({ line, mid: String(found.length) });
    else if (line.startsWith("a=mid:") && last) last.mid = line.slice(6);
  }
  return found;
}

function placeOf(candidate: Trickled, media: readonly MediaLine[]): number {
  const byMid = media.findIndex(({ mid }) => mid === candidate.sdpMid);
  return byMid >= 0 ? byMid : (candidate.sdpMLineIndex ?? 0);
}

function candidateLine({ candidate }: Trickled): string {
  if (candidate === "") return "a=end-of-candidates";
  return candidate.startsWith("a=") ? candidate : `a=${candidate}`;
}
