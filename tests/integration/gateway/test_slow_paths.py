"""A slow path gets what it carries, and nobody else suffers: real display, real viewers."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Literal

import pytest
from playwright.async_api import Page

from fanlight import wire

from .harness import GatewayProcess, running_desktop
from .relay import Relay
from .test_chromium_viewer import SESSION, connect, page, page_url
from .test_desktop_sender import busy

__all__ = ["page", "page_url"]

pytestmark = [pytest.mark.timeout(120), pytest.mark.anyio, pytest.mark.browser]


@pytest.fixture
async def relay() -> AsyncIterator[Relay]:
    relay = Relay()
    yield relay
    relay.close()


async def shows_more(page: Page, frames: int) -> float:
    """Wait for so many more frames; give the longest gap between two of them in ms."""
    shown = await page.evaluate("(longest = 0, shown)")
    await page.wait_for_function("n => window.shown >= n", arg=shown + frames, timeout=60_000)
    gap: float = await page.evaluate("longest")
    return gap


async def flow(gateway: GatewayProcess, *, at_least: int = 0, at_most: int = 10**6) -> None:
    """Wait until the machine says that it keeps to a bit rate (kbit/s) within these bounds."""
    await gateway.expect(
        wire.MediaFlow,
        lambda m: bool(m.encoder) and at_least <= m.target_kbps <= at_most,
        after=len(gateway.heard),
    )


@pytest.mark.parametrize("codec", ["vp8", "h264"])
async def test_a_path_that_falls_to_a_megabit_is_followed_down_and_up_again(
    gateway: GatewayProcess, page: Page, relay: Relay, codec: Literal["vp8", "h264"]
) -> None:
    gateway.say(wire.OpenSession(SESSION, codec))
    async with running_desktop(codec) as (machine, screen), busy(screen):
        gateway.attach(SESSION, machine)
        await connect(page, gateway, relay=relay)
        await flow(gateway, at_least=2500)
        relay.kbps = 1000
        await flow(gateway, at_most=1000)
        lost = relay.lost
        gap_ms = await shows_more(page, 30)
        lost = relay.lost - lost
        relay.kbps = None
        await flow(gateway, at_least=2500)
        await shows_more(page, 30)
    stats = [m for m in gateway.heard if isinstance(m, wire.ConnectionStats)][-1]
    sizes = {m for m in gateway.heard if isinstance(m, wire.MediaFlow) and m.layers != 1}
    assert gap_ms < 2500
    assert lost < 0.2 * relay.passed
    assert stats.estimate_kbps > 2500
    assert " -> " in stats.pair
    assert not sizes


async def test_the_slowest_viewer_gets_a_smaller_picture_and_spoils_nobody_elses(
    gateway: GatewayProcess, page: Page, page_url: str, relay: Relay
) -> None:
    gateway.say(wire.OpenSession(SESSION))
    assert page.context.browser is not None
    slow_page = await page.context.browser.new_page()
    await slow_page.goto(page_url)
    async with running_desktop() as (machine, screen), busy(screen):
        gateway.attach(SESSION, machine)
        fast = await connect(page, gateway)
        slow = await connect(slow_page, gateway, relay=relay)
        await flow(gateway, at_least=2500)
        relay.kbps = 700
        await said(gateway, slow, layer=1)
        fast_gap_ms = await shows_more(page, 40)
        await shows_more(slow_page, 10)
        told = await said(gateway, fast, layer=0)
        slow_told = await said(gateway, slow, layer=1)
        await gateway.expect(wire.MediaFlow, lambda m: m.layers == 2)
        relay.kbps = None
        back = await said(gateway, slow, layer=0)
        await shows_more(slow_page, 10)
        await gateway.expect(wire.MediaFlow, lambda m: m.layers == 1, after=len(gateway.heard))
    assert fast_gap_ms < 1000
    assert told.target_kbps > 2 * slow_told.target_kbps
    assert slow_told.target_kbps <= 700
    assert back.frames_sent > slow_told.frames_sent


async def said(
    gateway: GatewayProcess, connection: wire.ConnectionId, *, layer: int
) -> wire.ConnectionStats:
    """Wait until a viewer is shown a layer."""
    return await gateway.expect(
        wire.ConnectionStats,
        lambda m: m.connection == connection and m.layer == layer,
        after=len(gateway.heard),
    )
