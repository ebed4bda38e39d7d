"""A viewer's input on its way to the machine: what is let through, and the pipe it goes down.

`InputGate` is pure but for the message it reads; `ControlPipe` writes to the control socket
(SOCK_SEQPACKET, one message a packet) and belongs to the main loop's thread.
"""

from __future__ import annotations

import socket
from collections import deque
from collections.abc import Callable

from fanlight import wire
from fanlight.errors import WireError

from .limits import Limits, TokenBucket

MAX_COORDINATE = 16_384
MAX_WHEEL = 100
MAX_KEYSYM = 0x1FFFFFFF
"""X11 keysyms have 29 bits."""
BUTTONS = frozenset({1, 2, 3, 8, 9})

Said = wire.Input | wire.InputPing | wire.ViewerReported
"""What a viewer may say."""


def check_input(text: bytes | str, max_bytes: int) -> Said | None:
    """Read one message of a viewer's; None: it is none that a viewer may say."""
    size = len(text) if isinstance(text, bytes) else len(text.encode(errors="replace"))
    if size > max_bytes:
        return None
    try:
        message = wire.decode(text)
    except (WireError, ValueError):
        return None
    match message:
        case wire.PointerMoved(x=x, y=y):
            fits = _on_display(x, y)
        case wire.ButtonChanged(button=button, x=x, y=y):
            fits = button in BUTTONS and _on_display(x, y)
        case wire.WheelTurned(dx=dx, dy=dy):
            fits = abs(dx) <= MAX_WHEEL and abs(dy) <= MAX_WHEEL
        case wire.KeyChanged(keysym=keysym):
            fits = 0 < keysym <= MAX_KEYSYM
        case wire.TextTyped() | wire.KeysReleased() | wire.InputPing() | wire.ViewerReported():
            fits = True
        case _:
            return None
    return message if fits else None


def _on_display(x: int, y: int) -> bool:
    return 0 <= x <= MAX_COORDINATE and 0 <= y <= MAX_COORDINATE


class InputGate:
    """What of one viewer's messages counts. Safe to use from the one thread that receives them."""

    def __init__(self, limits: Limits) -> None:
        self._max_bytes = limits.input_bytes
        self._bucket = TokenBucket(limits.inputs_per_s, limits.input_burst)
        self.refused = 0

    def take(self, text: bytes | str, now: float) -> Said | None:
        """Give the message, or count it as refused and give None."""
        message = check_input(text, self._max_bytes) if self._bucket.take(now) else None
        if message is None:
            self.refused += 1
        return message


class ControlPipe:
    """Writes input to a machine, and reads what it says, without ever blocking."""

    def __init__(self, control: socket.socket, *, max_queued: int) -> None:
        control.setblocking(False)
        self._socket = control
        self._queue: deque[wire.Input] = deque()
        self._max_queued = max_queued
        self.dropped = 0

    @property
    def is_waiting(self) -> bool:
        """Whether messages wait for the socket to become writable."""
        return bool(self._queue)

    def send(self, message: wire.Input) -> None:
        """Write a message, or queue it. Pointer moves in a row become one."""
        moves = isinstance(message, wire.PointerMoved)
        if moves and self._queue and isinstance(self._queue[-1], wire.PointerMoved):
            self._queue[-1] = message
        elif len(self._queue) >= self._max_queued:
            # A key's release may be among what is lost, and the key would stay down for ever.
            self.dropped += len(self._queue)
            self._queue.clear()
            self._queue.append(wire.KeysReleased())
        else:
            self._queue.append(message)
        self.flush()

    def flush(self) -> None:
        """Write what waits, as far as the socket takes it.

        Raises:
            OSError: the machine's end is closed.
        """
        while self._queue:
            try:
                self._socket.send(wire.encode(self._queue[0]))
            except BlockingIOError:
                return
            self._queue.popleft()

    def receive(self, take: Callable[[wire.DisplaySize], None]) -> bool:
        """Read what the machine says; False: its end is closed.

        Only display sizes are known; anything else is passed over.
        """
        for _ in range(16):
            try:
                data = self._socket.recv(4096)
            except BlockingIOError:
                return True
            except OSError:
                return False
            if not data:
                return False
            try:
                message = wire.decode(data)
            except (WireError, ValueError):
                continue
            if isinstance(message, wire.DisplaySize) and _is_display(message):
                take(message)
        return True


def _is_display(size: wire.DisplaySize) -> bool:
    return 0 < size.width_px <= MAX_COORDINATE and 0 < size.height_px <= MAX_COORDINATE
