"""A machine into a pipe and out of one: all of its memory, and who it is.

Whoever suspends or resumes connects to `state.sock` in the machine's directory and sends one byte
with a pipe's end (SCM_RIGHTS). What goes through the pipe is not sealed: that is done at its other
end, as no key belongs beside a machine.

    a line of JSON, who the machine is | QEMU's migration stream
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
from collections.abc import Callable
from pathlib import Path

from fanlight import wire

from .qmp import Qmp, QmpFailed

STATE_SOCKET = "state.sock"
DONE, WHOLE = b"done\n", b"whole\n"
SUSPEND_S, RESUME_S = 300.0, 300.0
"""Emulated, 762 MB take five seconds; the other end of the pipe is a disk."""
MOST_WHO_BYTES = 1024
_WHO = ("hostname", "machine_id", "mac")


class NotResumed(Exception):
    """What came through the pipe is no machine, or not a whole one."""


class Door:
    """The socket on which a pipe comes in. Of one event loop; made and closed by its owner."""

    def __init__(self, path: Path) -> None:
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.setblocking(False)
        self._listener.bind(str(path))
        os.chmod(path, 0o600)
        self._listener.listen(1)

    async def next(self) -> tuple[socket.socket, int]:
        """Give a connection and the pipe's end that came through it: both the caller's to close.

        Who comes without a pipe is hung up on.
        """
        loop = asyncio.get_running_loop()
        while True:
            connection, _ = await loop.sock_accept(self._listener)
            connection.setblocking(False)
            try:
                await _until_readable(connection)
                _, pipes, _, _ = socket.recv_fds(connection, 1, 1)
            except OSError:
                pipes = []
            except BaseException:
                connection.close()
                raise
            if pipes:
                os.set_inheritable(pipes[0], False)
                return connection, pipes[0]
            connection.close()

    def close(self) -> None:
        """Listen no more."""
        self._listener.close()


async def suspend(qmp: Qmp, pipe: int, identity: wire.IdentifyVm) -> None:
    """Stop the machine and write it. When it fails, the machine goes on as if nothing had been.

    Raises:
        QmpFailed: QEMU could not, or the pipe's other end is gone or too slow.
    """
    shared = {"capability": "x-ignore-shared", "state": False}
    await qmp.execute("stop")
    try:
        await _write_who(pipe, identity)
        await qmp.execute("migrate-set-capabilities", capabilities=[shared])
        await qmp.execute("getfd", fd=pipe, fdname="suspended")
        await qmp.execute("migrate", uri="fd:suspended")
        await qmp.migrated(SUSPEND_S)
    except (OSError, QmpFailed) as error:
        with contextlib.suppress(QmpFailed):
            await qmp.execute("migrate_cancel")
        await qmp.execute("cont")
        raise QmpFailed(f"not suspended: {error}") from None


async def resume(
    qmp: Qmp, connection: socket.socket, pipe: int, fresh: Callable[[], wire.IdentifyVm]
) -> wire.IdentifyVm:
    """Read a machine and let it run; give who it was, with `fresh`'s entropy, clock and nonce.

    It takes no step before the other end has said that what it sent was all of it, unchanged.

    Raises:
        NotResumed: it was not, or it is no machine of ours.
        QmpFailed: QEMU does not take it.
    """
    who = await asyncio.to_thread(_read_who, pipe)
    await qmp.execute("getfd", fd=pipe, fdname="suspended")
    await qmp.execute("migrate-incoming", uri="fd:suspended")
    await qmp.migrated(RESUME_S)
    said = await asyncio.get_running_loop().sock_recv(connection, len(WHOLE))
    if said != WHOLE:
        raise NotResumed("what was suspended is not all there, or has changed")
    await qmp.execute("cont")
    now = fresh()
    return wire.IdentifyVm(
        nonce=now.nonce,
        hostname=who["hostname"],
        machine_id=who["machine_id"],
        mac=who["mac"],
        seed_b64=now.seed_b64,
        time_s=now.time_s,
    )


async def _until_readable(end: socket.socket) -> None:
    loop, ready = asyncio.get_running_loop(), asyncio.Event()
    loop.add_reader(end, ready.set)
    try:
        await ready.wait()
    finally:
        loop.remove_reader(end)


async def _write_who(pipe: int, identity: wire.IdentifyVm) -> None:
    line = json.dumps({each: getattr(identity, each) for each in _WHO}).encode() + b"\n"
    if await asyncio.to_thread(os.write, pipe, line) != len(line):
        raise OSError("the pipe took nothing")


def _read_who(pipe: int) -> dict[str, str]:
    """Read the line and not a byte more: the next is QEMU's."""
    line = b""
    while not line.endswith(b"\n") and len(line) < MOST_WHO_BYTES:
        if not (byte := os.read(pipe, 1)):
            break
        line += byte
    try:
        who = json.loads(line)
        return {each: str(who[each]) for each in _WHO}
    except (ValueError, KeyError, TypeError):
        raise NotResumed("what was suspended does not say who it is") from None
