"""A snapshot's memory as every machine may open it and none can change it.

QEMU 7.2 opens the file of a machine's memory for writing, also when it maps it privately, so the
file itself would let one machine write into all others. A memfd sealed against writing can be
opened like that by any uid; a private mapping of it works, a write or a shared mapping is refused
by the kernel (memfd_create(2); measured with Linux 6.1).
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

_F_ADD_SEALS = 1033
_SEALS = 0x1 | 0x2 | 0x4 | 0x8
"""No more seals, no shrinking, growing or writing (linux/fcntl.h)."""
_PIECE = 16 << 20


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

    def close(self) -> None:
        """Give the memory back once no machine maps it any more."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


def _copy(source: Path, target: int) -> None:
    with source.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        os.ftruncate(target, size)
        at = 0
        while at < size:
            try:
                start = os.lseek(file.fileno(), at, os.SEEK_DATA)
            except OSError:  # nothing but a hole is left
                return
            at = os.lseek(file.fileno(), start, os.SEEK_HOLE)
            os.lseek(target, start, os.SEEK_SET)
            while start < at:
                start += os.sendfile(target, file.fileno(), start, min(at - start, _PIECE))
