"""Snapshots of a desktop that has come up: where they are, whole or not at all."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path

from fanlight.image import Image

from .vm_argv import VmShape

MANIFEST, MEMORY, STATE = "manifest.json", "memory", "state"
_MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A whole one. `memory` is mapped by every machine, `state` read by it."""

    directory: Path

    @property
    def memory(self) -> Path:
        """The machine's memory, with holes where it was never written."""
        return self.directory / MEMORY

    @property
    def state(self) -> Path:
        """The devices' state."""
        return self.directory / STATE


class SnapshotStore:
    """The snapshots of a data directory. Blocks: use a thread."""

    def __init__(self, data: Path) -> None:
        self._directory = data / "snapshots"

    def find(self, key: str) -> Snapshot | None:
        """Give the snapshot of a key, if it is there and whole."""
        directory = self._directory / key
        try:
            sizes = json.loads((directory / MANIFEST).read_text())["bytes"]
            is_whole = all((directory / n).stat().st_size == size for n, size in sizes.items())
        except (OSError, ValueError, KeyError, AttributeError):
            return None
        return Snapshot(directory) if is_whole else None

    def begin(self, key: str, memory_mib: int, uid: int) -> Path:
        """Make the directory in which the machine of `uid` writes a new one."""
        part = self._part(key)
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir(parents=True, mode=0o700)
        with (part / MEMORY).open("wb") as memory:
            os.truncate(memory.fileno(), memory_mib * _MIB)
        if os.geteuid() == 0:
            for path in (part, part / MEMORY):
                os.chown(path, uid, uid)
        return part

    def finish(self, key: str, about: dict[str, object]) -> Snapshot:
        """Take what was written as a snapshot: nobody else can write it from now on.

        Raises:
            OSError: something is missing.
        """
        part = self._part(key)
        for path, mode in ((part, 0o755), (part / MEMORY, 0o600), (part / STATE, 0o644)):
            if os.geteuid() == 0:
                os.chown(path, 0, 0)
            path.chmod(mode)
        sizes = {name: (part / name).stat().st_size for name in (MEMORY, STATE)}
        (part / MANIFEST).write_text(json.dumps({**about, "bytes": sizes}, indent=1) + "\n")
        target = self._directory / key
        shutil.rmtree(target, ignore_errors=True)
        part.rename(target)
        return Snapshot(target)

    def give_up(self, key: str) -> None:
        """Remove what was begun."""
        shutil.rmtree(self._part(key), ignore_errors=True)

    def prune(self, keep: set[str]) -> list[str]:
        """Remove all but these; give their names. Machines that run have theirs open."""
        removed = []
        for directory in self._directory.glob("*/"):
            if directory.name not in keep and not directory.name.endswith(".part"):
                shutil.rmtree(directory, ignore_errors=True)
                removed.append(directory.name)
        return removed

    def _part(self, key: str) -> Path:
        return self._directory / f"{key}.part"


def key_of(image: Image, shape: VmShape, made_with: str) -> str:
    """Name the snapshot of an image, a shape, and what QEMU and ours are: 16 hex digits."""
    parts = (image.name, asdict(shape), made_with)
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]
