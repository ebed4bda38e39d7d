"""What is left on the host and belongs to no machine, found and removed while the keeper runs.

A machine removes what is its own. What stays all the same: the directory of a machine whose
controller was killed before it asked for the rest, a control group whose processes took their time
to die, a process whose parent was killed and that became the keeper's. `leftovers` is for what a
former keeper left.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import shutil
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from fanlight.wire import OrphansRemoved

from .cgroups import Cgroups
from .layout import Layout
from .processes import children_of, kill_same, start_time

log = logging.getLogger(__name__)

Kind = Literal["directory", "control group", "process"]


@dataclass(frozen=True, slots=True)
class Orphan:
    """One thing that is nobody's. `started` is a process's, as pids come again."""

    kind: Kind
    name: str
    started: int = 0


@dataclass(frozen=True, slots=True)
class Owned:
    """What belongs to somebody: machines by every name they had, and spawned processes."""

    machines: frozenset[str]
    pids: frozenset[int]


class Sweep:
    """Looks again and again; removes what was nobody's twice in a row.

    Once is not enough: a provider makes a machine's directory a moment before the keeper hears of
    the machine, and a process is spawned a moment before it is known.
    """

    def __init__(
        self, layout: Layout, cgroups: Cgroups | None, owned: Callable[[], Owned]
    ) -> None:
        self._layout, self._cgroups, self._owned = layout, cgroups, owned
        self._seen: frozenset[Orphan] = frozenset()

    async def run(self, every_s: float, tell: Callable[[OrphansRemoved], None]) -> None:
        """Sweep every so many seconds until cancelled, and tell what was removed, if anything."""
        while True:
            await asyncio.sleep(every_s)
            if removed := self.sweep():
                tell(counted(removed))

    def sweep(self) -> tuple[Orphan, ...]:
        """Look once; give what was removed."""
        found = frozenset(self._find(self._owned()))
        ripe = found & self._seen
        removed = tuple(each for each in ripe if self._remove(each))
        self._seen = found - ripe
        return removed

    def _find(self, owned: Owned) -> Iterable[Orphan]:
        for directory in _entries(self._layout.machines):
            if directory.name not in owned.machines:
                yield Orphan("directory", directory.name)
        if self._cgroups:
            for name in self._cgroups.names() - owned.machines:
                yield Orphan("control group", name)
        for pid in children_of(os.getpid()):
            if pid not in owned.pids:
                yield Orphan("process", str(pid), start_time(pid))

    def _remove(self, orphan: Orphan) -> bool:
        """Remove it; say whether it is gone, or was killed."""
        match orphan.kind:
            case "directory":
                path = self._layout.machines / orphan.name
                with contextlib.suppress(OSError):
                    shutil.rmtree(path)
                is_gone = not path.exists()
            case "control group":
                is_gone = self._cgroups is not None and self._cgroups.remove_one(orphan.name)
            case "process":
                is_gone = kill_same(int(orphan.name), orphan.started)
        log.warning(
            "%s %s belongs to no machine: %s",
            orphan.kind,
            orphan.name,
            "removed" if is_gone else "it cannot be removed yet",
        )
        return is_gone


def counted(removed: Iterable[Orphan]) -> OrphansRemoved:
    """Say how many of each kind were removed."""
    count = Counter(each.kind for each in removed)
    return OrphansRemoved(count["directory"], count["control group"], count["process"])


def _entries(directory: Path) -> list[Path]:
    try:
        return list(directory.iterdir())
    except OSError:
        return []
