"""Spawning a process of the desktop: its group, its last words, its end."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType

TAIL_LINES = 40
_LINE_CHARACTERS = 400
_KILL_WAIT_S = 3.0


class Tail:
    """The last lines that a process wrote. Untrusted text: cut, and free of control characters."""

    def __init__(self) -> None:
        self._lines: deque[str] = deque(maxlen=TAIL_LINES)

    def add(self, line: bytes) -> None:
        """Take one line as it came."""
        text = line.decode(errors="replace").rstrip()[:_LINE_CHARACTERS]
        self._lines.append("".join(c if c.isprintable() or c == "\t" else "\ufffd" for c in text))

    def __str__(self) -> str:
        return "\n".join(self._lines)


class Process:
    """A process in a group of its own, killed with its group when the context ends."""

    def __init__(
        self,
        name: str,
        argv: Sequence[str],
        env: Mapping[str, str],
        *,
        on_line: Callable[[str], None] | None = None,
        pass_fds: Sequence[int] = (),
    ) -> None:
        self.name, self.tail = name, Tail()
        self._argv, self._env = argv, env
        self._on_line, self._pass_fds = on_line, pass_fds
        self._process: asyncio.subprocess.Process | None = None
        self._readers = asyncio.TaskGroup()

    async def __aenter__(self) -> Process:
        self._process = await asyncio.create_subprocess_exec(
            *self._argv,
            env=dict(self._env),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE if self._on_line else subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            pass_fds=tuple(self._pass_fds),
            start_new_session=True,
        )
        await self._readers.__aenter__()
        if self._process.stderr:
            self._readers.create_task(_lines(self._process.stderr, self.tail.add))
        if self._process.stdout and self._on_line:
            told = self._on_line
            self._readers.create_task(
                _lines(self._process.stdout, lambda line: told(line.decode(errors="replace")))
            )
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await asyncio.shield(self.kill())
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_KILL_WAIT_S):
                await self._readers.__aexit__(None, None, None)

    @property
    def pid(self) -> int:
        """Its process id."""
        assert self._process
        return self._process.pid

    async def wait(self) -> int:
        """Give its exit status once it is over; below zero: the signal that killed it."""
        assert self._process
        return await self._process.wait()

    def say(self, line: str) -> None:
        """Write one line to its standard input; of one that is over: nothing."""
        assert self._process
        assert self._process.stdin
        with contextlib.suppress(ConnectionError):
            self._process.stdin.write(line.encode() + b"\n")

    async def kill(self) -> None:
        """Kill its whole group, and wait for it."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)
        await self.wait()


async def _lines(stream: asyncio.StreamReader, take: Callable[[bytes], None]) -> None:
    while True:
        try:
            line = await stream.readline()
        except ValueError:  # over the stream's limit; the rest follows as lines of its own
            continue
        if not line:
            return
        take(line)


async def run_once(argv: Sequence[str], env: Mapping[str, str], timeout_s: float) -> int:
    """Run a program to its end, its output thrown away. Gives its status; -1: it took too long."""
    async with Process(argv[0], argv, env) as process:
        try:
            async with asyncio.timeout(timeout_s):
                return await process.wait()
        except TimeoutError:
            return -1
