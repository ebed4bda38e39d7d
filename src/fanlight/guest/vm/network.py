"""The network of a virtual machine: loopback, and the host at the other end of a cable.

There is no route to anywhere else, and no resolver. By ioctl (netdevice(7)), as no tool is needed.
"""

from __future__ import annotations

import fcntl
import ipaddress
import socket
import struct

from fanlight.wire.places import VM, VM_PREFIX

CABLE = "eth0"
_SIOCSIFFLAGS, _SIOCSIFADDR, _SIOCSIFNETMASK, _SIOCSIFHWADDR = 0x8914, 0x8916, 0x891C, 0x8924
_IFF_UP = 1
_ARPHRD_ETHER = 1


def bring_up() -> None:
    """Give loopback and cable their addresses.

    Raises:
        OSError: there is no cable.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        _set_flags(control, "lo", _IFF_UP)
        mask = str(ipaddress.ip_network((0, VM_PREFIX)).netmask)
        fcntl.ioctl(control, _SIOCSIFADDR, _address_request(CABLE, VM.guest))
        fcntl.ioctl(control, _SIOCSIFNETMASK, _address_request(CABLE, mask))
        _set_flags(control, CABLE, _IFF_UP)


def set_mac(mac: str) -> None:
    """Give the cable's end another hardware address; its IP address stays.

    Raises:
        OSError: the kernel refuses it.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        _set_flags(control, CABLE, 0)
        request = struct.pack("16sH6s8x", CABLE.encode(), _ARPHRD_ETHER, mac_bytes(mac))
        fcntl.ioctl(control, _SIOCSIFHWADDR, request)
        _set_flags(control, CABLE, _IFF_UP)


def mac_bytes(mac: str) -> bytes:
    """Read six hex octets with colons.

    Raises:
        ValueError: that is not what it is.
    """
    octets = bytes.fromhex(mac.replace(":", ""))
    if len(octets) != 6 or mac.count(":") != 5:
        raise ValueError("no hardware address")
    return octets


def _set_flags(control: socket.socket, name: str, flags: int) -> None:
    fcntl.ioctl(control, _SIOCSIFFLAGS, struct.pack("16sH22x", name.encode(), flags))


def _address_request(name: str, address: str) -> bytes:
    packed = socket.inet_aton(address)
    return struct.pack("16sHH4s16x", name.encode(), socket.AF_INET, 0, packed)
