"""A window that says what time it is, for measuring how long a picture takes.

Runs on the host against the X display of a machine (`painter.py SOCKET`, for a machine
/proc/PID/root/tmp/.X11-unix/X1): 32 blocks of 40 px hold a 24-bit clock in ms and an 8-bit
checksum, the row below the number of keys pressed (8 bits, then their complement, twice). It
repaints at random intervals of 80-140 ms, so that the wait for a capture tick is counted, and at
once when a key is pressed. `--busy` scrolls a text-like area below at 60 Hz.
"""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import ctypes.util
import random
import select
import sys
import time
from collections.abc import Iterator
from pathlib import Path

BLOCK_PX = 40
BLOCKS = 32
BLACK, WHITE = 0x000000, 0xFFFFFF
KEY_PRESS = 2
KEY_PRESS_MASK = 1
EVENT_BYTES = 192


class Display:
    """The few calls of Xlib that a window of rectangles needs."""

    def __init__(self, name: str) -> None:
        library = ctypes.CDLL(ctypes.util.find_library("X11") or "libX11.so.6")
        self._x = library
        library.XOpenDisplay.restype = ctypes.c_void_p
        self.handle = ctypes.c_void_p(library.XOpenDisplay(name.encode()))
        if not self.handle.value:
            raise SystemExit(f"painter: no display at {name}")
        for call in ("XDefaultRootWindow", "XCreateSimpleWindow", "XCreatePixmap"):
            getattr(library, call).restype = ctypes.c_ulong
        library.XCreateGC.restype = ctypes.c_void_p
        self.root = library.XDefaultRootWindow(self.handle)

    def window(self, width: int, height: int) -> None:
        """Show an undecorated window at the top left corner, and take the keyboard's focus."""
        x = self._x
        root, zero = ctypes.c_ulong(self.root), ctypes.c_ulong(0)
        self._window = ctypes.c_ulong(
            x.XCreateSimpleWindow(self.handle, root, 0, 0, width, height, 0, zero, zero)
        )
        attributes = (ctypes.c_byte * 112)()
        ctypes.c_int.from_buffer(attributes, 88).value = 1  # override_redirect, 64-bit layout
        x.XChangeWindowAttributes(self.handle, self._window, ctypes.c_ulong(1 << 9), attributes)
        x.XSelectInput(self.handle, self._window, ctypes.c_long(KEY_PRESS_MASK))
        x.XMapRaised(self.handle, self._window)
        self._gc = ctypes.c_void_p(x.XCreateGC(self.handle, self._window, zero, None))
        depth = 24
        self._pixmap = ctypes.c_ulong(
            x.XCreatePixmap(self.handle, self._window, width, height, depth)
        )
        self._size = (width, height)
        x.XSync(self.handle, 0)
        x.XSetInputFocus(self.handle, self._window, 2, zero)
        x.XSync(self.handle, 0)

    def rectangle(self, color: int, left: int, top: int, width: int, height: int) -> None:
        """Fill a rectangle of the picture that `show` will put up."""
        self._x.XSetForeground(self.handle, self._gc, ctypes.c_ulong(color))
        self._x.XFillRectangle(self.handle, self._pixmap, self._gc, left, top, width, height)

    def scroll(self, top: int, by: int) -> None:
        """Move everything below `top` up by so many pixels."""
        width, height = self._size
        rest, source = height - top - by, (0, top + by)
        pixmap = self._pixmap
        self._x.XCopyArea(self.handle, pixmap, pixmap, self._gc, *source, width, rest, 0, top)

    def show(self, top: int, height: int) -> None:
        """Put rows of the picture on the window in one step."""
        width = self._size[0]
        self._x.XCopyArea(
            self.handle, self._pixmap, self._window, self._gc, 0, top, width, height, 0, top
        )
        self._x.XFlush(self.handle)

    def raise_window(self) -> None:
        """Stay above and keep the keyboard's focus."""
        self._x.XRaiseWindow(self.handle, self._window)
        self._x.XSetInputFocus(self.handle, self._window, 2, ctypes.c_ulong(0))

    def keys_pressed(self) -> int:
        """Give how many keys went down since the last call."""
        count, event = 0, (ctypes.c_byte * EVENT_BYTES)()
        while self._x.XPending(self.handle):
            self._x.XNextEvent(self.handle, event)
            count += ctypes.c_int.from_buffer(event, 0).value == KEY_PRESS
        return count

    def fileno(self) -> int:
        """The connection's descriptor, for select."""
        return int(self._x.XConnectionNumber(self.handle))


