"""Network namespaces without names, and the devices in them.

A namespace lives as long as a descriptor of this process holds it or a process runs in it. So
nothing has to be cleaned up after a process that was killed: no name, no mount, no device.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import struct
import subprocess
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import TypeVar

CLONE_NEWNET = 0x40000000
TUNSETIFF = 0x400454CA
IFF_TUN, IFF_NO_PI = 0x0001, 0x1000
TUN_QUEUE_PACKETS = 2000
"""More than the kernel's 500, so that a burst waits for the emulator instead of being lost."""

_LIBC = ctypes.CDLL(None, use_errno=True)
_Result = TypeVar("_Result")


class Namespace:
    """A new network namespace, closed on exit. Only root may make one.

    Raises:
        PermissionError: we are not root.
    """

    def __init__(self) -> None:
        self._descriptor = in_a_thread(_new_namespace)
        self.run("ip", "link", "set", "lo", "up")

    def __enter__(self) -> Namespace:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        os.close(self._descriptor)

    @property
    def path(self) -> str:
        """Where other programs find it, as long as this process holds it."""
        return f"/proc/{os.getpid()}/fd/{self._descriptor}"

    @property
    def within(self) -> tuple[str, ...]:
        """Put before a command, it runs in here; the process stays the same."""
        return ("nsenter", f"--net={self.path}", "--")

    def run(self, *command: str, stdin: str = "") -> str:
        """Run a command in here and give what it printed.

        Raises:
            RuntimeError: it failed; the message has what it said.
        """
        done = subprocess.run(
            [*self.within, *command], input=stdin, capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise RuntimeError(f"{' '.join(command)}: {done.stderr.strip()}")
        return done.stdout

    def call(self, function: Callable[[], _Result]) -> _Result:
        """Give what a function gives in here: sockets made by it stay in this namespace."""

        def entered() -> _Result:
            _check(_LIBC.setns(self._descriptor, CLONE_NEWNET))
            return function()

        return in_a_thread(entered)

    def tun(self, name: str = "tun0") -> int:
        """Make a TUN device (IP packets, no header) and give its descriptor."""
        device = self.call(lambda: _open_tun(name))
        # Without an address that nobody asked for, the only packets are those of the tests.
        self.run("ip", "link", "set", name, "addrgenmode", "none")
        self.run("ip", "link", "set", name, "up", "txqueuelen", str(TUN_QUEUE_PACKETS))
        return device

    def join(self, other: Namespace, here: str, there: str) -> None:
        """Lay a cable: a pair of devices, one in each namespace, up."""
        self.run("ip", "link", "add", here, "type", "veth", "peer", "name", there,
                 "netns", other.path)  # fmt: skip
        self.run("ip", "link", "set", here, "up")
        other.run("ip", "link", "set", there, "up")

    def address(self, device: str, *addresses: str) -> None:
        """Give a device addresses, with their prefix. IPv6 ones are used at once."""
        for address in addresses:
            more = ("nodad",) if ":" in address else ()
            self.run("ip", "addr", "add", address, "dev", device, *more)

    def route(self, *route: str) -> None:
        """Add a route: `default`, `dev`, `tun0`."""
        family = "-6" if any(":" in word for word in route) else "-4"
        self.run("ip", family, "route", "add", *route)

    def forward(self) -> None:
        """Let it forward packets, as routers do."""
        self.run("sysctl", "-qw", "net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1")


def in_a_thread(function: Callable[[], _Result]) -> _Result:
    """Give what a function gives in a thread of its own, whose namespace it may change."""
    with ThreadPoolExecutor(max_workers=1) as thread:
        return thread.submit(function).result()


def _new_namespace() -> int:
    _check(_LIBC.unshare(CLONE_NEWNET))
    return os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)


def _open_tun(name: str) -> int:
    device = os.open("/dev/net/tun", os.O_RDWR | os.O_CLOEXEC)
    fcntl.ioctl(device, TUNSETIFF, struct.pack("16sH22x", name.encode(), IFF_TUN | IFF_NO_PI))
    return device


def _check(status: int) -> None:
    if status:
        number = ctypes.get_errno()
        raise OSError(number, f"no network namespace: {os.strerror(number)}")
