"""Chromium sees the picture: the browser that the viewer is made for."""

from __future__ import annotations

import functools
import itertools
import threading
from collections.abc import AsyncIterator, Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Literal

import pytest
from playwright.async_api import Page, TimeoutError, async_playwright

from fanlight import wire

from .harness import GatewayProcess, running_machine
from .relay import Relay, without_candidates

pytestmark = [pytest.mark.timeout(120), pytest.mark.anyio, pytest.mark.browser]

SESSION = wire.SessionId("s-1")
CHROMIUM = "/usr/bin/chromium"
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
_numbers = itertools.count(1)

PAGE = """<!doctype html><title>viewer</title><video id="video" muted autoplay playsinline></video>
<script>
window.shown = 0; window.longest = 0; window.heard = []; window.states = [];
const video = document.getElementById("video");
let last = Infinity;
function count(now) {
  window.longest = Math.max(longest, now - last); last = now; window.shown += 1;
  video.requestVideoFrameCallback(count);
}
video.requestVideoFrameCallback(count);
window.offer = async (options) => {
  const pc = window.pc = new RTCPeerConnection(options.configuration ?? {});
  pc.onconnectionstatechange = () => window.states.push(pc.connectionState);
  pc.ontrack = (event) => { video.srcObject = new MediaStream([event.track]); };
  if (options.audio) pc.addTransceiver("audio", {direction: "recvonly"});
  pc.addTransceiver("video", {direction: "recvonly"});
  if (options.channel) {
    window.channel = pc.createDataChannel("input");
    channel.onmessage = (event) => window.heard.push(JSON.parse(event.data));
  }
  await pc.setLocalDescription();
  return pc.localDescription.sdp;
};
window.take = (sdp) => window.pc.setRemoteDescription({type: "answer", sdp});
window.forget = () => { pc.close(); video.srcObject = null; window.shown = 0; last = Infinity; };
window.decoded = async () => {
  for (const report of (await window.pc.getStats()).values())
    if (report.type === "inbound-rtp" && report.kind === "video") return report;
  return {};
};
</script>"""


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def page_url(directory: Path) -> Iterator[str]:
    (directory / "index.html").write_text(PAGE)
    handler = functools.partial(_Quiet, directory=str(directory))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/index.html"
        server.shutdown()
        thread.join()


@pytest.fixture
async def page(page_url: str) -> AsyncIterator[Page]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        page = await browser.new_page()
        await page.goto(page_url)
        yield page
        await browser.close()


async def connect(
    page: Page,
    gateway: GatewayProcess,
    *,
    controls: bool = True,
    relay: Relay | None = None,
    **options: Any,
) -> wire.ConnectionId:
    connection = wire.ConnectionId(f"chromium-{next(_numbers)}")
    sdp = await page.evaluate("options => offer(options)", {"channel": True, **options})
    if relay is not None:
        sdp = without_candidates(sdp)
    answer = await gateway.answer(wire.OpenConnection(SESSION, connection, sdp, controls=controls))
    if relay is not None:
        answer = await relay.stand_before(answer)
    await page.evaluate("sdp => take(sdp)", answer)
    return connection


async def shows(page: Page, width_px: int, *, more_than: int = 0) -> None:
    """Wait until the page has painted frames of this width."""
    try:
        await _wait_for_frames(page, width_px, more_than)
    except TimeoutError as error:
        seen = "(async () => ({states, shown, width: video.videoWidth, rtp: await decoded()}))()"
        raise AssertionError(f"not shown: {await page.evaluate(seen)}") from error


async def _wait_for_frames(page: Page, width_px: int, more_than: int) -> None:
    await page.wait_for_function(
        "([width, shown]) => video.videoWidth === width && video.readyState >= 2"
        " && window.shown > shown",
        arg=[width_px, more_than],
        timeout=20_000,
    )


