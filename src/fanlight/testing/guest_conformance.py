"""What the guest in every provider's machines must do, as seen through the machine's sockets.

    class TestSandboxGuest(GuestConformance):
        @pytest.fixture
        async def provider(self) -> AsyncIterator[Provider]: ...

Its machines run the real guest, with a desktop: a stand-in that only listens is not enough.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import secrets
import struct
import time
from collections.abc import AsyncIterator
from pathlib import Path

from fanlight import wire
from fanlight.errors import PeerError
from fanlight.machines import Machine, MachineSpec, Provider

from .conformance import fresh_spec, link_answers

READ_BYTES = 65_536
RFB_NO_SECURITY = 1


def identity(spec: MachineSpec, token: str = "") -> wire.IdentifyMachine:
    """Give a machine's identity, as the controller would say it."""
    return wire.IdentifyMachine(
        session=spec.session,
        machine=spec.ref,
        token=token or f"flm_{secrets.token_urlsafe(24)}",
        hostname=f"fl-{spec.ref[:8]}",
        seed_b64=base64.b64encode(secrets.token_bytes(32)).decode(),
        time_s=time.time(),
        width_px=spec.width_px,
        height_px=spec.height_px,
    )


async def heard(machine: Machine, said: wire.IdentifyMachine, kind: type[wire.Message]) -> bool:
    """Open a link, say an identity, and return whether a message of a kind comes before its end.

    Links replace one another: the one before ends.
    """
    reader, writer = await asyncio.open_unix_connection(machine.directory / "link.sock")
    decoder = wire.Decoder()
    try:
        writer.write(wire.encode(said))
        with contextlib.suppress(PeerError, ConnectionError):
            while data := await reader.read(READ_BYTES):
                if any(isinstance(each, kind) for each in decoder.feed(data)):
                    return True
        return False
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


async def display_size(path: Path) -> tuple[int, int]:
    """Give the size that a VNC server tells after its handshake (RFC 6143 7.1 to 7.3)."""
    reader, writer = await asyncio.open_unix_connection(path)
    try:
        greeting = await reader.readexactly(12)
        assert greeting.startswith(b"RFB 003."), greeting
        writer.write(b"RFB 003.008\n")
        kinds = await reader.readexactly((await reader.readexactly(1))[0])
        assert RFB_NO_SECURITY in kinds, "whoever has the socket may look"
        writer.write(bytes([RFB_NO_SECURITY]))
        assert await reader.readexactly(4) == bytes(4), "the handshake failed"
        writer.write(b"\x01")  # shared
        width, height = struct.unpack(">HH", await reader.readexactly(4))
        return width, height
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


async def health(machine: Machine, token: str) -> int:
    """Give the status that the guest answers on agent.sock to somebody with a token."""
    reader, writer = await asyncio.open_unix_connection(machine.directory / "agent.sock")
    try:
        head = f"GET /health HTTP/1.1\r\nHost: agent\r\nAuthorization: Bearer {token}\r\n\r\n"
        writer.write(head.encode())
        return int((await reader.readuntil(b"\r\n")).split()[1])
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


class LinkConformance:
    """What the guest of every provider says on its link. Also for guests that are played."""

    LINK_TIMEOUT_S = 10.0
    """How long a started machine's link may take to answer, in seconds."""
    ANSWER_TIMEOUT_S = 15.0
    """How long an answer on any socket, the display included, may take."""

    @contextlib.asynccontextmanager
    async def _started(self, provider: Provider, spec: MachineSpec) -> AsyncIterator[Machine]:
        machine = await provider.start(spec)
        try:
            await link_answers(machine, self.LINK_TIMEOUT_S)
            async with asyncio.timeout(self.ANSWER_TIMEOUT_S):
                yield machine
        finally:
            await provider.destroy(spec.ref)

    async def test_a_guest_takes_its_identity_and_says_so(self, provider: Provider) -> None:
        spec = fresh_spec()
        async with self._started(provider, spec) as machine:
            assert await heard(machine, identity(spec), wire.MachineIdentified)

    async def test_a_new_link_with_the_same_identity_is_taken(self, provider: Provider) -> None:
        spec = fresh_spec()
        same = identity(spec)
        async with self._started(provider, spec) as machine:
            assert await heard(machine, same, wire.MachineIdentified)
            assert await heard(machine, same, wire.MachineIdentified), "a controller restarts"

    async def test_a_second_identity_is_refused_and_changes_nothing(
        self, provider: Provider
    ) -> None:
        spec, stranger = fresh_spec(), fresh_spec()
        same = identity(spec)
        async with self._started(provider, spec) as machine:
            assert await heard(machine, same, wire.MachineIdentified)

            assert not await heard(machine, identity(stranger), wire.MachineIdentified)
            assert not await heard(machine, identity(spec), wire.MachineIdentified), "other token"

            assert await heard(machine, same, wire.MachineIdentified)


class GuestConformance(LinkConformance):
    """What the real guest of every provider does besides."""

    async def test_a_machines_token_opens_its_own_agent_and_no_other(
        self, provider: Provider
    ) -> None:
        specs = fresh_spec(), fresh_spec()
        mine, theirs = [identity(each) for each in specs]
        async with (
            self._started(provider, specs[0]) as machine,
            self._started(provider, specs[1]) as other,
        ):
            assert await health(machine, mine.token) == 401, "nobody is let in before"
            assert await heard(machine, mine, wire.MachineIdentified)
            assert await heard(other, theirs, wire.MachineIdentified)

            assert await health(machine, mine.token) == await health(other, theirs.token) == 200
            assert await health(machine, theirs.token) == await health(other, mine.token) == 401

    async def test_its_display_is_there_in_the_size_that_was_wanted(
        self, provider: Provider
    ) -> None:
        spec = fresh_spec(width_px=1024, height_px=700)
        async with self._started(provider, spec) as machine:
            assert await heard(machine, identity(spec), wire.MachineIdentified)

            while True:
                if await self._display(machine) == (1024, 700):
                    break
                await asyncio.sleep(0.05)

    async def _display(self, machine: Machine) -> tuple[int, int]:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            return await display_size(machine.directory / "vnc.sock")
        return 0, 0  # it is not there yet
