"""A directory made beside its place and renamed into it when it is whole, by one maker at a time.

The maker holds a lock on the place's parent. Whoever waits for it finds the place taken; what a
maker that was killed left beside the place is removed by the next one.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

LOCK_PAUSE_S = 0.1


@asynccontextmanager
async def locked(place: Path) -> AsyncIterator[int]:
    """Be the only one, of all processes, to make `place`. Gives the lock's descriptor.

    A child that inherits it keeps the lock for as long as it lives.
    """
    lock = await asyncio.to_thread(_open_parent, place)
    try:
        while not _try_lock(lock):  # noqa: ASYNC110 - another process may hold it
            await asyncio.sleep(LOCK_PAUSE_S)
        yield lock
    finally:
        os.close(lock)


def _open_parent(place: Path) -> int:
    place.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    for directory in (place.parent, place.parent.parent):
        directory.chmod(0o755)
    return os.open(place.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)


def _try_lock(descriptor: int) -> bool:
    with contextlib.suppress(BlockingIOError):
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    return False


@asynccontextmanager
async def made_beside(place: Path) -> AsyncIterator[Path]:
    """Give an empty directory that becomes `place` if the block ends well, and goes otherwise.

    Only while `place` is locked.
    """
    part = await asyncio.to_thread(_make_part, place)
    try:
        yield part
        await asyncio.to_thread(_put_in_place, part, place)
    finally:
        await asyncio.to_thread(shutil.rmtree, part, ignore_errors=True)


def _make_part(place: Path) -> Path:
    for leftover in place.parent.glob(f".{place.name}.*"):
        shutil.rmtree(leftover, ignore_errors=True)
    return Path(tempfile.mkdtemp(prefix=f".{place.name}.", dir=place.parent))


def _put_in_place(part: Path, place: Path) -> None:
    _let_all_read(part)
    part.rename(place)


def _let_all_read(tree: Path) -> None:
    tree.chmod(0o755)
    for root, directories, files in os.walk(tree):
        for name in directories:
            _add_mode(Path(root, name), 0o755)
        for name in files:
            _add_mode(Path(root, name), 0o644)


def _add_mode(path: Path, mode: int) -> None:
    if path.is_symlink():
        return
    now = path.stat().st_mode & 0o777
    wanted = (now | mode) & 0o755
    if now & 0o100:
        wanted |= 0o111
    if now != wanted:
        path.chmod(wanted)
