"""The few calls of Xlib and XTEST that input needs, through ctypes.

`Display` is one connection, used by one thread. Nothing here decides anything. When the X server
goes away Xlib ends the process, which is what a helper of the desktop should do.
"""

from __future__ import annotations

import ctypes
import sys
from ctypes import POINTER, Structure, byref, c_char_p, c_int, c_long, c_uint, c_ulong, c_void_p

PROPERTY_NOTIFY, CONFIGURE_NOTIFY, MAPPING_NOTIFY = 28, 22, 34
_STRUCTURE_MASK, _PROPERTY_MASK = 1 << 17, 1 << 22
_ANY_PROPERTY_TYPE = 0


class NoDisplay(OSError):
    """There is no X server, or it has no XTEST extension."""


class _PropertyEvent(Structure):
    _fields_ = (
        ("type", c_int),
        ("serial", c_ulong),
        ("send_event", c_int),
        ("display", c_void_p),
        ("window", c_ulong),
        ("atom", c_ulong),
    )


class _ConfigureEvent(Structure):
    _fields_ = (
        ("type", c_int),
        ("serial", c_ulong),
        ("send_event", c_int),
        ("display", c_void_p),
        ("event", c_ulong),
        ("window", c_ulong),
        ("x", c_int),
        ("y", c_int),
        ("width", c_int),
        ("height", c_int),
    )


class _Event(ctypes.Union):
    _fields_ = (
        ("type", c_int),
        ("property", _PropertyEvent),
        ("configure", _ConfigureEvent),
        ("room", c_ulong * 24),
    )


_ERROR_HANDLER = ctypes.CFUNCTYPE(c_int, c_void_p, c_void_p)


def _note_error(_display: int, _event: int) -> int:
    sys.stderr.write("the X server refused a request\n")
    return 0


_on_error = _ERROR_HANDLER(_note_error)


