"""The process that carries out a viewer's input, and watches the root window for the agent.

It gets ready, waits for the line `go` on its standard input (there is a display then), and ends
when that is closed. On the control socket: input in, `display.size` out. On standard output:
`desktop` when a window manager runs, `browser` when a window is there.
"""

from __future__ import annotations

import argparse
import os
import select
import socket
import sys
import time

from fanlight import wire
from fanlight.errors import WireError

from .hands import Hands
from .keyboard import Keyboard
from .x11 import Display, NoDisplay

MAX_PACKET_BYTES = 65_536
SIZE_EVERY_S = 2.0
"""The display's size is said again that often: a gateway that was respawned has to learn it."""


def main(arguments: list[str]) -> int:
    """Carry out input until standard input closes. Gives the exit status."""
    parser = argparse.ArgumentParser(prog="input")
    parser.add_argument("--display", required=True)
    parser.add_argument("--control-fd", type=int, required=True)
    options = parser.parse_args(arguments)
    if not os.read(0, 64).startswith(b"go"):
        return 0
    try:
        display = Display(options.display)
    except NoDisplay as error:
        sys.stderr.write(f"{error}\n")
        return 1
    control = socket.socket(fileno=options.control_fd)
    control.setblocking(False)
    return InputProcess(display, control).run()


class InputProcess:
    """One thread that waits for the control socket, the X server and the agent."""

    def __init__(self, display: Display, control: socket.socket) -> None:
        self._display, self._control = display, control
        self._hands = Hands(display, Keyboard(display.keymap()))
        self._noted: set[str] = set()
        self._size_said_at = float("-inf")
        self._size_said = (0, 0)

    def run(self) -> int:
        """Work until standard input closes."""
        poll = select.poll()
        for fd in (0, self._display.fd, self._control.fileno()):
            poll.register(fd, select.POLLIN)
        self._look()
        again_at: float | None = None
        while True:
            self._say_size()
            wait_s = SIZE_EVERY_S
            if again_at is not None:
                wait_s = max(0.0, again_at - time.monotonic())
            ready = dict(poll.poll(wait_s * 1000 + 0.999))
            if 0 in ready and not os.read(0, 4096):
                return 0
            if self._control.fileno() in ready and not self._read_control():
                poll.unregister(self._control)  # the host is gone, and we soon will be
            if self._display.read_events():
                self._look()
            again_at = self._hands.go_on(time.monotonic())
            self._display.flush()

    def _read_control(self) -> bool:
        while True:
            try:
                packet = self._control.recv(MAX_PACKET_BYTES)
            except BlockingIOError:
                return True
            except OSError:
                return False
            if not packet:
                return False
            try:
                message = wire.decode(packet)
            except WireError:
                continue
            if isinstance(message, wire.Input):
                self._hands.take(message, time.monotonic())

    def _say_size(self) -> None:
        now = time.monotonic()
        if self._display.size == self._size_said and now < self._size_said_at + SIZE_EVERY_S:
            return
        self._size_said, self._size_said_at = self._display.size, now
        try:
            self._control.send(wire.encode(wire.DisplaySize(*self._display.size)))
        except OSError:
            return  # full, or nobody there: it is said again

    def _look(self) -> None:
        """Tell the agent what has come to be on the root window."""
        there = set()
        if self._display.root_property("_NET_SUPPORTING_WM_CHECK"):
            there.add("desktop")
        if self._display.root_property("_NET_CLIENT_LIST"):
            there.add("browser")
        for word in sorted(there - self._noted, reverse=True):
            os.write(1, word.encode() + b"\n")
        self._noted = there
