"""A viewer that is not a browser (aiortc) sees the picture, whatever the order of things."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import re
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from typing import Literal

import pytest
from aiortc import RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import MediaStreamTrack

from fanlight import wire

from .harness import HERE, GatewayProcess, Machine, running_machine
from .relay import Relay, without_candidates

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
        self.through: Relay | None = None
        if self.channel is not None:
            self.channel.on("message", lambda text: self.messages.put_nowait(wire.decode(text)))
            self.channel.on("open", self.open.set)
        self.peer.addTransceiver("video", direction="recvonly")

    async def connect(self, *, controls: bool = True, forge: bool = False) -> str:
        self.peer.on("track", lambda track: setattr(self, "track", track))
        await self.peer.setLocalDescription(await self.peer.createOffer())
        offer: str = self.peer.localDescription.sdp
        if self.through is not None:
            offer = without_candidates(offer)
        if forge:
            offer = re.sub(r"(a=fingerprint:sha-\d+ )..", r"\g<1>00", offer)
        answer = await self.gateway.answer(
            wire.OpenConnection(SESSION, self.id, offer, controls=controls)
        )
        if self.through is not None:
            answer = await self.through.stand_before(answer)
        await self.peer.setRemoteDescription(RTCSessionDescription(answer, "answer"))
        return answer

    async def connected(self) -> None:
        await self.gateway.expect(
            wire.ConnectionState, lambda m: m.connection == self.id and m.state == "connected"
        )

    async def opened(self) -> None:
        """Wait until the data channel and the connection are there at the gateway's end too."""
        async with asyncio.timeout(20):
            await self.open.wait()
        await self.connected()

    async def expect(self, message: wire.Message) -> None:
        async with asyncio.timeout(20):
            while await self.messages.get() != message:
                pass

    async def expect_pong(self, t: float) -> wire.InputPong:
        """Receive until the ping of that number is answered."""
        async with asyncio.timeout(20):
            while True:
                match await self.messages.get():
                    case wire.InputPong() as pong if pong.t == t:
                        return pong

    async def frame_of(self, width_px: int, *, after_pts: int = -1) -> int:
        """Receive until a frame is this wide and later; give its time in 1/90000 s."""
        async with asyncio.timeout(20):
            while True:
                if self.track is None:
                    await asyncio.sleep(0)
                    continue
                frame = await self.track.recv()
                if frame.width == width_px and frame.pts > after_pts:
                    return int(frame.pts)


@contextlib.asynccontextmanager
async def viewing(gateway: GatewayProcess, *, channel: bool = True) -> AsyncIterator[Viewer]:
    viewer = Viewer(gateway, channel=channel)
    try:
        yield viewer
    finally:
        await viewer.peer.close()


@contextlib.asynccontextmanager
async def playing(
    gateway: GatewayProcess, *, codec: Literal["vp8", "h264"] = "vp8", pattern: str = "ball"
) -> AsyncIterator[Machine]:
    """A session with a machine whose picture comes."""
    gateway.say(wire.OpenSession(SESSION, codec))
    async with running_machine(codec, pattern=pattern) as machine:
        gateway.attach(SESSION, machine)
        await gateway.expect(wire.MediaFlow, lambda m: m.flowing)
        yield machine


WHILE = 270_000
"""Three seconds: so much happened that no earlier key frame leads to now."""


async def test_a_viewer_sees_the_machine_that_was_there_before(gateway: GatewayProcess) -> None:
    async with playing(gateway), viewing(gateway) as viewer:
        await viewer.connect()
        await viewer.frame_of(320)


async def test_a_new_viewer_of_what_moves_gets_a_key_frame_of_its_own(
    gateway: GatewayProcess,
) -> None:
    async with playing(gateway) as machine, viewing(gateway) as one, viewing(gateway) as other:
        await one.connect()
        first = await one.frame_of(320)
        await one.frame_of(320, after_pts=first + WHILE)
        before = machine.requests
        await other.connect()
        await other.frame_of(320)
        assert machine.requests > before


