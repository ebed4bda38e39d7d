"""The one place where the keeper spawns processes, and hears of their end.

The keeper is a subreaper: orphans of its children become its own. So there is one reaper for all
(`Children.reap`, on SIGCHLD), not a watcher for each, and no threads, which makes it safe to run
Python between fork and exec.
"""

from __future__ import annotations

import asyncio
import ctypes
import logging
import os
import resource
import shlex
import signal
import subprocess
import sys
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from .processes import start_time

log = logging.getLogger(__name__)

PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER, PR_SET_NO_NEW_PRIVS = 1, 36, 38
PR_SET_KEEPCAPS, PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE = 8, 47, 2
CAP_NET_BIND_SERVICE, CAPABILITY_VERSION_3 = 10, 0x20080522
TAIL_LINES, TAIL_LINE_CHARACTERS, READ_BYTES = 20, 400, 65_536
_libc = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True, slots=True)
class Confinement:
    """What a child gives up before it runs its program."""

    uid: int | None = None
    """Drop to this uid and gid, with no supplementary groups."""
    cgroups: tuple[int, ...] = ()
    """Descriptors of cgroup.procs files to enter."""
    processes: int = 0
    """RLIMIT_NPROC, which counts all of the uid; 0: as it is."""
    file_bytes: int = 0
    """RLIMIT_FSIZE; 0: as it is."""
    keeps_privileges: bool = False
    """It drops them itself once it has loaded what only root can read."""
    may_bind_any_port: bool = False
    """It keeps one right of root's beyond its uid: to listen on ports below 1024."""


class Child:
    """A process of the keeper's."""

    def __init__(self, pid: int, output: int) -> None:
        loop = asyncio.get_running_loop()
        self.pid = pid
        self.start_time = start_time(pid)
        self.exited: asyncio.Future[int] = loop.create_future()
        self._lines: deque[str] = deque(maxlen=TAIL_LINES)
        self._rest = b""
        self._output = output
        os.set_blocking(output, False)
        loop.add_reader(output, self._read)

    @property
    def tail(self) -> str:
        """The last lines it wrote, with control characters taken out."""
        rest = [_printable(self._rest)] if self._rest else []
        return "\n".join([*self._lines, *rest])

    def kill(self, number: signal.Signals = signal.SIGKILL) -> None:
        """Send a signal; of an ended process: nothing."""
        if not self.exited.done():
            os.kill(self.pid, number)

    async def stop(self, grace_s: float) -> int:
        """Ask it to end, insist after `grace_s` seconds; give its status."""
        self.kill(signal.SIGTERM)
        try:
            async with asyncio.timeout(grace_s):
                return await asyncio.shield(self.exited)
        except TimeoutError:
            self.kill()
            return await self.exited

    def ended(self, status: int) -> None:
        """Take note of its end; called by the reaper only."""
        self._read()
        self._close_output()
        if not self.exited.done():
            self.exited.set_result(status)

    def _read(self) -> None:
        if self._output < 0:
            return
        try:
            data = os.read(self._output, READ_BYTES)
        except BlockingIOError:
            return
        if not data:
            self._close_output()
            return
        *lines, self._rest = (self._rest + data).split(b"\n")
        self._rest = self._rest[-TAIL_LINE_CHARACTERS:]
        self._lines.extend(_printable(line) for line in lines[-TAIL_LINES:])

    def _close_output(self) -> None:
        if self._output >= 0:
            asyncio.get_running_loop().remove_reader(self._output)
            os.close(self._output)
            self._output = -1


