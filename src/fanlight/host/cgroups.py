"""Memory and process limits by control groups, version 1 and version 2, where the host lets us.

A keeper has one group (`fanlight-NAME`) for each controller that it can use, and one below it for
each machine. Where nothing can be made, `find_cgroups` gives none and the caller says so.
"""

from __future__ import annotations

import contextlib
import logging
import os
from dataclasses import dataclass
from pathlib import Path

log = logging.getLogger(__name__)

ROOT = Path("/sys/fs/cgroup")
MIB = 1 << 20
MEMORY_LIMIT = {1: "memory.limit_in_bytes", 2: "memory.max"}


@dataclass(frozen=True, slots=True)
class Cgroup:
    """One machine's groups."""

    directories: tuple[Path, ...]

    def entrances(self) -> tuple[int, ...]:
        """Descriptors of the files through which a process enters; the caller's to close."""
        return tuple(
            os.open(each / "cgroup.procs", os.O_WRONLY | os.O_CLOEXEC) for each in self.directories
        )

    def pids(self) -> frozenset[int]:
        """The processes in there."""
        found: set[int] = set()
        for each in self.directories:
            with contextlib.suppress(OSError):
                found |= set(map(int, (each / "cgroup.procs").read_text().split()))
        return frozenset(found)

    def remove(self) -> None:
        """Remove the groups, which must be empty."""
        for each in self.directories:
            with contextlib.suppress(FileNotFoundError):
                each.rmdir()


@dataclass(frozen=True, slots=True)
class Cgroups:
    """The keeper's groups: `memory` and `pids` are where that controller can be used."""

    version: int
    memory: Path | None
    pids: Path | None

    def make(self, ref: str, *, memory_mib: int, pids: int) -> Cgroup:
        """Make a machine's groups with its limits; 0 is no limit.

        Raises:
            OSError: the host refuses after all.
        """
        if self.memory and memory_mib:
            _make_limited(self.memory / ref, MEMORY_LIMIT[self.version], memory_mib * MIB)
        if self.pids and pids:
            _make_limited(self.pids / ref, "pids.max", pids)
        parents = {each for each in (self.memory, self.pids) if each}
        made = sorted(each / ref for each in parents if (each / ref).is_dir())
        if self.version == 2 and made and memory_mib:
            with contextlib.suppress(OSError):  # no swap accounting on this host
                (made[0] / "memory.swap.max").write_text("0")
        return Cgroup(tuple(made))

    def remove(self) -> None:
        """Remove the keeper's groups and what is left below them, killing what is in there."""
        for parent in {each for each in (self.memory, self.pids) if each}:
            for child in [each for each in _iterate(parent) if each.is_dir()]:
                _kill_all(child)
                with contextlib.suppress(OSError):
                    child.rmdir()
            with contextlib.suppress(OSError):
                parent.rmdir()


def find_cgroups(name: str) -> Cgroups | None:
    """Give the groups of a keeper of this name, made if need be; None where none can be made."""
    own = _own_paths()
    first = {
        controller: _make_v1(controller, own.get(controller, "/"), name)
        for controller in ("memory", "pids")
    }
    if any(first.values()):
        return Cgroups(1, first["memory"], first["pids"])
    for base in (ROOT / own.get("", "/").lstrip("/"), ROOT):
        if made := _make_v2(base, name):
            return made
    return None


def _own_paths() -> dict[str, str]:
    """Each controller's path of this process; version 2 is named by nothing (cgroups(7))."""
    paths: dict[str, str] = {}
    for line in Path("/proc/self/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        paths |= dict.fromkeys(controllers.split(","), path)
    return paths


def _make_v1(controller: str, own: str, name: str) -> Path | None:
    mount = ROOT / controller
    for base in (mount / own.lstrip("/"), mount):
        if (base / "cgroup.procs").exists() and (base / "tasks").exists():
            group = base / f"fanlight-{name}"
            try:
                group.mkdir(exist_ok=True)
                if os.access(group / "cgroup.procs", os.W_OK):
                    return group
            except OSError as error:
                log.debug("no group in %s: %s", base, error)
    return None


def _make_v2(base: Path, name: str) -> Cgroups | None:
    group = base / f"fanlight-{name}"
    try:
        wanted = {"memory", "pids"} & set((base / "cgroup.controllers").read_text().split())
        group.mkdir(exist_ok=True)
        for directory in (base, group):
            enabled = set((directory / "cgroup.subtree_control").read_text().split())
            if missing := wanted - enabled:
                text = " ".join(f"+{each}" for each in sorted(missing))
                (directory / "cgroup.subtree_control").write_text(text)
    except OSError as error:
        log.debug("no groups below %s: %s", base, error)
        with contextlib.suppress(OSError):
            group.rmdir()
        return None
    usable = {each: group if each in wanted else None for each in ("memory", "pids")}
    return Cgroups(2, usable["memory"], usable["pids"]) if wanted else None


def _make_limited(directory: Path, file: str, value: int) -> None:
    directory.mkdir(exist_ok=True)
    (directory / file).write_text(str(value))


def _kill_all(directory: Path) -> None:
    for pid in Cgroup((directory,)).pids():
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, 9)


def _iterate(directory: Path) -> list[Path]:
    try:
        return list(directory.iterdir())
    except OSError:
        return []
