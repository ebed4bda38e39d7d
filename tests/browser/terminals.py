"""A program in a terminal of its own, as a person has it before them."""

from __future__ import annotations

import contextlib
import os
import pty
import re
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType

ENDS_WITHIN_S = 20.0


class Terminal:
    """Runs a program on a pseudo-terminal while in the block; ended by force afterwards."""

    def __init__(self, command: Sequence[str | Path], env: Mapping[str, str]) -> None:
        self._command, self._env = command, env
        self._text = ""
        self._news = threading.Condition()

    def __enter__(self) -> Terminal:
        self._master, slave = pty.openpty()
        # `setsid --ctty` makes it the controlling terminal, so that Ctrl-C is a signal; what a
        # shell runs in the background ignores that signal, and all below it would too.
        before = ["/usr/bin/env", "--default-signal=INT", "/usr/bin/setsid", "--ctty"]
        self._process = subprocess.Popen(
            [*before, *map(str, self._command)],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env=dict(self._env),
        )
        os.close(slave)
        self._reader = threading.Thread(target=self._read)
        self._reader.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()
        self._process.wait()
        self._reader.join()
        os.close(self._master)

    @property
    def text(self) -> str:
        """What it printed so far."""
        with self._news:
            return self._text

    def press(self, keys: str) -> None:
        """Press keys; `\\x03` is Ctrl-C."""
        os.write(self._master, keys.encode())

    def find(self, pattern: str, turn: Callable[[], object], timeout_s: float = 30.0) -> str:
        """Wait until it printed this and give the first group; `turn` is called meanwhile."""
        deadline = time.monotonic() + timeout_s
        while not (found := re.search(pattern, self.text)):
            assert time.monotonic() < deadline, f"no {pattern!r} in:\n{self.text}"
            turn()
        return found.group(found.re.groups and 1)

    def wait(self, turn: Callable[[], object]) -> int:
        """Wait until it ends and give its status."""
        deadline = time.monotonic() + ENDS_WITHIN_S
        while self._process.poll() is None:
            assert time.monotonic() < deadline, f"it goes on:\n{self.text}"
            turn()
        return self._process.returncode

    def _read(self) -> None:
        # A terminal that nobody writes to any more says so with an error.
        with contextlib.suppress(OSError):
            while data := os.read(self._master, 4096):
                with self._news:
                    self._text += data.decode(errors="replace")
                    self._news.notify_all()
