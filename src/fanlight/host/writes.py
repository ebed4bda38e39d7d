"""Notices a machine that writes in its directory, which is on the host's disk.

Only sockets belong there, and binding one writes nothing. Whatever else a guest does there would
fill the host's disk in the end, also through a file that it has already unlinked; inotify(7) sees
those writes too, and needs no right that an ordinary user lacks.
"""

from __future__ import annotations

import asyncio
import ctypes
import os
import struct
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from fanlight.wire import MachineRef

IN_MODIFY, IN_ATTRIB, IN_MOVED_TO, IN_CREATE = 0x2, 0x4, 0x80, 0x100
IN_ONLYDIR, IN_DONT_FOLLOW, IN_ISDIR = 0x01000000, 0x02000000, 0x40000000
WATCHED = IN_MODIFY | IN_ATTRIB | IN_MOVED_TO | IN_CREATE | IN_ONLYDIR | IN_DONT_FOLLOW
HEADER = struct.Struct("=iIII")
READ_BYTES = 65_536
MOST_CHANGES = 256
"""Names made and modes changed in a machine's life. A desktop makes about ten."""

_libc = ctypes.CDLL(None, use_errno=True)


class WriteWatch:
    """Watches machines' directories; `on_write` hears of a machine that is to be destroyed."""

    def __init__(self, on_write: Callable[[MachineRef], None]) -> None:
        self._on_write = on_write
        self._machines: dict[int, MachineRef] = {}
        self._changes: Counter[int] = Counter()
        self._inotify = -1

    def add(self, machine: MachineRef, directory: Path) -> None:
        """Watch a machine's directory.

        Raises:
            OSError: the host allows no more watches (fs.inotify.* of sysctl).
        """
        if self._inotify < 0:
            self._inotify = _checked(_libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC))
            asyncio.get_running_loop().add_reader(self._inotify, self._read)
        path = os.fsencode(directory)
        watch = _checked(_libc.inotify_add_watch(self._inotify, path, WATCHED))
        self._machines[watch] = machine

    def rename(self, machine: MachineRef, to: MachineRef) -> None:
        """A machine is called otherwise from now on; the watch follows its directory by itself."""
        for watch, ref in self._machines.items():
            if ref == machine:
                self._machines[watch] = to

    def remove(self, machine: MachineRef) -> None:
        """Watch a machine no longer."""
        for watch in [each for each, ref in self._machines.items() if ref == machine]:
            _libc.inotify_rm_watch(self._inotify, watch)
            del self._machines[watch]
            del self._changes[watch]

    def close(self) -> None:
        """Watch nothing any longer."""
        if self._inotify >= 0:
            asyncio.get_running_loop().remove_reader(self._inotify)
            os.close(self._inotify)
            self._inotify = -1

    def _read(self) -> None:
        try:
            data = os.read(self._inotify, READ_BYTES)
        except BlockingIOError:
            return
        at = 0
        while at < len(data):
            watch, mask, _, length = HEADER.unpack_from(data, at)
            at += HEADER.size + length
            self._changes[watch] += 1
            makes_directory = mask & IN_ISDIR and mask & (IN_CREATE | IN_MOVED_TO)
            too_much = self._changes[watch] > MOST_CHANGES
            if (mask & IN_MODIFY or makes_directory or too_much) and watch in self._machines:
                self._on_write(self._machines[watch])


def _checked(result: int) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result