class Children:
    """Everything that the keeper spawned and that still runs."""

    def __init__(self) -> None:
        self._running: dict[int, Child] = {}
        _prctl(PR_SET_CHILD_SUBREAPER, 1)
        asyncio.get_running_loop().add_signal_handler(signal.SIGCHLD, self.reap)

    def close(self) -> None:
        """Stop listening for ends."""
        asyncio.get_running_loop().remove_signal_handler(signal.SIGCHLD)

    @property
    def running(self) -> tuple[Child, ...]:
        """Those that have not ended."""
        return tuple(self._running.values())

    def spawn(
        self,
        argv: Sequence[str],
        *,
        env: Mapping[str, str],
        pass_fds: Sequence[int] = (),
        confinement: Confinement | None = None,
    ) -> Child:
        """Spawn a program in a session of its own, with nothing for standard input.

        It dies with the keeper. `env` is all of its environment.

        Raises:
            OSError: it cannot be run.
        """
        log.info("spawning: %s", shlex.join(argv))
        keeper, keep = os.getpid(), confinement or Confinement()
        read_end, write_end = os.pipe2(os.O_CLOEXEC)
        try:
            process = subprocess.Popen(
                list(argv),
                env=dict(env),
                stdin=subprocess.DEVNULL,
                stdout=write_end,
                stderr=write_end,
                pass_fds=tuple(pass_fds),
                start_new_session=True,
                cwd="/",
                preexec_fn=lambda: _confine(keep, keeper),
            )
        except (OSError, subprocess.SubprocessError) as error:
            os.close(read_end)
            raise OSError(str(error)) from error
        finally:
            os.close(write_end)
        child = Child(process.pid, read_end)
        process.returncode = 0  # the reaper hears of its end; Popen must not wait for it too
        self._running[child.pid] = child
        return child

    def reap(self) -> None:
        """Take every ended child, and every orphan that became ours."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            if child := self._running.pop(pid, None):
                child.ended(os.waitstatus_to_exitcode(status))


def _confine(keep: Confinement, keeper: int) -> None:
    """Runs between fork and exec. The order matters: rights go last."""
    for descriptor in keep.cgroups:
        os.write(descriptor, b"0")
    if keep.file_bytes:
        resource.setrlimit(resource.RLIMIT_FSIZE, (keep.file_bytes, keep.file_bytes))
    if keep.processes:
        resource.setrlimit(resource.RLIMIT_NPROC, (keep.processes, keep.processes))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if keep.uid is not None:
        if keep.may_bind_any_port:
            _prctl(PR_SET_KEEPCAPS, 1)
        os.setgroups([])
        os.setresgid(keep.uid, keep.uid, keep.uid)
        os.setresuid(keep.uid, keep.uid, keep.uid)
        if keep.may_bind_any_port:
            _keep_only(CAP_NET_BIND_SERVICE)
    # Changing the uid forgets the parent-death signal (prctl(2)), so it is asked for afterwards.
    _prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if not keep.keeps_privileges:
        _prctl(PR_SET_NO_NEW_PRIVS, 1)
    if os.getppid() != keeper:
        os._exit(1)


def _keep_only(capability: int) -> None:
    """Give up every capability but one, which the program that is run next has too."""
    bit = 1 << capability
    header = (ctypes.c_uint32 * 2)(CAPABILITY_VERSION_3, 0)
    # Effective, permitted, inheritable; then the same for capabilities from 32 up (capset(2)).
    sets = (ctypes.c_uint32 * 6)(bit, bit, bit, 0, 0, 0)
    if _libc.capset(header, sets) != 0:
        raise OSError(ctypes.get_errno(), "capset")
    _prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, capability)


def drop_privileges(uid: int) -> None:
    """Become `uid` for good, with no groups, no capabilities and no way to new privileges."""
    if os.geteuid() == 0:
        os.setgroups([])
        os.setresgid(uid, uid, uid)
        os.setresuid(uid, uid, uid)
        _prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    _prctl(PR_SET_NO_NEW_PRIVS, 1)


def _prctl(option: int, value: int, more: int = 0) -> None:
    if _libc.prctl(option, value, more, 0, 0) != 0:
        number = ctypes.get_errno()
        sys.stderr.write(f"prctl({option}): {os.strerror(number)}\n")
        raise OSError(number, os.strerror(number))


def _printable(line: bytes) -> str:
    text = line[-TAIL_LINE_CHARACTERS:].decode(errors="replace")
    return "".join(character if character.isprintable() else " " for character in text)
