"""What /proc says of processes. A process is named by pid and start time: pids come again."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from pathlib import Path


def start_time(pid: int) -> int:
    """Clock ticks since boot at which a process started; 0 when there is none."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(errors="replace")
    except OSError:
        return 0
    # The program's name, in parentheses, may itself hold blanks and parentheses.
    return int(stat.rpartition(")")[2].split()[19])


def children_of(pid: int) -> tuple[int, ...]:
    """The pids of a process's children; none when it is gone."""
    try:
        return tuple(map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split()))
    except OSError:
        return ()


def uids_in_use() -> frozenset[int]:
    """The real uids of all processes."""
    found = set()
    for entry in os.scandir("/proc"):
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                found.add(entry.stat().st_uid)
    return frozenset(found)


def kill_same(pid: int, started: int) -> bool:
    """Kill a process if it is still the one that started then; say whether it was."""
    try:
        descriptor = os.pidfd_open(pid)
    except OSError:
        return False
    try:
        # The descriptor pins the process, so what is compared now cannot change before the kill.
        if start_time(pid) != started:
            return False
        signal.pidfd_send_signal(descriptor, signal.SIGKILL)
    except OSError:
        return False
    finally:
        os.close(descriptor)
    return True


async def wait_for_end(descriptor: int) -> None:
    """Wait until the process of a pidfd has ended.

    Of a pid namespace's first process: until every process in there has.
    """
    await readable(descriptor)


async def readable(descriptor: int) -> None:
    """Wait until a descriptor can be read."""
    loop = asyncio.get_running_loop()
    ready = asyncio.Event()
    loop.add_reader(descriptor, ready.set)
    try:
        await ready.wait()
    finally:
        loop.remove_reader(descriptor)
