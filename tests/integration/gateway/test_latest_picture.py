"""A viewer of a desktop where nothing moves sees it without its machine doing anything."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import pytest
from playwright.async_api import Page

from fanlight import wire

from .harness import PATIENCE_S, GatewayProcess, Machine, running_desktop
from .test_chromium_viewer import SESSION, connect, page, page_url, shows

__all__ = ["page", "page_url"]

pytestmark = [pytest.mark.timeout(120), pytest.mark.anyio, pytest.mark.browser]

NO_SESSION = wire.SessionId("")
LOOKS, FEW = 20, 8
"""In two seconds, two reports from each of what reports, and no key frame."""


def datagrams_received(machine: Machine) -> int:
    """How much came to the machine's host ports, as its network namespace counts it."""
    lines = Path(f"/proc/{machine.process.pid}/net/snmp").read_text().splitlines()
    names, figures = (line.split() for line in lines if line.startswith("Udp:"))
    return int(dict(zip(names, figures, strict=True))["InDatagrams"])


async def came_to_rest(machine: Machine) -> None:
    """Wait until its picture came, and little more than its reports comes any more."""
    lately: deque[int] = deque(maxlen=LOOKS)
    async with asyncio.timeout(PATIENCE_S):
        while not lately or not lately[0] or len(lately) < LOOKS or lately[-1] > lately[0] + FEW:
            await asyncio.sleep(0.1)
            lately.append(datagrams_received(machine))


@contextlib.contextmanager
def stopped(machine: Machine) -> Iterator[None]:
    """Let it do nothing at all for a while."""
    os.killpg(machine.process.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.killpg(machine.process.pid, signal.SIGCONT)


@pytest.mark.parametrize("codec", ["vp8", "h264"])
async def test_a_second_viewer_sees_what_the_first_sees(
    gateway: GatewayProcess, page: Page, page_url: str, codec: Literal["vp8", "h264"]
) -> None:
    gateway.say(wire.OpenSession(SESSION, codec))
    assert page.context.browser is not None
    other = await page.context.browser.new_page()
    await other.goto(page_url)
    async with running_desktop(codec) as (machine, _):
        gateway.attach(SESSION, machine)
        await connect(page, gateway)
        await shows(page, 1280)
        await came_to_rest(machine)
        with stopped(machine):
            await connect(other, gateway)
            await shows(other, 1280)


async def test_a_machine_that_waited_is_seen_as_soon_as_it_has_a_session(
    gateway: GatewayProcess, page: Page
) -> None:
    async with running_desktop() as (machine, _):
        gateway.attach(NO_SESSION, machine)
        await came_to_rest(machine)
        gateway.say(wire.OpenSession(SESSION))
        waited_as, machine.ref = machine.ref, wire.MachineRef("given")
        with stopped(machine):
            gateway.attach(SESSION, machine, waited_as)
            await connect(page, gateway)
            await shows(page, 1280)
        gateway.detach(SESSION, machine)
        await gateway.expect(wire.MediaFlow, lambda m: not m.flowing)


async def test_a_machine_that_went_while_it_waited_leaves_nothing(
    gateway: GatewayProcess,
) -> None:
    _, before = gateway.threads_and_descriptors
    async with running_desktop() as (machine, _):
        gateway.attach(NO_SESSION, machine)
        await came_to_rest(machine)
        gateway.detach(NO_SESSION, machine)
        async with asyncio.timeout(PATIENCE_S):
            while gateway.threads_and_descriptors[1] > before:  # noqa: ASYNC110
                await asyncio.sleep(0.02)
