"""Whether this host has room for one more machine: asked before a session is started.

A machine that is made where there is no room takes it from those that run, and the kernel ends
whichever is largest. So the start fails instead, with a reason, and whoever runs is left alone.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

from fanlight.errors import DiskFull, HostFull
from fanlight.machines import memory_room

SPARE_DISK_BYTES = 256 << 20
"""What the store, logs and a tool that is installed may take meanwhile."""

Check = Callable[[Path], None]


def check_room(data: Path) -> None:
    """See that there is room. Looks at /proc and the file system: in well under a millisecond.

    Raises:
        HostFull: the host's memory is nearly full.
        DiskFull: the data directory's file system is.
    """
    if memory_room() == "short":
        raise HostFull("this host's memory is nearly full: no more machines are made")
    free = shutil.disk_usage(data).free
    if free < SPARE_DISK_BYTES:
        raise DiskFull(
            f"{free >> 20} MiB are left in the data directory: no more machines are made"
        )
