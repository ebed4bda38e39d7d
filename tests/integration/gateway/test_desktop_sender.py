"""The machine's own sender, on a real display, up to Chromium's picture."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Literal

import pytest
from playwright.async_api import Page

from fanlight import wire
from fanlight.media.gateway.rtp import picture_loss

from .harness import GatewayProcess, Machine, running_desktop
from .test_chromium_viewer import SESSION, connect, page, page_url, shows

__all__ = ["page", "page_url"]

pytestmark = [pytest.mark.timeout(120), pytest.mark.anyio, pytest.mark.browser]

GUEST_RTCP = ("127.0.0.1", 5007)
PAINTER = Path(__file__).parents[3] / "bench" / "painter.py"
KEY_FRAMES = 50


@contextlib.asynccontextmanager
async def busy(screen: Path) -> AsyncIterator[None]:
    """Scroll text at 60 Hz on the display."""
    process = await asyncio.create_subprocess_exec(
        *[sys.executable, str(PAINTER), str(screen), "--busy"], stdin=subprocess.PIPE
    )
    try:
        yield
    finally:
        process.terminate()
        await process.wait()


def ask_for_key_frame(machine: Machine) -> None:
    """What the gateway says to the machine, as often as wanted."""
    with socket.socket(fileno=os.dup(machine.descriptors[1])) as rtcp:
        rtcp.sendto(picture_loss(1, 0), GUEST_RTCP)


@pytest.mark.parametrize("codec", ["vp8", "h264"])
async def test_chromium_shows_a_still_display_and_what_moves_on_it(
    gateway: GatewayProcess, page: Page, codec: Literal["vp8", "h264"]
) -> None:
    gateway.say(wire.OpenSession(SESSION, codec))
    async with running_desktop(codec) as (machine, screen):
        gateway.attach(SESSION, machine)
        await connect(page, gateway)
        await shows(page, 1280, more_than=0)
        async with busy(screen):
            await shows(page, 1280, more_than=await page.evaluate("shown") + 60)


@pytest.mark.parametrize("codec", ["vp8", "h264"])
async def test_key_frames_of_a_busy_display_lose_no_packet_on_the_way(
    gateway: GatewayProcess, codec: Literal["vp8", "h264"]
) -> None:
    gateway.say(wire.OpenSession(SESSION, codec))
    async with running_desktop(codec) as (machine, screen):
        gateway.attach(SESSION, machine)
        async with busy(screen):
            flow = await gateway.expect(wire.MediaFlow, lambda m: m.flowing)
            async with asyncio.timeout(90):
                while flow.key_frames < KEY_FRAMES:
                    ask_for_key_frame(machine)
                    # Not a wait for anything: the sender makes ten a second at most.
                    await asyncio.sleep(0.1)
                    flow = [m for m in gateway.heard if isinstance(m, wire.MediaFlow)][-1]
    assert (flow.lost, flow.malformed) == (0, 0)
