"""Both ends of a virtual machine's stream over a real socket, and what they carry."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest

from fanlight import wire
from fanlight.relay import Relay, StreamOver
from fanlight.wire.mux import MARKER, MAX_CHANNELS, NONCE_BYTES, WINDOW_BYTES

pytestmark = pytest.mark.timeout(30)
MUCH = 4 * WINDOW_BYTES


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A service: says back what it hears."""
    with contextlib.suppress(OSError):
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
    writer.close()


async def pour(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A service: says more than anybody reads."""
    with contextlib.suppress(OSError):
        for _ in range(MUCH // 4096):
            writer.write(b"x" * 4096)
            await writer.drain()
    writer.close()


SERVED = {"link": echo, "vnc": pour}


@dataclass
class Stream:
    """A stream between a host and a guest, whose services are those of `SERVED`."""

    host: Relay
    guest: Relay
    tasks: asyncio.TaskGroup
    host_end: socket.socket
    heard: list[wire.MuxEvent] = field(default_factory=list)
    writers: list[asyncio.StreamWriter] = field(default_factory=list)

    async def opened(
        self, end: socket.socket
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Wrap one end of a socket, and know it so that it is closed whole."""
        reader, writer = await asyncio.open_connection(sock=end)
        self.writers.append(writer)
        return reader, writer

    async def close(self) -> None:
        """Hang up everywhere, whatever waits to be written."""
        for each in self.writers:
            each.transport.abort()
        for _ in range(3):
            await asyncio.sleep(0)  # what was aborted is closed in the loop's next turns

    async def connect(
        self, service: wire.Service
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Be carried to a service, as who connects to a socket of the machine's directory is."""
        ours, theirs = socket.socketpair()
        reader, writer = await self.opened(theirs)
        self.tasks.create_task(self.host.carry_to(service, reader, writer))
        return await self.opened(ours)

    def hear_at_guest(self, event: wire.MuxEvent) -> None:
        self.heard.append(event)
        if isinstance(event, wire.ChannelOpened):
            self.guest.expect(event.channel)
            self.tasks.create_task(self._serve(event.channel, event.service))

    async def _serve(self, channel: int, service: wire.Service) -> None:
        if service not in SERVED:
            self.guest.refuse(channel)
            return
        ours, theirs = socket.socketpair()
        self.tasks.create_task(SERVED[service](*await self.opened(ours)))
        await self.guest.carry(channel, *await self.opened(theirs))


@contextlib.asynccontextmanager
async def streaming() -> AsyncIterator[Stream]:
    host_end, guest_end = socket.socketpair()
    for end in (host_end, guest_end):
        end.setblocking(False)
    with host_end, guest_end, contextlib.suppress(asyncio.CancelledError):
        async with asyncio.TaskGroup() as tasks:
            fresh = asyncio.Event()
            mux = wire.HostMux(secrets.token_bytes(NONCE_BYTES))
            host = Relay(mux, host_end.fileno(), on_event=lambda event: fresh.set())
            stream = Stream(host, host, tasks, host_end)
            stream.guest = Relay(
                wire.GuestMux(), guest_end.fileno(), on_event=stream.hear_at_guest
            )
            running = [tasks.create_task(each.run()) for each in (stream.guest, host)]
            # As beside a machine: nobody is carried before the guest has answered.
            await fresh.wait()
            try:
                yield stream
            finally:
                for each in running:
                    each.cancel()
                await stream.close()


async def test_what_is_said_to_a_service_is_carried_both_ways() -> None:
    async with streaming() as stream:
        reader, writer = await stream.connect("link")
        said = secrets.token_bytes(MUCH)
        stream.tasks.create_task(_say(writer, said))

        assert await reader.readexactly(len(said)) == said
        writer.close()


async def _say(writer: asyncio.StreamWriter, data: bytes) -> None:
    writer.write(data)
    with contextlib.suppress(OSError):  # the end of the test may come first
        await writer.drain()


async def test_the_mark_of_a_fresh_stream_is_carried_like_any_other_bytes() -> None:
    async with streaming() as stream:
        reader, writer = await stream.connect("link")
        said = (MARKER + b"\x01" * NONCE_BYTES) * 50

        writer.write(said)

        assert await reader.readexactly(len(said)) == said
        writer.close()


async def test_a_channel_that_nobody_reads_holds_no_other_up() -> None:
    async with streaming() as stream:
        unread, unread_writer = await stream.connect("vnc")
        assert await unread.read(1)

        reader, writer = await stream.connect("link")
        for number in range(20):
            writer.write(b"%03d" % number)
            assert await reader.readexactly(3) == b"%03d" % number

        for each in (writer, unread_writer):
            each.close()


async def test_a_service_that_is_not_there_is_hung_up_on() -> None:
    async with streaming() as stream:
        reader, writer = await stream.connect("agent")

        assert await reader.read() == b""
        writer.close()


async def test_who_hangs_up_ends_the_service_and_the_channels_number_is_free_again() -> None:
    async with streaming() as stream:
        for _ in range(3 * MAX_CHANNELS):
            reader, writer = await stream.connect("link")
            writer.write(b"hello")
            assert await reader.readexactly(5) == b"hello"
            writer.close()
            await writer.wait_closed()


async def test_more_channels_than_there_are_are_refused_and_harm_none() -> None:
    async with streaming() as stream:
        pairs = [await stream.connect("link") for _ in range(MAX_CHANNELS)]
        for reader, writer in pairs:
            writer.write(b"x")
            assert await reader.readexactly(1) == b"x"

        late, late_writer = await stream.connect("link")

        assert await late.read() == b""
        for reader, writer in pairs:
            writer.write(b"y")
            assert await reader.readexactly(1) == b"y"
            writer.close()
        late_writer.close()


async def test_packets_of_the_control_socket_keep_their_bounds_both_ways() -> None:
    async with streaming() as stream:
        host_ours, host_theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        guest_ours, guest_theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        loop = asyncio.get_running_loop()
        carrying = [
            stream.tasks.create_task(stream.host.carry_control(host_theirs)),
            stream.tasks.create_task(stream.guest.carry_control(guest_theirs)),
        ]
        for each in (host_ours, guest_ours):
            each.setblocking(False)
        await asyncio.sleep(0)

        for number in range(200):
            await loop.sock_sendall(host_ours, b"to the guest %d" % number)
            assert await loop.sock_recv(guest_ours, 4096) == b"to the guest %d" % number
            await loop.sock_sendall(guest_ours, b"to the host %d" % number)
            assert await loop.sock_recv(host_ours, 4096) == b"to the host %d" % number

        for task in carrying:
            task.cancel()
        for end in (host_ours, host_theirs, guest_ours, guest_theirs):
            end.close()


async def test_the_end_of_the_stream_is_told() -> None:
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    with ours:
        mux = wire.HostMux(secrets.token_bytes(NONCE_BYTES))
        relay = Relay(mux, ours.fileno(), on_event=lambda event: None)
        theirs.close()

        with pytest.raises(StreamOver):
            await relay.run()