@contextlib.contextmanager
def display_name(socket: Path) -> Iterator[str]:
    """Give a display name that leads to an X server's socket, wherever that stands.

    Xlib takes numbers only, and looks for them in one directory: a link there while it opens.
    """
    place = Path("/tmp/.X11-unix")
    place.mkdir(exist_ok=True)
    number = next(n for n in range(900, 1000) if not (place / f"X{n}").is_symlink())
    link = place / f"X{number}"
    link.symlink_to(socket)
    try:
        yield f":{number}"
    finally:
        link.unlink()


def bits(value: int, count: int) -> list[int]:
    """Give the `count` lowest bits of `value`, highest first."""
    return [value >> shift & 1 for shift in reversed(range(count))]


def clock_bits(now_ms: int) -> list[int]:
    """Give the 24-bit clock and its checksum as 32 bits."""
    clock = now_ms & 0xFFFFFF
    checksum = ((clock >> 16) + (clock >> 8) + clock) * 37 & 0xFF ^ 0x5A
    return bits(clock, 24) + bits(checksum, 8)


def key_bits(keys: int) -> list[int]:
    """Give the number of keys and its complement, twice."""
    once = bits(keys & 0xFF, 8) + bits(~keys & 0xFF, 8)
    return once + once


def paint(display: Display, keys: int) -> None:
    """Draw both rows with the clock of this moment."""
    rows = [clock_bits(time.time_ns() // 1_000_000), key_bits(keys)]
    for row, values in enumerate(rows):
        for column, value in enumerate(values):
            color = WHITE if value else BLACK
            display.rectangle(color, column * BLOCK_PX, row * BLOCK_PX, BLOCK_PX, BLOCK_PX)
    display.show(0, 2 * BLOCK_PX)


def scroll_text(display: Display, top: int, height: int) -> None:
    """Scroll a text-like area up by 8 px and fill in the new line."""
    display.scroll(top, 8)
    display.rectangle(WHITE, 0, height - 8, BLOCKS * BLOCK_PX, 8)
    left = 0
    while left < 1000:
        word = random.randrange(4, 60)
        display.rectangle(0x202020, left, height - 6, word, 4)
        left += word + 6
    display.show(top, height - top)


def main() -> None:
    """Paint until the standard input closes."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("socket", type=Path)
    arguments.add_argument("--busy", action="store_true")
    asked = arguments.parse_args()
    with display_name(asked.socket) as name:
        display = Display(name)
    height = 80 + (500 if asked.busy else 0)
    display.window(BLOCKS * BLOCK_PX, height)
    keys, due, tick = 0, 0.0, 0.0
    while True:
        now = time.monotonic()
        if now >= due:
            display.raise_window()
            paint(display, keys)
            due = now + random.uniform(0.080, 0.140)
        if asked.busy and now >= tick:
            scroll_text(display, 2 * BLOCK_PX, height)
            tick = now + 1 / 60
        pause = max(0.0, min(due, tick if asked.busy else due) - time.monotonic())
        ready, _, _ = select.select([display, sys.stdin], [], [], pause)
        if sys.stdin in ready and not sys.stdin.read(1):
            return
        if pressed := display.keys_pressed():
            keys += pressed
            paint(display, keys)


if __name__ == "__main__":
    main()
