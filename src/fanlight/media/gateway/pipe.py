"""The controller's end of one viewer's WebSocket: chunks both ways, and neither way ever blocks.

Everything here runs on the main loop's thread. What a viewer floods is read slowly rather than
thrown away: its own WebSocket fills up, and no other viewer's input waits for it.
"""

from __future__ import annotations

import socket
from collections import deque
from collections.abc import Callable

from fanlight import wire
from fanlight.errors import WireError

from .gst import GLib

READ_BYTES = 16_384
"""Read in one turn of the main loop at most."""
SEND_BUFFER_BYTES = 32_768
"""What the kernel keeps for the controller: what is in there cannot be taken back."""


class StreamPipe:
    """Owns the socket until `close`, which tells nobody.

    Args:
        end: a connected Unix stream socket.
        take: is given each chunk of the viewer's, without its length.
        lost: the controller's end is closed, or broke the protocol.
    """

    def __init__(
        self, end: socket.socket, *, take: Callable[[bytes], None], lost: Callable[[], None]
    ) -> None:
        end.setblocking(False)
        end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
        self._socket, self._take, self._lost = end, take, lost
        self._cutter = wire.ChunkCutter(wire.MAX_TEXT_CHUNK_BYTES)
        self._begun = memoryview(b"")
        """What is left of the chunk that the socket has taken a part of."""
        self._waiting: deque[tuple[int | None, bytes]] = deque()
        """A frame's number, or None for a message, and the bytes."""
        self.text_waiting = 0
        """Bytes of the messages that the socket has not begun to take."""
        self._write_watch = self._pause_timer = 0
        self._read_watch = self._watch_for_reading()

    @property
    def is_closed(self) -> bool:
        """Whether nothing can be said any more."""
        return self._socket.fileno() < 0

    @property
    def bytes_waiting(self) -> int:
        """What the socket has not taken."""
        return len(self._begun) + sum(len(data) for _, data in self._waiting)

    def say(self, data: bytes, *, frame: int | None = None) -> None:
        """Send bytes, or keep them until the socket takes them. `frame`: the number of a frame."""
        if self.is_closed:
            return
        self._waiting.append((frame, data))
        self.text_waiting += len(data) if frame is None else 0
        self._flush()

    def drop_frames(self) -> int | None:
        """Forget the frames that have not begun to go; give the first one's number."""
        numbers = [number for number, _ in self._waiting if number is not None]
        self._waiting = deque(each for each in self._waiting if each[0] is None)
        return numbers[0] if numbers else None

    def pause(self, pause_s: float) -> None:
        """Read nothing for so long; the viewer's WebSocket fills up meanwhile."""
        if self._pause_timer or self.is_closed:
            return
        if self._read_watch:
            GLib.source_remove(self._read_watch)
            self._read_watch = 0
        self._pause_timer = GLib.timeout_add(int(pause_s * 1000), self._go_on)

    def close(self) -> None:
        """Close it. Twice is once."""
        for source in (self._read_watch, self._write_watch, self._pause_timer):
            if source:
                GLib.source_remove(source)
        self._read_watch = self._write_watch = self._pause_timer = 0
        self._waiting.clear()
        self.text_waiting = 0
        self._socket.close()

    def _watch_for_reading(self) -> int:
        watch: int = GLib.unix_fd_add_full(
            GLib.PRIORITY_DEFAULT,
            self._socket.fileno(),
            GLib.IOCondition.IN | GLib.IOCondition.HUP,
            self._readable,
        )
        return watch

    def _go_on(self) -> bool:
        self._pause_timer = 0
        self._read_watch = self._watch_for_reading()
        return False

    def _readable(self, _fd: int, _condition: GLib.IOCondition) -> bool:
        try:
            data = self._socket.recv(READ_BYTES)
        except BlockingIOError:
            return True
        except OSError:
            data = b""
        try:
            if not data:
                raise WireError("closed by the other side")
            for chunk in self._cutter.feed(data):
                self._take(chunk)
        except WireError:
            self._lost()
        return bool(self._read_watch)

    def _flush(self) -> None:
        while self._begun or self._waiting:
            if not self._begun:
                frame, data = self._waiting.popleft()
                self._begun = memoryview(data)
                self.text_waiting -= len(data) if frame is None else 0
            try:
                sent = self._socket.send(self._begun)
            except BlockingIOError:
                break
            except OSError:
                self._begun = memoryview(b"")
                self._waiting.clear()
                self.text_waiting = 0
                return  # the reading side hears of it
            self._begun = self._begun[sent:]
        if self._begun and not self._write_watch:
            self._write_watch = GLib.unix_fd_add_full(
                GLib.PRIORITY_DEFAULT,
                self._socket.fileno(),
                GLib.IOCondition.OUT,
                self._writable,
            )

    def _writable(self, _fd: int, _condition: GLib.IOCondition) -> bool:
        self._flush()
        if self._begun:
            return True
        self._write_watch = 0
        return False
