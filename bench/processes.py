"""A server's machines as processes of this host: which they are, and what they use."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path

TICKS_PER_S = os.sysconf("SC_CLK_TCK")


def command_lines() -> Iterator[tuple[int, str]]:
    """Yield every process with its command line."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                line = (entry / "cmdline").read_bytes().replace(b"\0", b" ")
                yield int(entry.name), line.decode(errors="replace")


def find(*words: str) -> list[int]:
    """Give the processes in whose command line all of these are."""
    return [pid for pid, line in command_lines() if all(word in line for word in words)]


def parent_of(pid: int) -> int:
    """Give the process's parent; 0: it is gone."""
    with contextlib.suppress(OSError, IndexError):
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    return 0


def ancestors(pid: int) -> Iterator[int]:
    """Yield the process's parent, and so on."""
    while (pid := parent_of(pid)) > 1:
        yield pid


def family(*roots: int) -> set[int]:
    """Give processes, and all below them."""
    pids = [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]
    return {pid for pid in pids if pid in roots or set(ancestors(pid)) & set(roots)}


def machine_of(data: Path, session: str) -> list[int]:
    """Give the outermost process of a session's machine; none: there is no machine."""
    path = next((data / "store").glob("*.db"))
    with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as store:
        row = store.execute("select machine_ref from sessions where id = ?", (session,)).fetchone()
    return find(f"/run/m/{row[0] if row else '?'}", "bwrap")[:1]


def memory_mib(pids: set[int]) -> float:
    """What these processes hold: their own, and their part of what they share (PSS)."""
    total = 0
    for pid in pids:
        with contextlib.suppress(OSError, StopIteration):
            lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
            total += int(next(line for line in lines if line.startswith("Pss:")).split()[1])
    return total / 1024


def cpu_s(pids: set[int]) -> float:
    """The processor time that these processes have used so far, in seconds."""
    total = 0
    for pid in pids:
        with contextlib.suppress(OSError, IndexError):
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            total += int(fields[11]) + int(fields[12])
    return total / TICKS_PER_S
