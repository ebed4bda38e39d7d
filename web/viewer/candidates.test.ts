import { expect, it } from "vitest";
import { only } from "./candidates";

const SDP = [
  "v=0",
  "m=video 9 UDP/TLS/RTP/SAVPF 96",
  "a=candidate:1 1 udp 2015363327 192.0.2.2 40777 typ host",
  "a=candidate:2 1 TCP 1015021823 192.0.2.2 443 typ host tcptype passive",
  "a=end-of-candidates",
  "",
].join("\r\n");

it("leaves the candidates of one transport, and all other lines", () => {
  const lines = SDP.split("\r\n");
  expect(only(SDP, "udp").split("\r\n")).toEqual(lines.filter((line) => !/ TCP /.test(line)));
  expect(only(SDP, "tcp").split("\r\n")).toEqual(lines.filter((line) => !/ udp /.test(line)));
});