async def test_a_viewer_that_came_first_sees_each_machine_that_comes(
    gateway: GatewayProcess,
) -> None:
    gateway.say(wire.OpenSession(SESSION))
    async with viewing(gateway) as viewer:
        await viewer.connect()
        await viewer.connected()
        for width_px, height_px in ((320, 240), (352, 288)):
            async with running_machine(width_px=width_px, height_px=height_px) as machine:
                gateway.attach(SESSION, machine)
                await viewer.frame_of(width_px)
                gateway.detach(SESSION, machine)


async def test_input_reaches_the_machine_from_the_viewer_that_holds_control(
    gateway: GatewayProcess,
) -> None:
    async with playing(gateway) as machine, viewing(gateway) as viewer:
        await viewer.connect()
        await viewer.opened()
        assert viewer.channel is not None
        for message in (wire.PointerMoved(5, 7), wire.KeyChanged(0x61, down=True)):
            viewer.channel.send(wire.encode(message).decode())
        await machine.expect(
            lambda line: line.get("input") == {"type": "input.pointer", "x": 5, "y": 7}
        )
        await machine.expect(lambda line: "keysym" in str(line))
        gateway.say(wire.SetControl(SESSION, viewer.id, controls=False))
        await machine.expect(lambda line: line.get("input") == {"type": "input.release"})
        await viewer.expect(wire.ControlHeld(held=False))
        viewer.channel.send(wire.encode(wire.TextTyped("not taken")).decode())
        viewer.channel.send(wire.encode(wire.InputPing(1.5)).decode())
        assert (await viewer.expect_pong(1.5)).at_ms > 0
        await gateway.expect(wire.ConnectionStats, lambda m: m.inputs_refused == 1)
        assert "not taken" not in str(machine.lines)


async def test_the_keys_of_a_viewer_that_leaves_are_released(gateway: GatewayProcess) -> None:
    async with playing(gateway) as machine, viewing(gateway) as viewer:
        await viewer.connect()
        await viewer.opened()
        assert viewer.channel is not None
        viewer.channel.send(wire.encode(wire.KeyChanged(0xFFE1, down=True)).decode())
        await machine.expect(lambda line: "65505" in str(line))
        await viewer.peer.close()
        await machine.expect(lambda line: line.get("input") == {"type": "input.release"})


async def test_keys_are_released_before_another_viewer_takes_control(
    gateway: GatewayProcess,
) -> None:
    shift, letter = wire.KeyChanged(0xFFE1, down=True), wire.KeyChanged(0x61, down=True)
    async with playing(gateway) as machine, viewing(gateway) as one, viewing(gateway) as other:
        for viewer, controls in ((one, True), (other, False)):
            await viewer.connect(controls=controls)
            await viewer.opened()
        assert one.channel is not None
        assert other.channel is not None
        one.channel.send(wire.encode(shift).decode())
        await machine.expect(lambda line: "65505" in str(line))
        gateway.say(wire.SetControl(SESSION, one.id, controls=False))
        gateway.say(wire.SetControl(SESSION, other.id, controls=True))
        await other.expect(wire.ControlHeld(held=True))
        other.channel.send(wire.encode(letter).decode())
        await machine.expect(lambda line: "'keysym': 97" in str(line))
        kinds = [str(line["input"]) for line in machine.lines if "input" in line]
        assert [("release" in kind) for kind in kinds] == [False, True, False]


async def test_a_viewer_hears_the_display_size_when_its_channel_opens(
    gateway: GatewayProcess,
) -> None:
    async with playing(gateway), viewing(gateway) as viewer:
        await viewer.connect(controls=False)
        await viewer.expect(wire.ControlHeld(held=False))
        await viewer.expect(wire.DisplaySize(320, 240))


