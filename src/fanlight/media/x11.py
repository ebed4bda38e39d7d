"""The few calls of Xlib that capturing needs, through ctypes: a window's size, damage, pixels.

Nothing here decides anything. `Display` is one connection, used by one thread. When the X server
goes away Xlib ends the process, which is what a process of the desktop should do.
"""

from __future__ import annotations

import ctypes
from ctypes import POINTER, Structure, byref, c_char_p, c_int, c_uint, c_ulong, c_void_p

CONFIGURE_NOTIFY = 22
STRUCTURE_NOTIFY_MASK = 1 << 17
Z_PIXMAP = 2
ALL_PLANES = 0xFFFFFFFF
REPORT_NON_EMPTY = 3
IPC_PRIVATE = 0
IPC_CREAT = 0o1000
IPC_RMID = 0


class NoDisplay(OSError):
    """There is no X server, or it lacks an extension that capturing needs."""


class _ShmSegment(Structure):
    _fields_ = (
        ("shmseg", c_ulong),
        ("shmid", c_int),
        ("shmaddr", c_void_p),
        ("read_only", c_int),
    )


class _Image(Structure):
    """The head of an XImage; what follows is Xlib's."""

    _fields_ = (
        ("width", c_int),
        ("height", c_int),
        ("xoffset", c_int),
        ("format", c_int),
        ("data", c_void_p),
        ("byte_order", c_int),
        ("bitmap_unit", c_int),
        ("bitmap_bit_order", c_int),
        ("bitmap_pad", c_int),
        ("depth", c_int),
        ("bytes_per_line", c_int),
        ("bits_per_pixel", c_int),
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
    _fields_ = (("type", c_int), ("configure", _ConfigureEvent), ("room", c_ulong * 24))


def _library(name: str) -> ctypes.CDLL:
    try:
        return ctypes.CDLL(name, use_errno=True)
    except OSError as error:
        raise NoDisplay(f"{name} is not installed") from error


class Display:
    """A connection to an X server, and the damage of its root window.

    Raises:
        NoDisplay: there is no such display, or it has no damage or shared memory extension.
    """

    def __init__(self, name: str) -> None:
        self._x, self._ext = _library("libX11.so.6"), _library("libXext.so.6")
        self._damage_library = _library("libXdamage.so.1")
        self._declare()
        self._display = self._x.XOpenDisplay(name.encode())
        if not self._display:
            raise NoDisplay(f"no display {name}")
        self._root = self._x.XDefaultRootWindow(self._display)
        self._watch()
        self._event = _Event()
        self.fd: int = self._x.XConnectionNumber(self._display)
        self.width_px, self.height_px = self._size()

    def _declare(self) -> None:
        x, ext, damage = self._x, self._ext, self._damage_library
        x.XOpenDisplay.restype, x.XOpenDisplay.argtypes = c_void_p, [c_char_p]
        x.XDefaultRootWindow.restype, x.XDefaultRootWindow.argtypes = c_ulong, [c_void_p]
        x.XDefaultVisual.restype, x.XDefaultVisual.argtypes = c_void_p, [c_void_p, c_int]
        for call in (x.XConnectionNumber, x.XPending, x.XFlush, ext.XShmQueryExtension):
            call.argtypes = [c_void_p]
        x.XNextEvent.argtypes = [c_void_p, c_void_p]
        x.XSelectInput.argtypes = [c_void_p, c_ulong, ctypes.c_long]
        x.XSync.argtypes = [c_void_p, c_int]
        x.XGetGeometry.argtypes = [c_void_p, c_ulong, *(c_void_p,) * 7]
        damage.XDamageQueryExtension.argtypes = [c_void_p, c_void_p, c_void_p]
        damage.XDamageCreate.restype = c_ulong
        damage.XDamageCreate.argtypes = [c_void_p, c_ulong, c_int]
        damage.XDamageSubtract.argtypes = [c_void_p, c_ulong, c_ulong, c_ulong]
        ext.XShmCreateImage.restype = POINTER(_Image)
        ext.XShmCreateImage.argtypes = [
            c_void_p, c_void_p, c_uint, c_int, c_void_p, c_void_p, c_uint, c_uint,
        ]  # fmt: skip
        ext.XShmAttach.argtypes = [c_void_p, c_void_p]
        ext.XShmDetach.argtypes = [c_void_p, c_void_p]
        ext.XShmGetImage.argtypes = [c_void_p, c_ulong, c_void_p, c_int, c_int, c_ulong]

    def _watch(self) -> None:
        event_base, error_base = c_int(), c_int()
        found = self._damage_library.XDamageQueryExtension(
            self._display, byref(event_base), byref(error_base)
        )
        if not found or not self._ext.XShmQueryExtension(self._display):
            raise NoDisplay("the display has no damage or shared memory extension")
        self._damage_event = event_base.value
        self._x.XSelectInput(self._display, self._root, STRUCTURE_NOTIFY_MASK)
        self._damage = self._damage_library.XDamageCreate(
            self._display, self._root, REPORT_NON_EMPTY
        )
        self._x.XFlush(self._display)

    def _size(self) -> tuple[int, int]:
        root, x, y, width, height, border, depth = (
            c_ulong(), c_int(), c_int(), c_uint(), c_uint(), c_uint(), c_uint(),
        )  # fmt: skip
        self._x.XGetGeometry(
            self._display, self._root, byref(root), byref(x), byref(y),
            byref(width), byref(height), byref(border), byref(depth),
        )  # fmt: skip
        return width.value, height.value

    def read_events(self) -> bool:
        """Take what the server said: whether something was drawn. Sizes are kept up to date."""
        drawn = False
        while self._x.XPending(self._display):
            self._x.XNextEvent(self._display, byref(self._event))
            if self._event.type == self._damage_event:
                drawn = True
            elif self._event.type == CONFIGURE_NOTIFY:
                configure = self._event.configure
                self.width_px, self.height_px = configure.width, configure.height
                drawn = True
        return drawn

    def forget_damage(self) -> None:
        """Start collecting damage anew: call it before the pixels are read, so none is missed."""
        self._damage_library.XDamageSubtract(self._display, self._damage, 0, 0)

    def new_picture(self) -> Picture:
        """Give room for one picture of the root window as large as it is now."""
        return Picture(
            self._x, self._ext, self._display, self._root, self.width_px, self.height_px
        )


class Picture:
    """The root window's pixels, in memory shared with the X server: BGRx, no padding.

    Raises:
        NoDisplay: no shared memory was to be had.
    """

    def __init__(
        self,
        x: ctypes.CDLL,
        ext: ctypes.CDLL,
        display: int,
        root: int,
        width_px: int,
        height_px: int,
    ) -> None:
        self._ext, self._display, self._root = ext, display, root
        self.width_px, self.height_px = width_px, height_px
        self._segment = _ShmSegment()
        self._image = ext.XShmCreateImage(
            display, x.XDefaultVisual(display, 0), 24, Z_PIXMAP, None, byref(self._segment),
            width_px, height_px,
        )  # fmt: skip
        self.size_bytes = self._image.contents.bytes_per_line * height_px
        self._attach(x)

    def _attach(self, x: ctypes.CDLL) -> None:
        libc = ctypes.CDLL(None, use_errno=True)
        libc.shmat.restype, libc.shmat.argtypes = c_void_p, [c_int, c_void_p, c_int]
        shmid = libc.shmget(IPC_PRIVATE, ctypes.c_size_t(self.size_bytes), IPC_CREAT | 0o600)
        if shmid < 0:
            raise NoDisplay("no shared memory")
        self.address: int = libc.shmat(shmid, None, 0)
        self._segment.shmid, self._segment.shmaddr = shmid, self.address
        self._segment.read_only = 0
        self._image.contents.data = self.address
        self._ext.XShmAttach(self._display, byref(self._segment))
        x.XSync(self._display, 0)
        # Both ends are attached: the segment goes with the last of them.
        libc.shmctl(shmid, IPC_RMID, None)
        self._libc = libc

    def read(self) -> bool:
        """Read the pixels as they are now; False: the window is smaller than the picture."""
        return bool(
            self._ext.XShmGetImage(
                self._display, self._root, self._image, 0, 0, c_ulong(ALL_PLANES)
            )
        )

    def close(self) -> None:
        """Give the memory back."""
        self._ext.XShmDetach(self._display, byref(self._segment))
        self._libc.shmdt(c_void_p(self.address))
