"""Connecting to a socket in a machine's directory, which the machine itself can change.

A guest may put a symbolic link there, to the keeper's own socket or to Docker's. So nothing is
followed: the file is opened first, is seen to be the machine's own socket, and is connected to by
that descriptor.
"""

from __future__ import annotations

import asyncio
import errno
import os
import stat
from pathlib import Path

DEFAULT_LIMIT = 65_536


async def open_machine_socket(
    path: Path, limit: int = DEFAULT_LIMIT
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Connect to `path`, which must be a socket of the same owner as the directory it is in.

    Raises:
        OSError: it is not there, is something else (ENOTSOCK), or nobody listens.
    """
    descriptor = pinned_socket(path)
    try:
        return await asyncio.open_unix_connection(f"/proc/self/fd/{descriptor}", limit=limit)
    finally:
        os.close(descriptor)


def pinned_socket(path: Path) -> int:
    """Give an O_PATH descriptor of a machine's socket; it is the caller's to close.

    Raises:
        OSError: it is not there, or is something else (ENOTSOCK).
    """
    place = os.open(path.parent, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        flags = os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC
        descriptor = os.open(path.name, flags, dir_fd=place)
        found, owner = os.fstat(descriptor), os.fstat(place).st_uid
    finally:
        os.close(place)
    if not stat.S_ISSOCK(found.st_mode) or found.st_uid != owner:
        os.close(descriptor)
        raise OSError(errno.ENOTSOCK, f"{path.name} is not the machine's own socket")
    return descriptor
