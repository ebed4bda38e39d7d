"""The gateway's own socket: connections of controllers and of the keeper, line by line.

Everything here runs on the main loop's thread. A connection that breaks the protocol is closed;
nothing else changes.
"""

from __future__ import annotations

import contextlib
import os
import socket
from collections import deque
from collections.abc import Callable

from fanlight import wire
from fanlight.errors import WireError

from .gst import GLib
from .limits import Limits

_READ_BYTES = 1 << 16
_MAX_DESCRIPTORS = 16


class Link:
    """One connection to the gateway's socket."""

    def __init__(self, end: socket.socket, *, limits: Limits, server: Server) -> None:
        end.setblocking(False)
        self._socket, self._limits, self._server = end, limits, server
        self._decoder = wire.Decoder()
        self._descriptors: deque[int] = deque()
        self._unsent = bytearray()
        self._write_watch = 0
        self._has_said = self._is_given_away = False
        self.is_controller = False
        self._read_watch = GLib.unix_fd_add_full(
            GLib.PRIORITY_DEFAULT,
            end.fileno(),
            GLib.IOCondition.IN | GLib.IOCondition.HUP,
            self._readable,
        )

    def say(self, message: wire.Message) -> None:
        """Send a message; what the socket does not take at once is kept, within bounds."""
        if self._socket.fileno() < 0:
            return
        self._unsent += wire.encode(message)
        if len(self._unsent) > self._limits.backlog_bytes:
            self.close()
        else:
            self._flush()

    def take_sockets(self, count: int) -> list[socket.socket]:
        """Give the oldest `count` descriptors that came along, as sockets.

        Raises:
            WireError: there are fewer, or one is no socket.
        """
        if len(self._descriptors) < count:
            raise WireError(f"{count} descriptors must come along")
        taken = [self._descriptors.popleft() for _ in range(count)]
        sockets: list[socket.socket] = []
        try:
            for descriptor in taken:
                sockets.append(socket.socket(fileno=descriptor))
        except OSError:
            for item in sockets:
                item.close()
            _close_all(taken[len(sockets) :])
            raise WireError("a descriptor that came along is no socket") from None
        return sockets

    def give_away(self) -> socket.socket:
        """Give the socket to who goes on with it in another way; this link is over then.

        Raises:
            WireError: something was said over it before.
        """
        if self._has_said or self.is_controller or self._unsent:
            raise WireError("a stream needs a connection of its own")
        self._is_given_away = True
        kept = self._socket.dup()
        self.close()
        return kept

    def close(self) -> None:
        """Close it. Twice is once."""
        if self._socket.fileno() < 0:
            return
        for source in (self._read_watch, self._write_watch):
            if source:
                GLib.source_remove(source)
        self._read_watch = self._write_watch = 0
        self._socket.close()
        _close_all(self._descriptors)
        self._descriptors.clear()
        self._server.forget(self)

    def _readable(self, _fd: int, _condition: GLib.IOCondition) -> bool:
        try:
            data, descriptors, _, _ = socket.recv_fds(self._socket, _READ_BYTES, _MAX_DESCRIPTORS)
        except BlockingIOError:
            return True
        except OSError:
            data, descriptors = b"", []
        self._descriptors.extend(descriptors)
        for descriptor in descriptors:
            os.set_inheritable(descriptor, False)
        try:
            if not data or len(self._descriptors) > _MAX_DESCRIPTORS:
                raise WireError("closed by the other side")
            for message in self._decoder.feed(data):
                self._server.take(self, message)
                self._has_said = True
                if self._is_given_away:
                    return False
        except WireError:
            self.close()
        return bool(self._read_watch)

    def _flush(self) -> None:
        try:
            sent = self._socket.send(self._unsent)
        except BlockingIOError:
            sent = 0
        except OSError:
            self.close()
            return
        del self._unsent[:sent]
        if self._unsent and not self._write_watch:
            self._write_watch = GLib.unix_fd_add_full(
                GLib.PRIORITY_DEFAULT,
                self._socket.fileno(),
                GLib.IOCondition.OUT,
                self._writable,
            )

    def _writable(self, _fd: int, _condition: GLib.IOCondition) -> bool:
        self._flush()
        if self._unsent and self._socket.fileno() >= 0:
            return True
        self._write_watch = 0
        return False


class Server:
    """Accepts connections and passes their messages on."""

    def __init__(
        self,
        listener: socket.socket,
        *,
        limits: Limits,
        handle: Callable[[Link, wire.Message], None],
    ) -> None:
        listener.setblocking(False)
        self._listener, self._limits, self._handle = listener, limits, handle
        self._links: list[Link] = []
        self._watch = GLib.unix_fd_add_full(
            GLib.PRIORITY_DEFAULT, listener.fileno(), GLib.IOCondition.IN, self._acceptable
        )

    def say(self, message: wire.Message) -> None:
        """Tell every controller."""
        for link in list(self._links):
            if link.is_controller:
                link.say(message)

    def take(self, link: Link, message: wire.Message) -> None:
        """Pass a message on. Raises WireError when it may not come this way."""
        self._handle(link, message)

    def forget(self, link: Link) -> None:
        """The connection is closed."""
        if link in self._links:
            self._links.remove(link)

    def close(self) -> None:
        """Stop listening and close every connection."""
        if self._watch:
            GLib.source_remove(self._watch)
            self._watch = 0
        self._listener.close()
        for link in list(self._links):
            link.close()

    def _acceptable(self, _fd: int, _condition: GLib.IOCondition) -> bool:
        with contextlib.suppress(BlockingIOError, ConnectionError):
            end, _ = self._listener.accept()
            if len(self._links) >= self._limits.controllers:
                end.close()
            else:
                self._links.append(Link(end, limits=self._limits, server=self))
        return True


def _close_all(descriptors: deque[int] | list[int]) -> None:
    for descriptor in descriptors:
        with contextlib.suppress(OSError):
            os.close(descriptor)
