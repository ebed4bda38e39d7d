"""A viewer on a bad network: lost packets are sent again, and nobody else suffers."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Page

from fanlight import wire

from .harness import GatewayProcess, running_machine
from .relay import Relay, every
from .test_aiortc_viewer import Viewer, playing, viewing
from .test_chromium_viewer import SESSION, connect, page, page_url, shows

__all__ = ["page", "page_url"]

pytestmark = [pytest.mark.timeout(120), pytest.mark.anyio]

SENT_AGAIN = """async (packets) => {
  const late = performance.now() + 10_000;
  for (;;) {
    const report = await decoded();
    if (report.retransmittedPacketsReceived >= packets || performance.now() > late) return report;
    await new Promise(requestAnimationFrame);
  }
}"""
"""`wait_for_function` takes the promise of an async function for its answer, so that it does not
wait: the page asks itself."""


@pytest.fixture
async def relay() -> AsyncIterator[Relay]:
    relay = Relay()
    yield relay
    relay.close()


@pytest.mark.browser
@pytest.mark.parametrize("codec", ["vp8", "h264"])
async def test_what_two_percent_of_loss_take_is_sent_again_and_nothing_freezes(
    gateway: GatewayProcess, page: Page, relay: Relay, codec: str
) -> None:
    gateway.say(wire.OpenSession(SESSION, "h264" if codec == "h264" else "vp8"))
    async with running_machine(codec, width_px=640, height_px=480, pattern="snow") as machine:
        gateway.attach(SESSION, machine)
        await connect(page, gateway, relay=relay)
        await shows(page, 640, more_than=5)
        relay.lose = every(50)
        requests, shown = machine.requests, await page.evaluate("shown")
        await page.wait_for_function("shown => window.shown > shown + 240", arg=shown)
        relay.lose = lambda _: False
        report = await page.evaluate(SENT_AGAIN, 0.9 * relay.lost)
        gap_ms = await page.evaluate("longest")
    assert relay.lost >= 5
    assert report["nackCount"] > 0
    assert report["retransmittedPacketsReceived"] >= 0.9 * relay.lost
    assert gap_ms < 1000
    assert machine.requests - requests <= 1


async def test_a_viewer_that_is_cut_off_harms_nobody_and_sees_the_picture_again(
    gateway: GatewayProcess, relay: Relay
) -> None:
    async with (
        playing(gateway, pattern="snow") as machine,
        viewing(gateway) as slow,
        viewing(gateway) as other,
    ):
        slow.through = relay
        await slow.connect()
        seen_pts = await slow.frame_of(320)
        await other.connect()
        await other.frame_of(320)
        requests = machine.requests
        relay.is_cut = True
        while relay.lost < 300:  # more than aiortc can put in order, or anybody sends again
            assert await _longest_gap_s(other, frames=30) < 1.0
        assert machine.requests == requests
        relay.is_cut = False
        await slow.frame_of(320, after_pts=seen_pts + 2 * 90_000)
        assert machine.requests > requests


async def _longest_gap_s(viewer: Viewer, *, frames: int) -> float:
    assert viewer.track is not None
    longest, last = 0.0, time.monotonic()
    async with asyncio.timeout(20):
        for _ in range(frames):
            await viewer.track.recv()
            longest, last = max(longest, time.monotonic() - last), time.monotonic()
    return longest
