"""Snapshots of a desktop that has come up: where they are, whole or not at all.

The machine that a snapshot is of writes it itself, in a directory of its uid's. What it leaves
there is taken as what a hostile machine may have left: nothing is followed, changed or believed
by name.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import stat
from dataclasses import asdict, dataclass
from pathlib import Path

from fanlight.image import Image

from .sealed_memory import digest_of
from .vm_argv import VmShape

MANIFEST, MEMORY, STATE = "manifest.json", "memory", "state"
MOST_STATE_BYTES = 64 << 20
"""The devices' state has half a megabyte."""
_MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A whole one. `memory` is mapped by every machine, `state` read by it."""

    directory: Path
    memory_sha256: str
    """As `digest_of` gives it."""

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
        """Give the snapshot of a key, if it is there and whole.

        Whether its memory is what was written is seen when that is read (`SealedMemory`).
        """
        directory = self._directory / key
        try:
            said = json.loads((directory / MANIFEST).read_text())
            memory, state = (directory / name for name in (MEMORY, STATE))
            is_whole = (
                memory.stat().st_size == said["memory_bytes"]
                and hashlib.sha256(state.read_bytes()).hexdigest() == said["state_sha256"]
            )
            return Snapshot(directory, said["memory_sha256"]) if is_whole else None
        except (OSError, ValueError, KeyError, TypeError):
            return None

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

    def is_written(self, key: str) -> bool:
        """Whether the machine has come to its end: the state is the last that it writes."""
        return os.path.lexists(self._part(key) / STATE)

    def finish(self, key: str, made_of: str) -> Snapshot:
        """Take what was written as a snapshot: nobody else can write it from now on.

        The machine must be gone. Reads all of the memory: seconds.

        Raises:
            OSError: something is missing, or is not what it should be.
        """
        part = self._part(key)
        if os.geteuid() == 0:
            os.chown(part, 0, 0, follow_symlinks=False)
        memory = _taken(part / MEMORY, 0o600)
        try:
            memory_bytes, memory_sha256 = os.fstat(memory).st_size, digest_of(memory)
        finally:
            os.close(memory)
        with open(_taken(part / STATE, 0o644), "rb") as file:
            state = file.read(MOST_STATE_BYTES)
        about = {
            "made_of": made_of,
            "memory_bytes": memory_bytes,
            "memory_sha256": memory_sha256,
            "state_sha256": hashlib.sha256(state).hexdigest(),
        }
        (part / MANIFEST).write_text(json.dumps(about, indent=1) + "\n")
        part.chmod(0o755)
        target = self._directory / key
        shutil.rmtree(target, ignore_errors=True)
        part.rename(target)
        return Snapshot(target, memory_sha256)

    def give_up(self, key: str) -> None:
        """Remove what was begun."""
        shutil.rmtree(self._part(key), ignore_errors=True)

    def remove(self, key: str) -> None:
        """Remove a snapshot. Machines that run have theirs open."""
        shutil.rmtree(self._directory / key, ignore_errors=True)

    def prune(self, made_of: str) -> list[str]:
        """Remove all that were made of something else; give their names."""
        removed = []
        for directory in self._directory.glob("*/"):
            if directory.name.endswith(".part"):
                continue
            said = ""
            with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
                said = json.loads((directory / MANIFEST).read_text())["made_of"]
            if said != made_of:
                shutil.rmtree(directory, ignore_errors=True)
                removed.append(directory.name)
        return removed

    def _part(self, key: str) -> Path:
        return self._directory / f"{key}.part"


def _taken(path: Path, mode: int) -> int:
    """Open a file that a machine has written, and make it ours. Give the descriptor.

    Raises:
        OSError: it is a link, no ordinary file, or has another name elsewhere.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode) or found.st_nlink != 1:
            raise OSError(f"{path.name} is not a file of its own")
        if os.geteuid() == 0:
            os.fchown(descriptor, 0, 0)
        os.fchmod(descriptor, mode)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def made_of(image: Image, made_with: str) -> str:
    """Name what machines are copies of: an image, and what QEMU and ours are."""
    return hashlib.sha256(repr((image.name, made_with)).encode()).hexdigest()[:16]


def key_of(made_of: str, shape: VmShape) -> str:
    """Name the snapshot of a shape: 16 hex digits."""
    return hashlib.sha256(repr((made_of, asdict(shape))).encode()).hexdigest()[:16]
