"""A machine's boot hand-over: four descriptors, once, checked one by one.

The other end runs our own boot step, but nothing here depends on that: what arrives is taken for
what it is proved to be. A guest could at worst hand over sockets of its own namespace.
"""

from __future__ import annotations

import array
import asyncio
import contextlib
import os
import socket
import stat
from dataclasses import dataclass

from fanlight.errors import MachineRefused
from fanlight.wire.places import Address, Place, place_of

from .processes import readable

GREETING = b"fanlight-boot 1"
COUNT = 4
MOST_DESCRIPTORS = 16
"""Room for more than are wanted, so that too many are seen as such."""


@dataclass(frozen=True, slots=True)
class BootDescriptors:
    """A machine's sockets, held by the keeper for as long as the machine lives."""

    rtp: socket.socket
    rtcp: socket.socket
    egress: socket.socket
    control: socket.socket

    def close(self) -> None:
        """Close the keeper's copies."""
        for each in (self.rtp, self.rtcp, self.egress, self.control):
            each.close()


async def receive_boot(boot: socket.socket) -> BootDescriptors:
    """Take the hand-over of one machine and check it.

    Raises:
        MachineRefused: it is none, or not as it must be; every descriptor is closed.
    """
    boot.setblocking(False)
    await readable(boot.fileno())
    greeting, descriptors, flags = _receive(boot)
    try:
        if not greeting:
            raise MachineRefused("the machine ended before it handed its sockets over")
        if greeting != GREETING or flags & (socket.MSG_CTRUNC | socket.MSG_TRUNC):
            raise MachineRefused("the machine's boot hand-over is not one")
        if len(descriptors) != COUNT:
            raise MachineRefused(f"the machine handed {len(descriptors)} descriptors over, not 4")
        if not all(stat.S_ISSOCK(os.fstat(each).st_mode) for each in descriptors):
            raise MachineRefused("the machine handed over something that is no socket")
    except MachineRefused:
        for each in descriptors:
            os.close(each)
        raise
    return _checked([socket.socket(fileno=each) for each in descriptors])


def _receive(boot: socket.socket) -> tuple[bytes, list[int], int]:
    room = socket.CMSG_SPACE(MOST_DESCRIPTORS * array.array("i").itemsize)
    try:
        data, ancillary, flags, _ = boot.recvmsg(256, room, socket.MSG_CMSG_CLOEXEC)
    except OSError:
        return b"", [], 0
    numbers = array.array("i")
    for level, kind, body in ancillary:
        if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
            numbers.frombytes(body[: len(body) - len(body) % numbers.itemsize])
    return data, list(numbers), flags


def _checked(sockets: list[socket.socket]) -> BootDescriptors:
    rtp, rtcp, egress, control = sockets
    place = _place(rtp)
    wanted = (
        place is not None
        and _is_internet(rtp, socket.SOCK_DGRAM, place.rtp)
        and _is_internet(rtcp, socket.SOCK_DGRAM, place.rtcp)
        and _is_internet(egress, socket.SOCK_STREAM, place.egress)
        and egress.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN) == 1
        and _is_control(control)
        and len({os.fstat(each.fileno()).st_ino for each in sockets}) == COUNT
    )
    if not wanted:
        for each in sockets:
            each.close()
        raise MachineRefused("the machine handed over sockets that are not the four agreed on")
    for each in sockets:
        each.setblocking(False)
    return BootDescriptors(rtp, rtcp, egress, control)


def _place(rtp: socket.socket) -> Place | None:
    with contextlib.suppress(OSError):
        if rtp.family == socket.AF_INET:
            return place_of(rtp.getsockname()[0])
    return None


def _is_internet(each: socket.socket, kind: int, address: Address) -> bool:
    protocol = socket.IPPROTO_UDP if kind == socket.SOCK_DGRAM else socket.IPPROTO_TCP
    with contextlib.suppress(OSError):
        return (
            (each.family, each.type, each.proto) == (socket.AF_INET, kind, protocol)
            and each.getsockname() == address
            and not _is_connected(each)
        )
    return False


def _is_connected(each: socket.socket) -> bool:
    try:
        each.getpeername()
    except OSError:
        return False
    return True


def _is_control(each: socket.socket) -> bool:
    with contextlib.suppress(OSError):
        kind = (each.family, each.type)
        return kind == (socket.AF_UNIX, socket.SOCK_SEQPACKET) and _is_connected(each)
    return False


async def receive_boot_in(boot: socket.socket, timeout_s: float) -> BootDescriptors:
    """As `receive_boot`, within `timeout_s` seconds.

    Raises:
        MachineRefused: it came too late, or is not as it must be.
    """
    try:
        async with asyncio.timeout(timeout_s):
            return await receive_boot(boot)
    except TimeoutError:
        raise MachineRefused(f"the machine handed no sockets over in {timeout_s:g} s") from None
