"""What a keeper that was killed leaves, how the next one removes it, and what makes it the next.

Children die with their keeper (PR_SET_PDEATHSIG); this is for the moment that was missed, and for
files, sockets and control groups, which do not die.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import logging
import os
import shutil
from collections.abc import Iterable

from fanlight.errors import KeeperUnavailable

from .cgroups import Cgroups
from .children import Child
from .layout import Layout
from .processes import kill_same

log = logging.getLogger(__name__)


def record_processes(layout: Layout, children: Iterable[Child]) -> None:
    """Write down which processes run, so that the next keeper can find them."""
    part = layout.processes.with_suffix(".part")
    part.write_text(json.dumps([[each.pid, each.start_time] for each in children]))
    part.replace(layout.processes)


def remove_leftovers(layout: Layout, cgroups: Cgroups | None) -> None:
    """Kill and remove what a former keeper of this directory left. Call with the lock held."""
    with contextlib.suppress(FileNotFoundError, ValueError):
        for pid, started in json.loads(layout.processes.read_text()):
            if kill_same(pid, started):
                log.warning("killed process %d of a former keeper", pid)
    for directory in layout.machines.iterdir():
        log.warning("removing machine %s of a former keeper", directory.name)
        shutil.rmtree(directory, ignore_errors=True)
    if cgroups:
        cgroups.remove()
    for socket in (layout.keeper_socket, layout.gateway_socket):
        socket.unlink(missing_ok=True)


def cgroup_name(layout: Layout) -> str:
    """Give the name of this directory's control groups: two keepers never share them."""
    return hashlib.sha256(os.fsencode(layout.data.resolve())).hexdigest()[:12]


def take_lock(layout: Layout) -> int:
    """Give the descriptor that holds the directory's lock, for as long as it is open.

    Raises:
        KeeperUnavailable: another keeper has it.
    """
    descriptor = os.open(layout.lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise KeeperUnavailable(f"{layout.data} has a keeper already") from None
    return descriptor
