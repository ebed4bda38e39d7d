"""The machine's end of its network namespace: tap, media ports, and then no more rights."""

from __future__ import annotations

import array
import ctypes
import fcntl
import ipaddress
import os
import socket
import struct

from fanlight.wire.places import VM, VM_PREFIX, Address

GREETING = b"fanlight-boot 1"
TAP = "tap0"
BUFFER_BYTES = 4 << 20
"""As in a sandbox (guest/boot.py): room for the packets of several key frames."""
_SO_RCVBUFFORCE = 33
_BACKLOG = 256
_TUNSETIFF, _IFF_TAP, _IFF_NO_PI, _IFF_VNET_HDR = 0x400454CA, 0x2, 0x1000, 0x4000
"""linux/if_tun.h."""
_SIOCSIFFLAGS, _SIOCSIFADDR, _SIOCSIFNETMASK, _IFF_UP = 0x8914, 0x8916, 0x891C, 1
_CAPABILITY_VERSION_3 = 0x20080522


def make_tap() -> int:
    """Make the tap with the host's address on it; give its descriptor.

    Raises:
        OSError: /dev/net/tun cannot be used.
    """
    tap = os.open("/dev/net/tun", os.O_RDWR | os.O_CLOEXEC | os.O_NONBLOCK)
    flags = _IFF_TAP | _IFF_NO_PI | _IFF_VNET_HDR
    fcntl.ioctl(tap, _TUNSETIFF, struct.pack("16sH22x", TAP.encode(), flags))
    mask = str(ipaddress.ip_network((0, VM_PREFIX)).netmask)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        fcntl.ioctl(control, _SIOCSIFADDR, _address_request(VM.host))
        fcntl.ioctl(control, _SIOCSIFNETMASK, _address_request(mask))
        fcntl.ioctl(control, _SIOCSIFFLAGS, struct.pack("16sH22x", TAP.encode(), _IFF_UP))
    return tap


def hand_over(boot_fd: int) -> socket.socket:
    """Send the keeper the four descriptors, close `boot_fd`, and give our control end.

    Raises:
        OSError: a port is taken, or the keeper is gone.
    """
    rtp, rtcp = _media(VM.rtp), _media(VM.rtcp)
    egress = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    egress.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    egress.bind(VM.egress)
    egress.listen(_BACKLOG)
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    handed = (rtp, rtcp, egress, theirs)
    numbers = array.array("i", [each.fileno() for each in handed])
    with socket.socket(fileno=boot_fd) as boot:
        boot.sendmsg([GREETING], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, numbers)])
    for each in handed:
        each.close()
    return ours


def give_up_capabilities() -> None:
    """Keep none: the network is made, and what is spawned gets none either.

    Raises:
        OSError: the kernel refuses.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    header = struct.pack("Ii", _CAPABILITY_VERSION_3, 0)
    if libc.capset(header, bytes(24)) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), "capset")


def _media(address: Address) -> socket.socket:
    bound = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        bound.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, BUFFER_BYTES)
    except PermissionError:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER_BYTES)
    bound.bind(address)
    return bound


def _address_request(address: str) -> bytes:
    packed = socket.inet_aton(address)
    return struct.pack("16sHH4s16x", TAP.encode(), socket.AF_INET, 0, packed)
