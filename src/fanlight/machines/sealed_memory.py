"""A snapshot's memory as every machine may open it and none can change it.

QEMU 7.2 opens the file of a machine's memory for writing, also when it maps it privately, so the
file itself would let one machine write into all others. A memfd sealed against writing can be
opened like that by any uid; a private mapping of it works, a write or a shared mapping is refused
by the kernel (memfd_create(2); measured with Linux 6.1).
"""

from __future__ import annotations

import fcntl
import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

_F_ADD_SEALS = 1033
_SEALS = 0x1 | 0x2 | 0x4 | 0x8
"""No more seals, no shrinking, growing or writing (linux/fcntl.h)."""
_PIECE = 16 << 20
_BLOCK = 1 << 20
_NOTHING = bytes(_BLOCK)


class SealedMemory:
    """The copy, for as long as this object is kept. Machines that run keep theirs."""

    def __init__(self, source: Path) -> None:
        """Copy a file, its holes left out. Blocks: use a thread. Takes a second for 1 GB.

        Raises:
            OSError: it cannot be read, or there is no memory.
        """
        self._fd = os.memfd_create("snapshot", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        try:
            _copy(source, self._fd)
            fcntl.fcntl(self._fd, _F_ADD_SEALS, _SEALS)
        except OSError:
            self.close()
            raise

    @property
    def path(self) -> str:
        """Where another process of our uid, or root's, can open it."""
        return f"/proc/{os.getpid()}/fd/{self._fd}"

    @property
    def mib(self) -> int:
        """How much memory it takes, shared by all machines of the snapshot."""
        return os.fstat(self._fd).st_blocks // 2048

    @property
    def sha256(self) -> str:
        """What is in it, as `digest_of` gives it. Blocks as long as copying did."""
        return digest_of(self._fd)

    def close(self) -> None:
        """Give the memory back once no machine maps it any more."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


def digest_of(descriptor: int) -> str:
    """Give a digest of a file that says the same wherever it has holes instead of zeros."""
    size = os.fstat(descriptor).st_size
    digest = hashlib.sha256(size.to_bytes(8))
    done = 0
    for start, end in _extents(descriptor, size):
        for at in range(max(done, start - start % _BLOCK), end, _BLOCK):
            block = os.pread(descriptor, _BLOCK, at)
            if block != _NOTHING[: len(block)]:
                digest.update(at.to_bytes(8) + block)
            done = at + _BLOCK
    return digest.hexdigest()


def _copy(source: Path, target: int) -> None:
    with source.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        os.ftruncate(target, size)
        for start, end in _extents(file.fileno(), size):
            at = os.lseek(target, start, os.SEEK_SET)
            while at < end:
                at += os.sendfile(target, file.fileno(), at, min(end - at, _PIECE))


def _extents(descriptor: int, size: int) -> Iterator[tuple[int, int]]:
    """Give the parts of a file that are no holes."""
    at = 0
    while at < size:
        try:
            start = os.lseek(descriptor, at, os.SEEK_DATA)
        except OSError:  # nothing but a hole is left
            return
        at = os.lseek(descriptor, start, os.SEEK_HOLE)
        yield start, at
