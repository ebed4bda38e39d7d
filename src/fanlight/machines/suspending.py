"""A machine's memory into a sealed file and out of it, through the door that `vmm.pyz` has.

The machine's side of it is `fanlight.vmm.suspending`. Everything that comes from there is the
word of a process that a hostile guest may have taken: it is sealed, counted, and never read.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import AsyncIterator
from pathlib import Path

from fanlight.errors import MachineRefused
from fanlight.host.machine_sockets import pinned_socket
from fanlight.vmm.suspending import DONE, STATE_SOCKET, WHOLE

from .sealed_stream import SealBroken, seal, unseal

SUSPEND_S, RESUME_S = 320.0, 320.0
"""A little more than `vmm.pyz` waits, so that its reason is heard."""
DOOR_S, DOOR_AGAIN_S = 10.0, 0.02
"""How long a machine that was spawned may take to have its door."""
_MOST_REASON_BYTES = 1000


async def suspend_to(directory: Path, file: Path, key: bytes, *, context: bytes) -> None:
    """Have the machine with this directory written to a new file, and end.

    When it raises, there is no file, and the machine goes on unless it is gone.

    Raises:
        MachineRefused: it cannot be suspended; the message says why.
    """
    if await asyncio.to_thread(os.path.lexists, file):
        raise MachineRefused(f"{file} is there already")
    is_done = False
    try:
        async with asyncio.timeout(SUSPEND_S), _at_door(directory) as door:
            said = await _sealed(door, file, key, context)
        if said != DONE:
            raise MachineRefused(f"the machine: {said.decode(errors='replace').strip()}")
        is_done = True
    except TimeoutError:
        raise MachineRefused(f"not suspended in {SUSPEND_S:g} s") from None
    except OSError as error:
        raise MachineRefused(f"not suspended: {error.strerror}") from None
    finally:
        if not is_done:
            await asyncio.to_thread(file.unlink, missing_ok=True)


async def resume_from(directory: Path, file: Path, key: bytes, *, context: bytes) -> None:
    """Give a machine that waits at its door what was suspended. The file stays.

    Raises:
        MachineRefused: it does not go on; the message says why. It is no machine then.
    """
    try:
        async with asyncio.timeout(RESUME_S), _at_door(directory) as door:
            out, into = os.pipe()
            loop = asyncio.get_running_loop()
            reading = loop.run_in_executor(None, _unseal, key, file, into, context)
            try:
                _give(door, out)
            finally:
                # If it went wrong there, the pipe is broken, and this is over too.
                await asyncio.shield(reading)
            await loop.sock_sendall(door, WHOLE)
    except TimeoutError:
        raise MachineRefused(f"not resumed in {RESUME_S:g} s") from None
    except SealBroken as error:
        raise MachineRefused(f"what was suspended cannot be used: {error}") from None
    except OSError as error:
        raise MachineRefused(f"not resumed: {error.strerror}") from None


async def _sealed(door: socket.socket, file: Path, key: bytes, context: bytes) -> bytes:
    """Have the file written; give what the machine's side says of it. Empty: it is gone."""
    loop = asyncio.get_running_loop()
    out, into = os.pipe()
    writing = loop.run_in_executor(None, _seal, key, out, file, context)
    try:
        # Its only writer is there now: once that is gone, the thread is through.
        _give(door, into)
        return await loop.sock_recv(door, _MOST_REASON_BYTES)
    finally:
        door.close()
        await asyncio.shield(writing)


@contextlib.asynccontextmanager
async def _at_door(directory: Path) -> AsyncIterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as end:
        end.setblocking(False)
        async with asyncio.timeout(DOOR_S):
            while True:
                with contextlib.suppress(FileNotFoundError, ConnectionRefusedError):
                    await _knock(end, directory / STATE_SOCKET)
                    break
                await asyncio.sleep(DOOR_AGAIN_S)
        yield end


async def _knock(end: socket.socket, path: Path) -> None:
    # The directory is the machine's: what is named so may be a link to anything.
    pinned = pinned_socket(path)
    try:
        await asyncio.get_running_loop().sock_connect(end, f"/proc/self/fd/{pinned}")
    finally:
        os.close(pinned)


def _give(door: socket.socket, pipe: int) -> None:
    """Send a pipe's end away: it is ours no more, whether or not that works."""
    try:
        socket.send_fds(door, [b"p"], [pipe])
    finally:
        os.close(pipe)


def _seal(key: bytes, out: int, file: Path, context: bytes) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
    with (
        open(out, "rb", buffering=0) as source,
        open(os.open(file, flags, 0o600), "wb", buffering=0) as target,
    ):
        seal(key, source, target, context=context)
        os.fsync(target.fileno())


def _unseal(key: bytes, file: Path, into: int, context: bytes) -> None:
    with open(into, "wb", buffering=0) as target, file.open("rb", buffering=0) as source:
        unseal(key, source, target, context=context)
