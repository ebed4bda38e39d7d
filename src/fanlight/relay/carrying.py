"""Moves bytes between one stream's mux and the sockets that it carries."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import Callable

from fanlight.errors import WireError
from fanlight.wire import (
    ChannelClosed,
    ChannelData,
    ChannelOpened,
    ChannelRoom,
    GuestMux,
    HostMux,
    Message,
    MuxDatagram,
    MuxEvent,
    MuxFresh,
    MuxLost,
    MuxMessage,
    Service,
)
from fanlight.wire.mux import CONTROL

READ_BYTES = 65_536
WRITE_BYTES = 32_768
AWAY_S = 0.05
"""How long a stream whose other end is away is left alone, as nothing tells of its return."""

Mux = GuestMux | HostMux


class StreamOver(Exception):
    """The other end of the stream is gone for good."""


class _Carried:
    """One channel, and what came through it and is not taken yet."""

    def __init__(self) -> None:
        self.came: asyncio.Queue[bytes] = asyncio.Queue()
        """Empty bytes: the other side closed it. At most the mux's window is in here."""
        self.room = asyncio.Event()


class Relay:
    """One end of a stream. Of one event loop.

    Args:
        mux: this end's.
        stream: a descriptor that reads and writes without waiting; it stays the caller's.
        may_be_away: whether an end of file only says that nobody is there now (a port of
            virtio-console), rather than ever again (a socket).
        on_event: hears `MuxFresh`, `MuxLost`, `MuxMessage` and `ChannelOpened`.
    """

    def __init__(
        self,
        mux: Mux,
        stream: int,
        *,
        on_event: Callable[[MuxEvent], None],
        may_be_away: bool = False,
    ) -> None:
        self._mux, self._stream, self._on_event = mux, stream, on_event
        self._may_be_away = may_be_away
        self._carried: dict[int, _Carried] = {}
        self._out = b""
        self._over: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._control: socket.socket | None = None
        self._control_room = asyncio.Event()

    async def run(self) -> None:
        """Carry until cancelled.

        Raises:
            StreamOver: the other end is gone.
            WireError: it does not keep to the protocol.
        """
        loop = asyncio.get_running_loop()
        loop.add_reader(self._stream, self._read)
        self.flush()
        try:
            await self._over
        finally:
            loop.remove_reader(self._stream)
            loop.remove_writer(self._stream)
            self._forget()

    def say(self, message: Message) -> None:
        """Send a message to the other end."""
        self._mux.say(message)
        self.flush()

    # --- the stream ---------------------------------------------------------------------------

    def _read(self) -> None:
        try:
            data = os.read(self._stream, READ_BYTES)
        except BlockingIOError:
            return
        except OSError as error:
            self._end(StreamOver(str(error)))
            return
        if not data:
            self._at_end_of_file()
            return
        try:
            for event in self._mux.feed(data):
                self._take(event)
        except WireError as error:
            self._end(error)
            return
        self.flush()

    def _at_end_of_file(self) -> None:
        if not self._may_be_away:
            self._end(StreamOver("the stream ended"))
            return
        loop = asyncio.get_running_loop()
        loop.remove_reader(self._stream)
        loop.call_later(AWAY_S, self._look_again)

    def _look_again(self) -> None:
        if not self._over.done():
            asyncio.get_running_loop().add_reader(self._stream, self._read)
            self.flush()

    def flush(self) -> None:
        """Write what waits, as far as the stream takes it now."""
        loop = asyncio.get_running_loop()
        try:
            while self._out or self._refill():
                self._out = self._out[os.write(self._stream, self._out) :]
        except BlockingIOError:
            loop.add_writer(self._stream, self.flush)
            return
        except OSError as error:
            self._end(StreamOver(str(error)))
            return
        loop.remove_writer(self._stream)

    def _refill(self) -> bool:
        self._out = self._mux.to_send(WRITE_BYTES)
        return bool(self._out)

    def _end(self, error: Exception) -> None:
        if not self._over.done():
            self._over.set_exception(error)

    # --- what comes ---------------------------------------------------------------------------

    def _take(self, event: MuxEvent) -> None:
        match event:
            case ChannelData(channel, data):
                if carried := self._carried.get(channel):
                    carried.came.put_nowait(data)
            case ChannelRoom(channel) if channel == CONTROL:
                self._control_room.set()
            case ChannelRoom(channel):
                if carried := self._carried.get(channel):
                    carried.room.set()
            case ChannelClosed(channel):
                self._close_carried(channel)
            case MuxDatagram(data):
                self._to_control(data)
            case MuxFresh() | MuxLost():
                self._forget()
                self._on_event(event)
            case ChannelOpened() | MuxMessage():
                self._on_event(event)

    def _forget(self) -> None:
        for channel in list(self._carried):
            self._close_carried(channel)
        self._control_room.set()

    def _close_carried(self, channel: int) -> None:
        if carried := self._carried.pop(channel, None):
            carried.came.put_nowait(b"")
            carried.room.set()

    def _to_control(self, data: bytes) -> None:
        # A socket that is full loses a packet, as it would without us.
        if self._control is not None:
            with contextlib.suppress(OSError):
                self._control.send(data)
        self._mux.took(CONTROL, len(data))

    # --- channels -----------------------------------------------------------------------------

    async def carry(
        self, channel: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """Carry an open channel to and from a socket until either side closes it.

        Call in the turn of the loop in which it was opened, or what comes first is lost.
        """
        carried = self.expect(channel)
        try:
            async with asyncio.TaskGroup() as tasks:
                outward = tasks.create_task(self._outward(channel, carried, reader))
                inward = tasks.create_task(self._inward(channel, carried, writer))
                await asyncio.wait((outward, inward), return_when=asyncio.FIRST_COMPLETED)
                outward.cancel()
                inward.cancel()
        finally:
            self.refuse(channel, carried)
            writer.close()

    async def carry_to(
        self, service: Service, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """At the host: open a channel to a service and carry it; without room, hang up."""
        assert isinstance(self._mux, HostMux)
        if not self._mux.has_room_for_channel:
            writer.close()
            return
        channel = self._mux.open(service)
        self.flush()
        await self.carry(channel, reader, writer)

    def expect(self, channel: int) -> _Carried:
        """Keep what comes through a channel until `carry` takes it."""
        return self._carried.setdefault(channel, _Carried())

    def refuse(self, channel: int, carried: _Carried | None = None) -> None:
        """Close a channel, unless it is over, and another's has its number, since."""
        if self._carried.get(channel) is (carried or self._carried.get(channel)):
            self._carried.pop(channel, None)
            self._mux.close(channel)
            self.flush()

    async def _outward(
        self, channel: int, carried: _Carried, reader: asyncio.StreamReader
    ) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(READ_BYTES):
                while data and self._carried.get(channel) is carried:
                    room = self._mux.room(channel)
                    if not room:
                        carried.room.clear()
                        await carried.room.wait()
                        continue
                    self._mux.send(channel, data[:room])
                    data = data[room:]
                    self.flush()

    async def _inward(self, channel: int, carried: _Carried, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await carried.came.get():
                writer.write(data)
                await writer.drain()
                if self._carried.get(channel) is carried:
                    self._mux.took(channel, len(data))
                    self.flush()

    # --- the control socket -------------------------------------------------------------------

    async def carry_control(self, control: socket.socket) -> None:
        """Carry the packets of the media control socket, until its other end is closed."""
        loop = asyncio.get_running_loop()
        control.setblocking(False)
        self._control = control
        try:
            while data := await loop.sock_recv(control, READ_BYTES):
                while self._mux.room(CONTROL) < len(data):
                    self._control_room.clear()
                    await self._control_room.wait()
                with contextlib.suppress(WireError):  # too long, or nothing that we would say
                    self._mux.send_datagram(data)
                self.flush()
        finally:
            self._control = None
