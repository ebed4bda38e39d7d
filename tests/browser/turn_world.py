"""A server with TLS and its own TURN server, a Chromium that trusts its authority, and what a page
does to watch a session through the relay and by no other way.
"""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import trustme

from fanlight.testing.server import RunningServer

WATCH = """async ([session, way, credential]) => {
  const { iceServers } = await (await fetch("/api/webrtc/ice-servers")).json();
  const own = iceServers.map((server) => ({ ...server, ...credential,
    urls: server.urls.filter((url) => way === "tls" ? url.startsWith("turns:")
      : url.startsWith("turn:") && url.endsWith(way)) }));
  const pc = new RTCPeerConnection({ iceServers: own, iceTransportPolicy: "relay" });
  const video = document.createElement("video");
  video.muted = video.autoplay = true;
  document.body.append(video);
  const relayed = { pc, video, errors: [], states: [] };
  (window.relayed ??= {})[way] = relayed;
  pc.onicecandidateerror = ({ errorCode, errorText, url }) =>
    relayed.errors.push({ errorCode, errorText, url });
  pc.onconnectionstatechange = () => relayed.states.push(pc.connectionState);
  pc.ontrack = ({ track }) => { video.srcObject = new MediaStream([track]); };
  pc.addTransceiver("video", { direction: "recvonly" });
  relayed.channel = pc.createDataChannel("input");
  const gathered = new Promise((done) => {
    pc.onicegatheringstatechange = () => pc.iceGatheringState === "complete" && done();
  });
  await pc.setLocalDescription();
  await gathered;
  const { sdp } = pc.localDescription;
  if (!sdp.includes("a=candidate:")) return 0;
  const answer = await fetch(`/api/webrtc/session/${session}/whep`, { method: "POST",
    headers: { "Content-Type": "application/sdp" }, body: sdp });
  await pc.setRemoteDescription({ type: "answer", sdp: await answer.text() });
  return sdp.match(/a=candidate:/g).length;
}"""
PAIR = """async (way) => {
  const stats = await window.relayed[way].pc.getStats();
  for (const report of stats.values()) {
    if (report.type !== "transport" || !report.selectedCandidatePairId) continue;
    const pair = stats.get(report.selectedCandidatePairId);
    const { candidateType, relayProtocol } = stats.get(pair.localCandidateId);
    return [candidateType, relayProtocol];
  }
  return null;
}"""
CLOSE = "() => Object.values(window.relayed ?? {}).forEach(({ pc }) => pc.close())"
PRESS = """async ([way, keysym]) => {
  const { channel } = window.relayed[way];
  for (const down of [true, false])
    channel.send(JSON.stringify({ type: "input.key", keysym, down }));
}"""
FRAMES = "(way) => window.relayed[way].video.getVideoPlaybackQuality().totalVideoFrames"


def free_port() -> int:
    """Give a port that is free for UDP and TCP on loopback, now."""
    for _ in range(20):
        with socket.socket() as tcp, socket.socket(type=socket.SOCK_DGRAM) as udp:
            tcp.bind(("127.0.0.1", 0))
            port: int = tcp.getsockname()[1]
            with contextlib.suppress(OSError):
                udp.bind(("127.0.0.1", port))
                return port
    raise AssertionError("no port is free for both")


@contextlib.contextmanager
def serving_with_turn(**settings: Any) -> Iterator[tuple[RunningServer, Path]]:
    """Run a server with TLS and `turn`; give it, and a home whose browser trusts its authority."""
    ca = trustme.CA()
    certificate = ca.issue_cert("localhost", "127.0.0.1")
    with tempfile.TemporaryDirectory(prefix="fl-turn-", dir="/tmp") as directory:
        home = Path(directory)
        home.chmod(0o711)
        chain, key = home / "cert.pem", home / "key.pem"
        chain.write_bytes(b"".join(blob.bytes() for blob in certificate.cert_chain_pems))
        key.write_bytes(certificate.private_key_pem.bytes())
        key.chmod(0o600)
        trust(home, ca)
        given = {"turn": True, "turn_port": free_port(), "turn_tls_port": free_port()}
        given |= {"tls_cert": str(chain), "tls_key": str(key)} | settings
        with RunningServer(given) as server:
            yield server, home


def trust(home: Path, ca: trustme.CA) -> None:
    """Have Chromium under this HOME trust an authority, as an administrator would (NSS)."""
    database = home / ".pki" / "nssdb"
    database.mkdir(parents=True)
    (home / "ca.pem").write_bytes(ca.cert_pem.bytes())
    where = ["-d", f"sql:{database}"]
    for command in (
        ["certutil", "-N", *where, "--empty-password"],
        ["certutil", "-A", *where, "-n", "test", "-t", "C,,", "-i", str(home / "ca.pem")],
    ):
        subprocess.run(
            command, check=True, capture_output=True, env=os.environ | {"HOME": str(home)}
        )
