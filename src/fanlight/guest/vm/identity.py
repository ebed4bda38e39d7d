"""What no two machines share, taken on after every start, restore and resume.

Debian's cloud kernel has no driver for the generation id of a restored machine, so nothing of this
happens by itself.
"""

from __future__ import annotations

import base64
import binascii
import fcntl
import os
import re
import socket
import struct
import time

from fanlight.wire import IdentifyVm

from .mounts import IDENTITY_DIR
from .network import set_mac

_RNDADDENTROPY, _RNDRESEEDCRNG = 0x40085203, 0x5207
"""random(4); linux/random.h."""
_MACHINE_ID = re.compile("[0-9a-f]{32}")


class NotIdentified(Exception):
    """An identity that cannot be taken on; the message says which part."""


def take_on(said: IdentifyVm) -> None:
    """Be this machine from now on. As root.

    Raises:
        NotIdentified: a part of it could not be done.
    """
    try:
        _stir(base64.b64decode(said.seed_b64, validate=True))
        time.clock_settime(time.CLOCK_REALTIME, said.time_s)
        socket.sethostname(said.hostname)
        _write("hostname", said.hostname)
        if not _MACHINE_ID.fullmatch(said.machine_id):
            raise NotIdentified("no machine id")
        _write("machine-id", said.machine_id)
        set_mac(said.mac)
    except (OSError, ValueError, binascii.Error) as error:
        raise NotIdentified(str(error)) from None


def _stir(seed: bytes) -> None:
    """Mix the seed in, counted as entropy, and have the kernel's generator begin afresh."""
    request = struct.pack("ii", len(seed) * 8, len(seed)) + seed
    descriptor = os.open("/dev/urandom", os.O_WRONLY | os.O_CLOEXEC)
    try:
        fcntl.ioctl(descriptor, _RNDADDENTROPY, request)
        fcntl.ioctl(descriptor, _RNDRESEEDCRNG)
    finally:
        os.close(descriptor)


def _write(name: str, text: str) -> None:
    part = IDENTITY_DIR / f"{name}.part"
    part.write_text(f"{text}\n")
    part.chmod(0o444)
    part.replace(IDENTITY_DIR / name)