class Display:
    """A connection to an X server: its keyboard's map, and hands to press with.

    Raises:
        NoDisplay: there is no such display, or no XTEST.
    """

    def __init__(self, name: str) -> None:
        try:
            self._x = ctypes.CDLL("libX11.so.6")
            self._test = ctypes.CDLL("libXtst.so.6")
        except OSError as error:
            raise NoDisplay(str(error)) from error
        self._declare()
        self._x.XSetErrorHandler(_on_error)
        self._display = self._x.XOpenDisplay(name.encode())
        if not self._display:
            raise NoDisplay(f"no display {name}")
        event, error_base, major, minor = c_int(), c_int(), c_int(), c_int()
        if not self._test.XTestQueryExtension(
            self._display, byref(event), byref(error_base), byref(major), byref(minor)
        ):
            raise NoDisplay("the display has no XTEST extension")
        # A window manager that grabs the server must not hold up input.
        self._test.XTestGrabControl(self._display, 1)
        self._root = self._x.XDefaultRootWindow(self._display)
        self._x.XSelectInput(self._display, self._root, _STRUCTURE_MASK | _PROPERTY_MASK)
        self.fd: int = self._x.XConnectionNumber(self._display)
        self._event = _Event()
        # Asked for after changes are watched, as the size may have changed since we connected.
        self.size = self._root_size()

    def _declare(self) -> None:
        x, test = self._x, self._test
        x.XSetErrorHandler.argtypes = [_ERROR_HANDLER]
        x.XOpenDisplay.restype, x.XOpenDisplay.argtypes = c_void_p, [c_char_p]
        x.XDefaultRootWindow.restype, x.XDefaultRootWindow.argtypes = c_ulong, [c_void_p]
        for call in (x.XConnectionNumber, x.XPending, x.XFlush, x.XCloseDisplay):
            call.argtypes = [c_void_p]
        x.XSync.argtypes = [c_void_p, c_int]
        x.XGetGeometry.argtypes = [c_void_p, c_ulong, *(c_void_p,) * 7]
        x.XNextEvent.argtypes = [c_void_p, c_void_p]
        x.XSelectInput.argtypes = [c_void_p, c_ulong, c_long]
        x.XInternAtom.restype, x.XInternAtom.argtypes = c_ulong, [c_void_p, c_char_p, c_int]
        x.XFree.argtypes = [c_void_p]
        x.XDisplayKeycodes.argtypes = [c_void_p, c_void_p, c_void_p]
        x.XGetKeyboardMapping.restype = POINTER(c_ulong)
        x.XGetKeyboardMapping.argtypes = [c_void_p, ctypes.c_ubyte, c_int, c_void_p]
        x.XChangeKeyboardMapping.argtypes = [c_void_p, c_int, c_int, c_void_p, c_int]
        x.XRefreshKeyboardMapping.argtypes = [c_void_p]
        x.XGetWindowProperty.argtypes = [
            c_void_p, c_ulong, c_ulong, c_long, c_long, c_int, c_ulong,
            c_void_p, c_void_p, c_void_p, c_void_p, c_void_p,
        ]  # fmt: skip
        test.XTestQueryExtension.argtypes = [c_void_p] * 5
        test.XTestGrabControl.argtypes = [c_void_p, c_int]
        test.XTestFakeKeyEvent.argtypes = [c_void_p, c_uint, c_int, c_ulong]
        test.XTestFakeButtonEvent.argtypes = [c_void_p, c_uint, c_int, c_ulong]
        test.XTestFakeMotionEvent.argtypes = [c_void_p, c_int, c_int, c_int, c_ulong]

    def _root_size(self) -> tuple[int, int]:
        root, x, y = c_ulong(), c_int(), c_int()
        width, height, border, depth = c_uint(), c_uint(), c_uint(), c_uint()
        self._x.XGetGeometry(
            self._display, self._root, byref(root), byref(x), byref(y),
            byref(width), byref(height), byref(border), byref(depth),
        )  # fmt: skip
        return width.value, height.value

    # --- hands --------------------------------------------------------------------------------

    def key(self, keycode: int, *, down: bool) -> None:
        """Press or release a key."""
        self._test.XTestFakeKeyEvent(self._display, keycode, int(down), 0)

    def button(self, button: int, *, down: bool) -> None:
        """Press or release a pointer button."""
        self._test.XTestFakeButtonEvent(self._display, button, int(down), 0)

    def move(self, x: int, y: int) -> None:
        """Put the pointer at a pixel of the display."""
        self._test.XTestFakeMotionEvent(self._display, -1, x, y, 0)

    def flush(self) -> None:
        """Send what was asked for."""
        self._x.XFlush(self._display)

    # --- the keyboard's map -------------------------------------------------------------------

    def keymap(self) -> dict[int, list[int]]:
        """Give the keysyms of each keycode, one for each level of the core protocol's lists."""
        low, high, width = c_int(), c_int(), c_int()
        self._x.XDisplayKeycodes(self._display, byref(low), byref(high))
        count = high.value - low.value + 1
        symbols = self._x.XGetKeyboardMapping(self._display, low.value, count, byref(width))
        wide = width.value
        keymap = {
            low.value + i: [symbols[i * wide + level] for level in range(wide)]
            for i in range(count)
        }
        self._x.XFree(symbols)
        return keymap

    def bind(self, keycode: int, keysym: int) -> None:
        """Have a key mean `keysym`, with and without Shift; return when the server has it."""
        symbols = (c_ulong * 2)(keysym, keysym)
        self._x.XChangeKeyboardMapping(self._display, keycode, 2, symbols, 1)
        self._x.XSync(self._display, 0)

    # --- the root window ----------------------------------------------------------------------

    def read_events(self) -> bool:
        """Take what the server said: whether a property or the size of the root changed."""
        changed = False
        while self._x.XPending(self._display):
            self._x.XNextEvent(self._display, byref(self._event))
            if self._event.type == CONFIGURE_NOTIFY:
                configure = self._event.configure
                if configure.window == self._root:
                    self.size = configure.width, configure.height
                    changed = True
            elif self._event.type == PROPERTY_NOTIFY:
                changed = True
        return changed

    def root_property(self, name: str) -> int:
        """Give how many items a property of the root window has; 0: it is not there."""
        kind, bits, count, after, data = c_ulong(), c_int(), c_ulong(), c_ulong(), c_void_p()
        atom = self._x.XInternAtom(self._display, name.encode(), 0)
        self._x.XGetWindowProperty(
            self._display, self._root, atom, 0, 1024, 0, _ANY_PROPERTY_TYPE,
            byref(kind), byref(bits), byref(count), byref(after), byref(data),
        )  # fmt: skip
        if data.value:
            self._x.XFree(data)
        return count.value

    def close(self) -> None:
        """Close the connection."""
        self._x.XCloseDisplay(self._display)