async def test_chromium_shows_the_picture_and_hears_the_display_size(
    gateway: GatewayProcess, page: Page
) -> None:
    gateway.say(wire.OpenSession(SESSION))
    async with running_machine() as machine:
        gateway.attach(SESSION, machine)
        connection = await connect(page, gateway)
        await shows(page, 320, more_than=10)
        await page.wait_for_function("heard.some(m => m.type === 'display.size')")
        await page.wait_for_function("heard.some(m => m.type === 'control.held' && m.held)")
        await gateway.expect(wire.FirstFrameSent, lambda m: m.connection == connection)
        report = await page.evaluate("decoded()")
        assert report["framesDecoded"] > 10


@pytest.mark.parametrize("codec", ["vp8", "h264"])
async def test_chromium_shows_the_picture_of_each_of_twenty_connections(
    gateway: GatewayProcess, page: Page, codec: Literal["vp8", "h264"]
) -> None:
    gateway.say(wire.OpenSession(SESSION, codec))
    async with running_machine(codec) as machine:
        gateway.attach(SESSION, machine)
        for _ in range(20):
            connection = await connect(page, gateway)
            await shows(page, 320, more_than=1)
            await page.evaluate("forget()")
            gateway.say(wire.CloseConnection(SESSION, connection))


async def test_chromium_connects_before_any_machine_and_sees_one_after_another(
    gateway: GatewayProcess, page: Page
) -> None:
    gateway.say(wire.OpenSession(SESSION))
    connection = await connect(page, gateway)
    await gateway.expect(
        wire.ConnectionState, lambda m: m.connection == connection and m.state == "connected"
    )
    async with running_machine(width_px=320) as machine:
        gateway.attach(SESSION, machine)
        await shows(page, 320)
        gateway.detach(SESSION, machine)
    async with running_machine(width_px=352, height_px=288) as machine:
        gateway.attach(SESSION, machine)
        await shows(page, 352)
        shown = await page.evaluate("shown")
        await shows(page, 352, more_than=shown + 10)


async def test_chromium_shows_h264(gateway: GatewayProcess, page: Page) -> None:
    gateway.say(wire.OpenSession(SESSION, codec="h264"))
    async with running_machine("h264") as machine:
        gateway.attach(SESSION, machine)
        await connect(page, gateway)
        await shows(page, 320, more_than=10)


@pytest.mark.parametrize("bundle", ["balanced", "max-bundle"])
async def test_a_plain_player_that_offers_audio_too_sees_the_picture(
    gateway: GatewayProcess, page: Page, bundle: str
) -> None:
    gateway.say(wire.OpenSession(SESSION))
    async with running_machine() as machine:
        gateway.attach(SESSION, machine)
        await connect(
            page, gateway, audio=True, channel=False, configuration={"bundlePolicy": bundle}
        )
        await shows(page, 320, more_than=10)


async def test_input_goes_from_the_page_to_the_machine(
    gateway: GatewayProcess, page: Page
) -> None:
    gateway.say(wire.OpenSession(SESSION))
    async with running_machine() as machine:
        gateway.attach(SESSION, machine)
        await connect(page, gateway)
        await shows(page, 320)
        await page.wait_for_function("heard.some(m => m.type === 'control.held')")
        key = {"type": "input.key", "keysym": 97, "down": True}
        await page.evaluate("key => channel.send(JSON.stringify(key))", key)
        await machine.expect(lambda line: line.get("input") == key)


async def test_a_page_that_closes_its_connection_is_gone_at_once(
    gateway: GatewayProcess, page: Page
) -> None:
    gateway.say(wire.OpenSession(SESSION))
    connection = await connect(page, gateway)
    connected = wire.ConnectionState(SESSION, connection, "connected")
    await gateway.expect(wire.ConnectionState, connected.__eq__)
    await page.evaluate("pc.close()")
    await gateway.expect(
        wire.ConnectionState, lambda m: m.state in ("disconnected", "failed", "closed")
    )