async def test_rubbish_on_the_channel_is_counted_and_harms_nothing(
    gateway: GatewayProcess,
) -> None:
    rubbish = ["", "null", "{}", '{"type":"session.close","session":"s-1"}', "x" * 60_000]
    rubbish += [wire.encode(wire.PointerMoved(-1, 1 << 40)).decode(), "😀\x00"]
    async with playing(gateway), viewing(gateway) as viewer:
        await viewer.connect()
        await viewer.opened()
        assert viewer.channel is not None
        for text in rubbish:
            viewer.channel.send(text)
        viewer.channel.send(b"\xff\xfe")
        await gateway.expect(wire.ConnectionStats, lambda m: m.inputs_refused == len(rubbish) + 1)
        await viewer.frame_of(320)


async def test_a_flood_of_input_is_thinned(gateway: GatewayProcess) -> None:
    async with playing(gateway), viewing(gateway) as viewer:
        await viewer.connect()
        await viewer.opened()
        assert viewer.channel is not None
        for x in range(4000):
            viewer.channel.send(wire.encode(wire.PointerMoved(x, 0)).decode())
        await gateway.expect(wire.ConnectionStats, lambda m: m.inputs_refused > 0)


async def test_a_storm_of_key_frame_requests_reaches_the_machine_as_few(
    gateway: GatewayProcess,
) -> None:
    async with playing(gateway) as machine, viewing(gateway) as viewer:
        await viewer.connect()
        await viewer.frame_of(320)
        before, started = machine.requests, time.monotonic()
        receiver = viewer.peer.getReceivers()[0]
        ssrc = next(iter(receiver._RTCRtpReceiver__active_ssrc))
        for _ in range(300):
            await receiver._send_rtcp_pli(ssrc)
        await gateway.expect(wire.ConnectionStats, lambda m: m.key_frames_wanted >= 100)
        assert machine.requests - before <= 2 + (time.monotonic() - started) / 0.2


async def test_a_viewer_with_another_certificate_than_offered_is_refused(
    gateway: GatewayProcess,
) -> None:
    gateway.say(wire.OpenSession(SESSION))
    async with viewing(gateway) as viewer:
        await viewer.connect(forge=True)
        await gateway.expect(wire.ConnectionState, lambda m: m.state == "failed")
        await gateway.expect(wire.ConnectionState, lambda m: m.state == "closed")


async def test_a_killed_viewer_is_missed_within_seconds(gateway: GatewayProcess) -> None:
    async with playing(gateway):
        process = await asyncio.create_subprocess_exec(
            *[sys.executable, str(HERE / "lonely_viewer.py")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert process.stdin is not None
        assert process.stdout is not None
        offer = json.loads(await process.stdout.readline())["sdp"]
        request = wire.OpenConnection(SESSION, wire.ConnectionId("lonely"), offer)
        answer = await gateway.answer(request)
        process.stdin.write(json.dumps({"sdp": answer}).encode() + b"\n")
        await process.stdout.readline()
        process.kill()
        await process.wait()
        await gateway.expect(wire.ConnectionState, lambda m: m.state == "disconnected")


async def test_closing_a_connection_leaves_no_thread_and_no_descriptor(
    gateway: GatewayProcess,
) -> None:
    gateway.say(wire.OpenSession(SESSION))
    async with viewing(gateway) as viewer:
        await viewer.peer.setLocalDescription(await viewer.peer.createOffer())
        offer = viewer.peer.localDescription.sdp
    before = 0
    for number in range(6):
        connection = wire.ConnectionId(f"short-{number}")
        await gateway.answer(wire.OpenConnection(SESSION, connection, offer))
        gateway.say(wire.CloseConnection(SESSION, connection))
        closed = wire.ConnectionState(SESSION, connection, "closed")
        await gateway.expect(wire.ConnectionState, closed.__eq__)
        descriptors = gateway.threads_and_descriptors[1]
        before = before or descriptors
    assert descriptors <= before + 2
