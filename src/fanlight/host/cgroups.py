"""Memory, process and CPU limits by control groups, version 1 and 2, where the host lets us.

A keeper has one group (`fanlight-NAME`) for each controller that it can use, and one below it for
each machine. Where nothing can be made, `find_cgroups` gives none and the caller says so.
"""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

log = logging.getLogger(__name__)

ROOT = Path("/sys/fs/cgroup")
MIB = 1 << 20
CONTROLLERS = ("memory", "pids", "cpu")
MEMORY_LIMIT = {1: "memory.limit_in_bytes", 2: "memory.max"}
OOM_COUNT = {1: "memory.oom_control", 2: "memory.events"}
"""Where `oom_kill N` stands: processes killed as the memory was full."""
CPU_PERIOD_US = 100_000
WEIGHT = {1: ("cpu.shares", 512), 2: ("cpu.weight", 50)}
"""All machines together weigh half of one process outside, so that gateway and controller win when
the processors are all busy. Among each other machines weigh the same."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a machine may use at most; 0 is no limit."""

    memory_mib: int = 0
    pids: int = 0
    cpus: float = 0.0
    """Processors' worth of time."""


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

    def out_of_memory(self) -> int:
        """How many processes in there were killed because the memory was full."""
        for directory in self.directories:
            for name in OOM_COUNT.values():
                with contextlib.suppress(OSError):
                    if found := _field(directory / name, "oom_kill"):
                        return found
        return 0

    def remove(self) -> None:
        """Remove the groups, which must be empty."""
        for each in self.directories:
            with contextlib.suppress(FileNotFoundError):
                each.rmdir()


@dataclass(frozen=True, slots=True)
class Cgroups:
    """The keeper's groups, by the controllers that can be used."""

    version: int
    groups: Mapping[str, Path]

    def make(self, ref: str, limits: Limits) -> Cgroup:
        """Make a machine's groups with its limits.

        Raises:
            OSError: the host refuses after all.
        """
        for controller, files in self._files(limits).items():
            if controller in self.groups:
                _make_limited(self.groups[controller] / ref, files)
        parents = set(self.groups.values())
        made = sorted(each / ref for each in parents if (each / ref).is_dir())
        if self.version == 2 and made and limits.memory_mib:
            with contextlib.suppress(OSError):  # no swap accounting on this host
                (made[0] / "memory.swap.max").write_text("0")
        return Cgroup(tuple(made))

    def _files(self, limits: Limits) -> dict[str, dict[str, str]]:
        wanted: dict[str, dict[str, str]] = {"cpu": {}}
        if limits.memory_mib:
            wanted["memory"] = {MEMORY_LIMIT[self.version]: str(limits.memory_mib * MIB)}
        if limits.pids:
            wanted["pids"] = {"pids.max": str(limits.pids)}
        if limits.cpus:
            quota = max(1000, round(limits.cpus * CPU_PERIOD_US))  # the kernel's least: 1 ms
            wanted["cpu"] = (
                {"cpu.cfs_period_us": str(CPU_PERIOD_US), "cpu.cfs_quota_us": str(quota)}
                if self.version == 1
                else {"cpu.max": f"{quota} {CPU_PERIOD_US}"}
            )
        return wanted

    def names(self) -> frozenset[str]:
        """The names of the machines' groups that there are."""
        found = (_iterate(parent) for parent in set(self.groups.values()))
        return frozenset(each.name for group in found for each in group if each.is_dir())

    def remove_one(self, name: str) -> bool:
        """Kill what is in a machine's groups and remove them; say whether they are gone."""
        groups = [parent / name for parent in set(self.groups.values())]
        for each in groups:
            _kill_all(each)
            with contextlib.suppress(OSError):
                each.rmdir()
        return not any(each.exists() for each in groups)

    def remove(self) -> None:
        """Remove the keeper's groups and what is left below them, killing what is in there."""
        for name in self.names():
            self.remove_one(name)
        for parent in set(self.groups.values()):
            with contextlib.suppress(OSError):
                parent.rmdir()


def find_cgroups(name: str) -> Cgroups | None:
    """Give the groups of a keeper of this name, made if need be; None where none can be made."""
    own = _own_paths()
    found = {each: _make_v1(each, own.get(each, "/"), name) for each in CONTROLLERS}
    first = {each: path for each, path in found.items() if path}
    if first:
        return _weighed(Cgroups(1, first))
    for base in (ROOT / own.get("", "/").lstrip("/"), ROOT):
        if made := _make_v2(base, name):
            return _weighed(made)
    return None


def _weighed(cgroups: Cgroups) -> Cgroups:
    name, weight = WEIGHT[cgroups.version]
    if "cpu" in cgroups.groups:
        with contextlib.suppress(OSError):  # then machines weigh as much as anybody
            (cgroups.groups["cpu"] / name).write_text(str(weight))
    return cgroups


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
        wanted = set(CONTROLLERS) & set((base / "cgroup.controllers").read_text().split())
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
    return Cgroups(2, dict.fromkeys(sorted(wanted), group)) if wanted else None


def _make_limited(directory: Path, files: Mapping[str, str]) -> None:
    directory.mkdir(exist_ok=True)
    for name, value in files.items():
        (directory / name).write_text(value)


def _field(file: Path, name: str) -> int:
    words = dict(line.split(maxsplit=1) for line in file.read_text().splitlines() if " " in line)
    return int(words.get(name, 0))


def _kill_all(directory: Path) -> None:
    for pid in Cgroup((directory,)).pids():
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, 9)


def _iterate(directory: Path) -> list[Path]:
    try:
        return list(directory.iterdir())
    except OSError:
        return []
