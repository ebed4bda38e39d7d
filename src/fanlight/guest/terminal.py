"""A program on a terminal of its own, as its login expects one: a real PTY that answers.

The program leads a session whose foreground process group it is in; a CLI that is not in the
foreground group stops at its first prompt. The window is wide, so that nothing wraps.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import pty
import re
import signal
import struct
import termios
from collections.abc import Mapping, Sequence

ROWS, COLUMNS = 50, 1000
KEPT_CHARACTERS = 65_536
"""How much of what was shown is kept, from its end."""
HANG_UP_GRACE_S = 0.5

_CURSOR_QUERY = b"\x1b[6n"
_DEVICE_QUERY = re.compile(rb"\x1b\[0?c")
_SPACES = re.compile(r"\x1b\[\d*C")
_SEQUENCES = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)"
    r"|\x1b[PX^_].*?\x1b\\|\x1b[ -/]*[0-~]",
    re.DOTALL,
)
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def plain(shown: str) -> str:
    """Give the text of terminal output: no escape sequences, no control characters, LF lines."""
    text = _SEQUENCES.sub("", _SPACES.sub(" ", shown)).replace("\r\n", "\n").replace("\r", "\n")
    return _CONTROLS.sub("", text)


class Terminal:
    """One program on a PTY. `async with` it: leaving the block kills what still runs."""

    def __init__(self, command: Sequence[str], *, env: Mapping[str, str], cwd: str) -> None:
        self._command, self._env, self._cwd = command, env, cwd
        self._shown = bytearray()
        self._chunks: asyncio.Queue[bytes | None] = asyncio.Queue()

    async def __aenter__(self) -> Terminal:
        self._master, slave = pty.openpty()
        try:
            fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
            os.set_blocking(self._master, False)
            # setsid makes the program the leader of a session and gives it the terminal, which
            # makes its process group the foreground one.
            self._process = await asyncio.create_subprocess_exec(
                *("/usr/bin/setsid", "--ctty", *self._command),
                stdin=slave, stdout=slave, stderr=slave, env=dict(self._env), cwd=self._cwd,
            )  # fmt: skip
        except BaseException:
            os.close(self._master)
            raise
        finally:
            os.close(slave)
        asyncio.get_running_loop().add_reader(self._master, self._read)
        return self

    async def __aexit__(self, *_exc: object) -> None:
        asyncio.get_running_loop().remove_reader(self._master)
        await self._kill()
        os.close(self._master)

    @property
    def pid(self) -> int:
        """The program's process id, which is its group's and session's as well."""
        return self._process.pid

    @property
    def status(self) -> int | None:
        """The program's exit status (negative: its signal); None while it runs."""
        return self._process.returncode

    @property
    def text(self) -> str:
        """What was shown so far (its end, if it was much), as plain text."""
        return plain(self._shown.decode(errors="replace"))

    def type(self, keys: str) -> None:
        """Type `keys`, as a keyboard would."""
        with contextlib.suppress(BlockingIOError):
            os.write(self._master, keys.encode())

    async def shows(self) -> bool:
        """Wait until something new is shown: True; False when the program has ended."""
        return await self._chunks.get() is not None

    async def wait(self) -> int:
        """Wait for the program's end and give its exit status (negative: its signal)."""
        status = await self._process.wait()
        self._read()
        self._chunks.put_nowait(None)
        return status

    def _read(self) -> None:
        try:
            data = os.read(self._master, 65_536)
        except BlockingIOError:
            return
        except OSError:  # EIO: nobody holds the other end any more
            data = b""
        if not data:
            asyncio.get_running_loop().remove_reader(self._master)
            return
        self._shown += data
        del self._shown[:-KEPT_CHARACTERS]
        if _CURSOR_QUERY in data:
            self.type("\x1b[1;1R")
        if _DEVICE_QUERY.search(data):
            self.type("\x1b[?1;2c")
        self._chunks.put_nowait(data)

    async def _kill(self) -> None:
        self._signal(signal.SIGHUP)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(HANG_UP_GRACE_S):
                await self._process.wait()
        # The group's other processes too, also when the first one has gone.
        self._signal(signal.SIGKILL)
        await self._process.wait()

    def _signal(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, number)
