"""A machine with a WebRTC stack of its own answers the viewer by the signalling routes.

aiortc plays the machine, with the machine's token and nothing else; Chromium is the viewer.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from aiortc import RTCPeerConnection, RTCSessionDescription, VideoStreamTrack
from aiortc.sdp import candidate_from_sdp
from av import VideoFrame
from playwright.sync_api import Page

from fanlight.testing.server import RunningServer

from . import looking

BLUE = (41, 240, 110)
"""As Y, U and V (BT.601)."""

# The routes as a front end of somebody else's would use them.
VIEW = """async (id) => {
  const base = `/api/webrtc/session/${id}`;
  const post = (path, body) => fetch(base + path, { method: "POST",
    headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });
  const pc = window.pc = new RTCPeerConnection();
  const video = document.createElement("video");
  video.id = "other";
  video.muted = video.autoplay = true;
  document.body.prepend(video);
  pc.addTransceiver("video", { direction: "recvonly" });
  pc.ontrack = ({ track }) => { video.srcObject = new MediaStream([track]); };
  let connection = null;
  const waiting = [];
  const trickle = (candidate) => post(`/candidates?connectionId=${connection}`, candidate);
  pc.onicecandidate = ({ candidate }) => {
    if (!candidate) return;
    const { sdpMid, sdpMLineIndex } = candidate;
    const one = { candidate: candidate.candidate, sdpMid, sdpMLineIndex };
    if (connection) trickle(one); else waiting.push(one);
  };
  await pc.setLocalDescription();
  const early = await fetch(`${base}/answer`);
  const offered = await post("/offer", { type: "offer", sdp: pc.localDescription.sdp });
  connection = (await offered.json()).connectionId;
  waiting.splice(0).forEach(trickle);
  const answer = await fetch(`${base}/answer?connectionId=${connection}&wait=20`);
  const { type, sdp } = await answer.json();
  await pc.setRemoteDescription({ type, sdp });
  const found = await fetch(`${base}/candidates?connectionId=${connection}&wait=10&after=0`);
  const { candidates } = await found.json();
  for (const candidate of candidates) await pc.addIceCandidate(candidate);
  return { early: early.status, offered: offered.status, answered: answer.status,
           candidates: candidates.length };
}"""

ANSWER_AS_ANYBODY = """async (id) => {
  const base = `/api/webrtc/session/${id}`;
  const body = JSON.stringify({ type: "answer", sdp: "v=0" });
  const headers = { "Content-Type": "application/json" };
  return [(await fetch(base + "/offer")).status,
          (await fetch(base + "/answer", { method: "POST", headers, body })).status];
}"""


class Blue(VideoStreamTrack):  # type: ignore[misc]
    """Nothing but blue, thirty times a second."""

    async def recv(self) -> Any:
        frame = VideoFrame(width=320, height=240, format="yuv420p")
        for plane, level in zip(frame.planes, BLUE, strict=True):
            plane.update(bytes([level]) * plane.buffer_size)
        frame.pts, frame.time_base = await self.next_timestamp()
        return frame


class AnsweringMachine:
    """Takes one offer and answers it, in a thread of its own until told to stop."""

    def __init__(self, url: str, session: str, token: str) -> None:
        self._base = f"{url}/api/webrtc/session/{session}"
        self._headers = {"Authorization": f"Bearer {token}"}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._answer()))
        self.error: BaseException | None = None

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join(30)
        assert not self._thread.is_alive()

    async def _answer(self) -> None:
        peer = RTCPeerConnection()
        peer.addTrack(Blue())
        try:
            async with httpx.AsyncClient(headers=self._headers, timeout=30) as api:
                await self._signal(api, peer)
                await asyncio.to_thread(self._stop.wait)
        except Exception as error:  # noqa: BLE001 - the test's own thread raises it
            self.error = error
        finally:
            await peer.close()

    async def _signal(self, api: httpx.AsyncClient, peer: RTCPeerConnection) -> None:
        offer = (await api.get(f"{self._base}/offer", params={"wait": 20})).raise_for_status()
        connection = {"connectionId": offer.json()["connectionId"]}
        await peer.setRemoteDescription(RTCSessionDescription(offer.json()["sdp"], "offer"))
        await peer.setLocalDescription(await peer.createAnswer())
        lines = peer.localDescription.sdp.splitlines()
        sdp = "".join(f"{line}\r\n" for line in lines if not line.startswith("a=candidate"))
        body = {"type": "answer", "sdp": sdp}
        (await api.post(f"{self._base}/answer", params=connection, json=body)).raise_for_status()
        for line in lines:
            if line.startswith("a=candidate"):
                one = {"candidate": line[2:], "sdpMid": "0", "sdpMLineIndex": 0}
                said = await api.post(f"{self._base}/candidates", params=connection, json=one)
                said.raise_for_status()
        heard = await api.get(f"{self._base}/candidates", params={**connection, "wait": 10})
        for each in heard.raise_for_status().json()["candidates"]:
            if words := each["candidate"]:
                candidate = candidate_from_sdp(words.removeprefix("candidate:"))
                candidate.sdpMid, candidate.sdpMLineIndex = "0", 0
                await peer.addIceCandidate(candidate)


@pytest.fixture
def page(person: Callable[[], Page]) -> Iterator[Page]:
    with person() as page:
        page.goto("/dashboard")
        yield page


def test_aiortc_answers_and_chromium_decodes_its_picture(
    server: RunningServer, page: Page
) -> None:
    session = looking.start(page, answerer="machine")
    machine = AnsweringMachine(server.url, session["sessionId"], session["machineToken"])
    machine.start()
    try:
        said = page.evaluate(VIEW, session["sessionId"])
        assert machine.error is None
        assert said["early"] == 404
        assert (said["offered"], said["answered"]) == (201, 200)
        assert said["candidates"] > 0
        page.wait_for_function(
            "() => document.getElementById('other').getVideoPlaybackQuality()"
            ".totalVideoFrames > 30",
            timeout=looking.PICTURE_MS,
        )
        page.wait_for_function(
            """() => {
              const context = new OffscreenCanvas(320, 240).getContext("2d");
              context.drawImage(document.getElementById("other"), 0, 0);
              const [red, , blue] = context.getImageData(160, 120, 1, 1).data;
              return blue > 150 && red < 80;
            }"""
        )
    finally:
        machine.stop()
        looking.end(page, session["sessionId"])
    assert machine.error is None


def test_nobody_else_answers_for_the_machine(server: RunningServer, page: Page) -> None:
    session = looking.start(page, answerer="machine")
    other = looking.start(page, answerer="machine")
    base = f"{server.url}/api/webrtc/session/{session['sessionId']}"
    key = page.evaluate(looking.NEW_KEY)
    assert key.startswith("fl_")
    assert page.evaluate(ANSWER_AS_ANYBODY, session["sessionId"]) == [403, 403]
    for token in ["flm_" + "x" * 43, other["machineToken"], key, ""]:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        asked = httpx.get(f"{base}/offer", headers=headers)
        answered = httpx.post(
            f"{base}/answer", headers=headers, json={"type": "answer", "sdp": "v=0"}
        )
        assert asked.status_code in {401, 403, 404}, asked.text
        assert answered.status_code in {401, 403, 404}, answered.text
        assert asked.json()["code"] != "nothing-yet"
        assert answered.json()["code"] != "nothing-yet"
    right = {"Authorization": f"Bearer {session['machineToken']}"}
    assert httpx.get(f"{base}/offer", headers=right).json()["code"] == "nothing-yet"
    for each in (session, other):
        looking.end(page, each["sessionId"])
