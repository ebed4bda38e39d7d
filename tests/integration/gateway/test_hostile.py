"""Hostile viewers and machines: what they send is bounded, counted, and harms no other session."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import re
import socket
import struct
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from aiortc import RTCSessionDescription

from fanlight import wire
from fanlight.media.gateway.networks import default_addresses

from .harness import GatewayProcess, _running, running_gateway
from .test_aiortc_viewer import Viewer, playing, viewing
from .test_offers import offer, outcome

pytestmark = [pytest.mark.timeout(150), pytest.mark.anyio]

OTHER = wire.SessionId("s-hostile")
OWN = [str(each) for each in default_addresses() if each.version == 4]
"""This host's IPv4 addresses that the gateway announces by default."""
BOUND_MIB = 24
"""How much a flood may add: socket and GStreamer buffers; none of it may stay behind for ever."""


class Stranger(Viewer):
    """A viewer of another session."""

    async def connect(self, *, controls: bool = True, forge: bool = False) -> str:
        await self.peer.setLocalDescription(await self.peer.createOffer())
        sdp = self.peer.localDescription.sdp
        answer = await self.gateway.answer(wire.OpenConnection(OTHER, self.id, sdp, controls))
        await self.peer.setRemoteDescription(RTCSessionDescription(answer, "answer"))
        return answer


@dataclass(frozen=True)
class Used:
    """What the gateway's process uses."""

    resident_mib: float
    cpu_s: float

    @classmethod
    def now(cls, gateway: GatewayProcess) -> Used:
        root = Path(f"/proc/{gateway.process.pid}")
        pages = int((root / "statm").read_text().split()[1])
        fields = (root / "stat").read_text().rpartition(") ")[2].split()
        ticks = int(fields[11]) + int(fields[12])
        return cls(
            pages * os.sysconf("SC_PAGE_SIZE") / (1 << 20), ticks / os.sysconf("SC_CLK_TCK")
        )


@contextlib.asynccontextmanager
async def unharmed(gateway: GatewayProcess, what: str) -> AsyncIterator[None]:
    """A session with a picture, whose frames go on; the gateway's memory stays bounded."""
    async with playing(gateway), viewing(gateway) as viewer:
        await viewer.connect()
        shown = await viewer.frame_of(320)
        gateway.say(wire.OpenSession(OTHER))
        before = Used.now(gateway)
        async with asyncio.TaskGroup() as tasks:
            watching = tasks.create_task(_frames(viewer, shown))
            yield
            during = Used.now(gateway)
            last = await viewer_shows(viewer, watching)
        gateway.say(wire.CloseSession(OTHER))
        heard = len(gateway.heard)
        await gateway.expect(
            wire.ConnectionStats, lambda m: m.connection == viewer.id, after=heard
        )
        await viewer.frame_of(320, after_pts=last)
        after = Used.now(gateway)
    print(f"\n{what}: {before} -> {during} -> {after}")  # noqa: T201
    assert after.resident_mib < before.resident_mib + BOUND_MIB
    assert during.resident_mib < before.resident_mib + 2 * BOUND_MIB


async def _frames(viewer: Viewer, after: int) -> int:
    """Receive frames until cancelled; five seconds without any fail."""
    while True:
        try:
            async with asyncio.timeout(5):
                after = await viewer.frame_of(320, after_pts=after)
        except asyncio.CancelledError:
            return after


async def viewer_shows(viewer: Viewer, watching: asyncio.Task[int]) -> int:
    """Stop watching, and give the time of the last frame seen."""
    watching.cancel()
    return await watching


@contextlib.contextmanager
def services() -> Iterator[list[socket.socket]]:
    """Services of the host's, one on each address."""
    with contextlib.ExitStack() as open_:
        ends = []
        for address in OWN:
            end = open_.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
            end.bind((address, 0))
            end.setblocking(False)
            ends.append(end)
        yield ends


def candidate_of(end: socket.socket, number: int = 1) -> str:
    address, port = end.getsockname()
    return f"candidate:{number} 1 udp 2113937151 {address} {port} typ host"


async def test_no_check_is_sent_to_a_service_of_the_hosts(gateway: GatewayProcess) -> None:
    gateway.say(wire.OpenSession(OTHER))
    connection = wire.ConnectionId("knocker")
    with services() as ends:
        sdp = offer(*(f"a={candidate_of(end)}" for end in ends))
        await gateway.answer(wire.OpenConnection(OTHER, connection, sdp))
        for end in ends:
            trickled = candidate_of(end, 2).replace("typ host", "typ srflx raddr 0.0.0.0 rport 0")
            gateway.say(wire.ViewerCandidate(OTHER, connection, trickled))
        # Counted, and 2 s have passed in which checks would have come.
        await gateway.expect(wire.ConnectionStats, lambda m: m.candidates_refused == 2 * len(ends))
        for end in ends:
            with pytest.raises(BlockingIOError):
                end.recv(2048)


async def test_a_configured_network_is_checked(directory: Path) -> None:
    """The same as above would hear something if it were sent."""
    async with running_gateway(directory, "--viewer-network", "127.0.0.0/8") as gateway:
        gateway.say(wire.OpenSession(OTHER))
        with services() as ends:
            sdp = offer(f"a={candidate_of(ends[0])}")
            await gateway.answer(wire.OpenConnection(OTHER, wire.ConnectionId("k"), sdp))
            loop = asyncio.get_running_loop()
            async with asyncio.timeout(20):
                heard = await loop.sock_recv(ends[0], 2048)
        assert heard[4:8] == bytes.fromhex("2112a442"), "no STUN"


