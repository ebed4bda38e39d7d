"""Device nodes that a machine's uid may open, where the host's own are root's alone."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from fanlight.errors import HostError


def node_for_machines(device: Path, directory: Path) -> Path:
    """Give a node of `device` that any uid may open: the host's own, or one of ours.

    As root a node is made in `directory`. Whoever opens /dev/net/tun can do nothing with it
    outside a network namespace of their own; Debian's is open to all.

    Raises:
        HostError: the host has no such device, or it is not for us.
    """
    try:
        found = device.stat()
    except OSError:
        raise HostError(f"this host has no {device}", hint="Load its kernel module.") from None
    if os.geteuid() != 0:
        if os.access(device, os.R_OK | os.W_OK):
            return device
        raise HostError(f"{device} is not for this user", hint=f"chmod o+rw {device}, as root.")
    node = directory / device.name
    directory.mkdir(mode=0o755, exist_ok=True)
    if not node.exists():
        before = os.umask(0)
        try:
            os.mknod(node, stat.S_IFCHR | 0o666, found.st_rdev)
        except FileExistsError:
            pass  # somebody else was first: theirs is the same
        finally:
            os.umask(before)
    return node
