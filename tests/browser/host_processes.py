"""The processes of one server on this host, found as an administrator would find them."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

from fanlight.testing.server import RunningServer


def keeper(server: RunningServer) -> int:
    """Give the keeper's process id: it is the parent of whatever it recorded."""
    recorded = json.loads((server.data / "run" / "processes.json").read_text())
    return _parents()[recorded[0][0]]


def family(server: RunningServer) -> dict[int, str]:
    """Give the keeper and everything below it: process ids and command lines."""
    return {pid: command_of(pid) for pid in below(keeper(server))}


def below(root: int) -> list[int]:
    """Give a process and its descendants."""
    parents = _parents()
    found = [root]
    for pid in found:
        found += [child for child, parent in parents.items() if parent == pid]
    return found


def gateway(server: RunningServer) -> int:
    """Give the gateway's process id."""
    return _one(server, "gateway.pyz")


def guest(server: RunningServer) -> int:
    """Give the agent of the only machine."""
    return _one(server, "guest.pyz --boot-fd", executable="/usr/bin/python3")


def machine_init(server: RunningServer) -> int:
    """Give the first process of the only machine's pid namespace."""
    return _parents()[guest(server)]


def browser(server: RunningServer) -> int:
    """Give the main process of the only machine's Chromium.

    Raises:
        LookupError: there is none at the moment.
    """
    return _one(server, "chromium", executable="/usr/lib/chromium/chromium", without="--type=")


def kill(pid: int) -> None:
    """`kill -9`."""
    os.kill(pid, signal.SIGKILL)


def is_alive(pid: int) -> bool:
    """Whether it runs; a zombie does not."""
    with contextlib.suppress(OSError):
        return _stat(pid)[0] != "Z"
    return False


def command_of(pid: int) -> str:
    """Give its command line; empty when it is gone."""
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    return ""


def wait_until(condition: Callable[[], object], timeout_s: float = 20.0) -> None:
    """Look again and again until it is so.

    Raises:
        AssertionError: it never was.
    """
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "it did not come to be in time"
        time.sleep(0.02)


def _one(server: RunningServer, words: str, *, executable: str = "", without: str = "") -> int:
    for pid, command in family(server).items():
        if not is_alive(pid) or words not in command or not command.startswith(executable):
            continue
        if not without or without not in command:
            return pid
    raise LookupError(words)


def _parents() -> dict[int, int]:
    found = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                found[int(entry.name)] = int(_stat(int(entry.name))[1])
    return found


def _stat(pid: int) -> list[str]:
    """The fields after the command's name: state, parent, ..."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