async def test_two_offers_with_one_ufrag_are_two_connections(gateway: GatewayProcess) -> None:
    gateway.say(wire.OpenSession(OTHER))
    names = [wire.ConnectionId(name) for name in ("one", "two")]
    answers = [await gateway.answer(wire.OpenConnection(OTHER, each, offer())) for each in names]
    ufrags = {re.findall(r"a=ice-ufrag:(\S+)", answer)[0] for answer in answers}
    assert len(ufrags) == 2
    gateway.say(wire.CloseConnection(OTHER, names[0]))
    closed = wire.ConnectionState(OTHER, names[0], "closed")
    await gateway.expect(wire.ConnectionState, closed.__eq__)
    heard = len(gateway.heard)
    await gateway.expect(wire.ConnectionStats, lambda m: m.connection == names[1], after=heard)


async def test_thousands_of_candidates_are_counted_and_cost_nothing(
    gateway: GatewayProcess,
) -> None:
    async with unharmed(gateway, "candidates"):
        many = [
            f"candidate:1 1 udp 1 10.9.{i // 250}.{i % 250} {2000 + i} typ host"
            for i in range(1000)
        ]
        sdp = offer(*(f"a={each}" for each in many))
        connection = wire.ConnectionId("many")
        await gateway.answer(wire.OpenConnection(OTHER, connection, sdp))
        for each in many * 3:
            gateway.say(wire.ViewerCandidate(OTHER, connection, each))
        await gateway.expect(wire.ConnectionStats, lambda m: m.candidates_refused >= 3900)


async def test_rubbish_at_a_viewers_port_is_dropped(gateway: GatewayProcess) -> None:
    async with unharmed(gateway, "a viewer's port"):
        said = await gateway.answer(wire.OpenConnection(OTHER, wire.ConnectionId("v"), offer()))
        found = re.search(r"candidate:\S+ 1 udp \d+ (127\.\S+) (\d+) ", said, re.I)
        assert found is not None
        rng = random.Random(3)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as end:
            for number in range(20_000):
                end.sendto(_datagram(rng, number), (found[1], int(found[2])))
                if number % 500 == 0:
                    await asyncio.sleep(0)


def _datagram(rng: random.Random, number: int) -> bytes:
    """STUN that lies about its length, DTLS records, RTP and RTCP of nobody's, noise."""
    noise = rng.randbytes(rng.randrange(0, 1200))
    match number % 4:
        case 0:
            header = struct.pack("!HHI", 1, rng.randrange(1 << 16), 0x2112A442)
            return header + rng.randbytes(12) + noise
        case 1:
            return struct.pack("!BHHIHH", 22, 0xFEFD, 0, 0, number & 0xFFFF, len(noise)) + noise
        case 2:
            return struct.pack("!BBHII", 0x80, 96 + number % 100, number & 0xFFFF, 0, 7) + noise
        case _:
            return noise


async def test_a_machine_that_sends_rubbish_harms_only_itself(gateway: GatewayProcess) -> None:
    async with unharmed(gateway, "a machine"), _running("flooder.py", "5", "20000") as machine:
        gateway.attach(OTHER, machine)
        await machine.expect(lambda line: "sent" in line)
        flow = await gateway.expect(
            wire.MediaFlow, lambda m: m.session == OTHER and m.malformed > 1000
        )
        assert flow.key_frames == 0


async def test_a_viewer_that_floods_its_channel_harms_only_itself(
    gateway: GatewayProcess,
) -> None:
    async with unharmed(gateway, "a data channel"):
        stranger = Stranger(gateway)
        try:
            await stranger.connect()
            await stranger.opened()
            assert stranger.channel is not None
            for number in range(3000):
                stranger.channel.send("x" * 60_000 if number % 30 == 0 else "{" * 40)
            await gateway.expect(
                wire.ConnectionStats,
                lambda m: m.session == OTHER and m.inputs_refused >= 1000,
            )
        finally:
            await stranger.peer.close()


async def test_a_viewer_that_opens_channels_without_end_is_closed(gateway: GatewayProcess) -> None:
    async with unharmed(gateway, "channels"):
        stranger = Stranger(gateway)
        try:
            await stranger.connect()
            await stranger.opened()
            for number in range(40):
                stranger.peer.createDataChannel(f"more-{number}")
            closed = wire.ConnectionState(OTHER, stranger.id, "closed")
            await gateway.expect(wire.ConnectionState, closed.__eq__)
        finally:
            await stranger.peer.close()


async def test_a_fragment_for_another_session_s_connection_reaches_nobody(
    gateway: GatewayProcess,
) -> None:
    gateway.say(wire.OpenSession(OTHER), wire.OpenSession(wire.SessionId("s-mine")))
    mine = wire.ConnectionId("mine")
    request = wire.OpenConnection(wire.SessionId("s-mine"), mine, offer())
    await gateway.answer(request)
    gateway.say(wire.ViewerCandidate(OTHER, mine, "candidate:1 1 udp 1 10.0.0.1 9 typ host"))
    gateway.say(wire.CloseConnection(OTHER, mine))
    heard = len(gateway.heard)
    stats = await gateway.expect(wire.ConnectionStats, lambda m: m.connection == mine, after=heard)
    assert stats.candidates_refused == 0
    assert isinstance(await outcome(gateway, offer(), OTHER), wire.ConnectionAnswer)
