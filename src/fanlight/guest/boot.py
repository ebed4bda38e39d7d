"""The machine's first step: bind what the host is to hold, hand it over, and never look back.

Imports as little as it can, because the host waits for it.
"""

from __future__ import annotations

import array
import socket

from fanlight.wire.places import SANDBOX, Address

GREETING = b"fanlight-boot 1"
BUFFER_BYTES = 4 << 20
"""Room for the packets of several key frames: a lost packet on this leg cannot be sent again."""
SO_RCVBUFFORCE = 33
_BACKLOG = 256


def hand_over(boot_fd: int) -> socket.socket:
    """Send the host its four descriptors through `boot_fd`, close it, and give our control end.

    Raises:
        OSError: a port is taken, or the host is gone.
    """
    rtp, rtcp = _media(SANDBOX.rtp), _media(SANDBOX.rtcp)
    egress = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    egress.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    egress.bind(SANDBOX.egress)
    egress.listen(_BACKLOG)
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    handed = (rtp, rtcp, egress, theirs)
    numbers = array.array("i", [each.fileno() for each in handed])
    with socket.socket(fileno=boot_fd) as boot:
        boot.sendmsg([GREETING], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, numbers)])
    for each in handed:
        each.close()
    return ours


def _media(address: Address) -> socket.socket:
    bound = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        bound.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, BUFFER_BYTES)
    except PermissionError:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER_BYTES)
    bound.bind(address)
    return bound
