/** Candidates in a session description, by their transport. Pure. RFC 8839, 5.1; RFC 6544. */

export type Protocol = "udp" | "tcp";

/** Gives the description with only the candidates of this transport. */
export function only(sdp: string, protocol: Protocol): string {
  const lines = sdp.split(/\r\n|\n/);
  return lines
    .filter((line) => !line.startsWith("a=candidate:") || transportOf(line) === protocol)
    .join("\r\n");
}

/** `a=candidate:FOUNDATION COMPONENT TRANSPORT ...` */
function transportOf(line: string): string {
  return line.split(" ")[2]?.toLowerCase() ?? "";
}
