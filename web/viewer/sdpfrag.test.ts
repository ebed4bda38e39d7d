import { expect, it } from "vitest";
import { fragment } from "./sdpfrag";

const OFFER = [
  "v=0",
  "o=- 1 2 IN IP4 127.0.0.1",
  "a=group:BUNDLE 0 1",
  "m=video 9 UDP/TLS/RTP/SAVPF 96",
  "a=ice-ufrag:Wxyz",
  "a=ice-pwd:secretsecretsecretsecret",
  "a=mid:0",
  "m=application 9 UDP/DTLS/SCTP webrtc-datachannel",
  "a=mid:1",
  "",
].join("\r\n");

it("puts candidates under their media line, with the offer's credentials", () => {
  const candidate = "candidate:1 1 udp 2122260223 192.0.2.1 61764 typ host";
  expect(fragment(OFFER, [{ candidate, sdpMid: "0", sdpMLineIndex: 0 }])).toBe(
    [
      "a=ice-ufrag:Wxyz",
      "a=ice-pwd:secretsecretsecretsecret",
      "m=video 9 UDP/TLS/RTP/SAVPF 96",
      "a=mid:0",
      `a=${candidate}`,
      "",
    ].join("\r\n"),
  );
});

it("goes by the index without a mid, and says the end of candidates", () => {
  const text = fragment(OFFER, [{ candidate: "", sdpMid: null, sdpMLineIndex: 1 }]);
  expect(text).toContain("a=mid:1\r\na=end-of-candidates\r\n");
  expect(text).not.toContain("m=video");
});
