"""A viewer that is not a browser (aiortc) sees the picture, whatever the order of things."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator

import pytest
from aiortc import RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import MediaStreamTrack

from fanlight import wire

from .harness import GatewayProcess, running_machine

pytestmark = [pytest.mark.timeout(120), pytest.mark.anyio]

SESSION = wire.SessionId("s-1")
_numbers = itertools.count(1)


class Viewer:
    """An aiortc peer that offers recvonly video and a data channel."""

    def __init__(self, gateway: GatewayProcess, *, channel: bool = True) -> None:
        self.gateway = gateway
        self.id = wire.ConnectionId(f"c-{next(_numbers)}")
        self.peer = RTCPeerConnection()
        self.track: MediaStreamTrack | None = None
        self.messages: asyncio.Queue[wire.Message] = asyncio.Queue()
        self.channel = self.peer.createDataChannel("input") if channel else None
        self.open = asyncio.Event()
        if self.channel is not None:
            self.channel.on("message", lambda text: self.messages.put_nowait(wire.decode(text)))
            self.channel.on("open", self.open.set)
        self.peer.addTransceiver("video", direction="recvonly")

    async def connect(self, *, controls: bool = True) -> str:
        self.peer.on("track", lambda track: setattr(self, "track", track))
        await self.peer.setLocalDescription(await self.peer.createOffer())
        offer = self.peer.localDescription.sdp
        answer = await self.gateway.answer(
            wire.OpenConnection(SESSION, self.id, offer, controls=controls)
        )
        await self.peer.setRemoteDescription(RTCSessionDescription(answer, "answer"))
        return answer

    async def connected(self) -> None:
        await self.gateway.expect(
            wire.ConnectionState, lambda m: m.connection == self.id and m.state == "connected"
        )

    async def frame_of(self, width_px: int) -> None:
        """Receive until a frame is this wide."""
        async with asyncio.timeout(20):
            while self.track is None or (await self.track.recv()).width != width_px:
                pass


@contextlib.asynccontextmanager
async def viewing(gateway: GatewayProcess, *, channel: bool = True) -> AsyncIterator[Viewer]:
    viewer = Viewer(gateway, channel=channel)
    try:
        yield viewer
    finally:
        await viewer.peer.close()


async def test_a_viewer_sees_the_machine_that_was_there_before(gateway: GatewayProcess) -> None:
    gateway.say(wire.OpenSession(SESSION))
    async with running_machine() as machine, viewing(gateway) as viewer:
        gateway.attach(SESSION, machine)
        await gateway.expect(wire.MediaFlow, lambda m: m.flowing)
        await viewer.connect()
        await viewer.frame_of(320)
        assert machine.requests >= 1
