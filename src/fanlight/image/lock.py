"""One at a time: what makes or removes images holds a lock on the directory of parts."""

from __future__ import annotations

import contextlib
import fcntl
import os
from pathlib import Path


def take(place: Path, held: contextlib.ExitStack) -> bool:
    """Take the lock of a directory, if nobody has it; `held` lets it go. Gone with our process."""
    lock = os.open(place, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        return False
    held.callback(os.close, lock)
    return True
