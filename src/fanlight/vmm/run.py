"""One virtual machine's life: tap, QEMU, identity, sockets; or the making of a snapshot."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import ctypes
import dataclasses
import functools
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable

from fanlight import wire
from fanlight.errors import WireError
from fanlight.relay import Relay, StreamOver
from fanlight.wire.mux import NONCE_BYTES

from .namespace import give_up_capabilities, hand_over, make_tap
from .options import Options, parse
from .qemu_argv import Ends, qemu_argv
from .qmp import Qmp, QmpFailed
from .suspending import DONE, STATE_SOCKET, Door, NotResumed, resume, suspend

SERVICES: tuple[wire.Service, ...] = ("link", "vnc", "agent")
SEED_BYTES = 64
BOOT_S = 240.0
"""How long a machine may take to a quiet desktop: emulated, on a busy host, it is a minute."""
RESTORE_S, IDENTIFY_S, SAVE_S, END_S = 30.0, 30.0, 120.0, 5.0
_PR_SET_PDEATHSIG = 1


class VmOver(Exception):
    """The machine cannot go on; the message says why.

    `status`: what to exit with. A machine whose QEMU was killed ends as one that was killed.
    """

    def __init__(self, message: str, status: int = 1) -> None:
        super().__init__(message)
        self.status = status


def main(arguments: list[str] | None = None) -> int:
    """Run one machine until it ends. Gives the exit status; the reason is the last line."""
    options = parse(sys.argv[1:] if arguments is None else arguments)
    status = 0
    try:
        tap = make_tap()
        control = hand_over(options.boot_fd)
        give_up_capabilities()
        asyncio.run(Vm(options, tap, control).run())
    except* (OSError, VmOver, QmpFailed, NotResumed, StreamOver, WireError) as group:
        for error in _all(group):
            sys.stderr.write(f"{error}\n")
            status = max(status, error.status if isinstance(error, VmOver) else 1)
    return status


def _all(group: BaseExceptionGroup[Exception]) -> list[Exception]:
    found: list[Exception] = []
    for each in group.exceptions:
        found += _all(each) if isinstance(each, BaseExceptionGroup) else [each]
    return found


class Vm:
    """QEMU and what is around it."""

    def __init__(self, options: Options, tap: int, control: socket.socket) -> None:
        self._options, self._tap, self._control = options, tap, control
        self._nonce = secrets.token_hex(16)
        self._identity = fresh_identity(self._nonce)
        self._fresh, self._settled, self._identified = (asyncio.Event() for _ in range(3))
        self._tasks = asyncio.TaskGroup()

    async def run(self) -> None:
        """Live until QEMU ends.

        Raises:
            VmOver: the machine ended otherwise than it should, as the group's only member.
        """
        stream, stream_theirs = socket.socketpair()
        qmp_end, qmp_theirs = socket.socketpair()
        stream.setblocking(False)
        ends = Ends(stream_theirs.fileno(), qmp_theirs.fileno(), self._tap)
        qemu = await _spawn(qemu_argv(self._options, ends), self._passed(ends))
        for each in (stream_theirs, qmp_theirs):
            each.close()
        os.close(self._tap)
        qmp = Qmp(qmp_end)
        mux = wire.HostMux(secrets.token_bytes(NONCE_BYTES))
        self._relay = Relay(mux, stream.fileno(), on_event=self._hear)
        try:
            async with self._tasks as tasks:
                tasks.create_task(self._until_end(qemu))
                tasks.create_task(qmp.run())
                work = self._save(qmp) if self._options.is_saving else self._serve(qmp)
                tasks.create_task(self._carry(qemu))
                await work
                if self._options.is_saving:
                    raise _Saved
        except* _Saved:
            pass
        finally:
            with contextlib.suppress(ProcessLookupError):
                qemu.kill()
            await qemu.wait()

    def _passed(self, ends: Ends) -> tuple[int, ...]:
        files = (self._options.memory, self._options.state)
        inherited = [int(each.rpartition("/")[2]) for each in files if each.startswith("/proc/")]
        return (ends.stream, ends.qmp, ends.tap, *inherited)

    async def _until_end(self, qemu: asyncio.subprocess.Process) -> None:
        raise how_it_ended(await qemu.wait())

    async def _carry(self, qemu: asyncio.subprocess.Process) -> None:
        try:
            await self._relay.run()
        except StreamOver:
            # QEMU ends a moment after its sockets: how it ended says more.
            async with asyncio.timeout(END_S):
                await qemu.wait()

    # --- restoring and running ----------------------------------------------------------------

    async def _serve(self, qmp: Qmp) -> None:
        door = Door(self._options.run_dir / STATE_SOCKET)
        if self._options.is_resuming:
            await qmp.begin("events")
            await self._resume(qmp, door)
        else:
            await qmp.begin("events", "x-ignore-shared")
        if self._options.is_restoring:
            await self._restore(qmp)
        await self._identify()
        self._tasks.create_task(self._suspend_when_asked(qmp, door))
        self._tasks.create_task(self._relay.carry_control(self._control))
        for service in SERVICES:
            await self._listen(service)

    async def _resume(self, qmp: Qmp, door: Door) -> None:
        connection, pipe = await door.next()
        with connection:
            try:
                fresh = functools.partial(fresh_identity, self._nonce)
                self._identity = await resume(qmp, connection, pipe, fresh)
            finally:
                os.close(pipe)

    async def _suspend_when_asked(self, qmp: Qmp, door: Door) -> None:
        """End as what is suspended. Who could not have it is told why, and may ask again."""
        while True:
            connection, pipe = await door.next()
            with connection:
                try:
                    await suspend(qmp, pipe, self._identity)
                except QmpFailed as error:
                    with contextlib.suppress(OSError):
                        connection.send(f"{error}\n".encode())
                    continue
                finally:
                    os.close(pipe)
                try:
                    connection.send(DONE)
                except OSError:
                    # Nobody wants it any more, and what was written is removed.
                    await qmp.execute("cont")
                    continue
                raise _Saved

    async def _restore(self, qmp: Qmp) -> None:
        state = os.open(self._options.state, os.O_RDONLY | os.O_CLOEXEC)
        try:
            await qmp.execute("getfd", fd=state, fdname="state")
        finally:
            os.close(state)
        await qmp.execute("migrate-incoming", uri="fd:state")
        await qmp.migrated(RESTORE_S)
        # It was stopped when it was saved, and is that again.
        await qmp.execute("cont")

    async def _identify(self) -> None:
        """Give the machine what no other has, and wait until it holds.

        Raises:
            VmOver: it did not take it in time.
        """
        is_up = self._options.is_restoring or self._options.is_resuming
        wait_s = IDENTIFY_S if is_up else BOOT_S
        try:
            async with asyncio.timeout(wait_s):
                # Not before the machine hears it: it has the time of day in it.
                await self._fresh.wait()
                now = fresh_identity(self._nonce)
                self._identity = dataclasses.replace(self._identity, time_s=now.time_s)
                self._relay.say(self._identity)
                await self._identified.wait()
        except TimeoutError:
            raise VmOver(f"the machine took no identity in {wait_s:g} s") from None

    async def _listen(self, service: wire.Service) -> None:
        path = self._options.run_dir / f"{service}.sock"
        server = await asyncio.start_unix_server(self._accept(service), path)
        os.chmod(path, 0o600)
        self._tasks.create_task(_serve_forever(server))

    def _accept(
        self, service: wire.Service
    ) -> Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]:
        async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await self._relay.carry_to(service, reader, writer)

        return accept

    # --- making a snapshot --------------------------------------------------------------------

    async def _save(self, qmp: Qmp) -> None:
        await qmp.begin("events", "x-ignore-shared")
        try:
            async with asyncio.timeout(BOOT_S):
                await self._settled.wait()
        except TimeoutError:
            raise VmOver(f"no quiet desktop in {BOOT_S:g} s") from None
        await qmp.execute("stop")
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC
        part = f"{self._options.state}.part"
        state = os.open(part, flags, 0o600)
        try:
            await qmp.execute("getfd", fd=state, fdname="state")
            await qmp.execute("migrate", uri="fd:state")
            await qmp.migrated(SAVE_S)
            os.fsync(state)
        finally:
            os.close(state)
        os.rename(part, self._options.state)  # by its name whoever waits knows that all is there

    # --- what the guest says ------------------------------------------------------------------

    def _hear(self, event: wire.MuxEvent) -> None:
        match event:
            case wire.MuxFresh():
                self._fresh.set()
            case wire.MuxMessage(wire.VmSettled()):
                self._settled.set()
            case wire.MuxMessage(wire.VmIdentified(nonce)) if nonce == self._nonce:
                self._identified.set()
            case wire.MuxMessage(wire.VmFailed(detail)):
                self._tasks.create_task(_fail(detail))
            case _:
                pass


class _Saved(Exception):
    """The snapshot is written, or the machine suspended."""


async def _fail(detail: str) -> None:
    raise VmOver(f"in the machine: {detail[:500]}")


async def _serve_forever(server: asyncio.Server) -> None:
    async with server:
        await server.serve_forever()


def how_it_ended(status: int) -> VmOver:
    """Give the reason for people of QEMU's end. `status`: as `subprocess` has it."""
    if status == 0:
        return VmOver("the machine switched itself off")
    if status > 0:
        return VmOver(f"QEMU ended with status {status}")
    # As a shell says it, and bubblewrap: the keeper then sees whether memory was the reason.
    return VmOver(f"QEMU was killed by {signal.Signals(-status).name}", 128 - status)


def fresh_identity(nonce: str) -> wire.IdentifyVm:
    """Make an identity that no other machine has."""
    octets = bytearray(secrets.token_bytes(6))
    octets[0] = octets[0] & 0xFC | 0x02  # locally administered, one receiver
    return wire.IdentifyVm(
        nonce=nonce,
        hostname=f"fanlight-{secrets.token_hex(4)}",
        machine_id=secrets.token_hex(16),
        mac=octets.hex(":"),
        seed_b64=base64.b64encode(secrets.token_bytes(SEED_BYTES)).decode(),
        time_s=time.time(),
    )


async def _spawn(argv: list[str], passed: tuple[int, ...]) -> asyncio.subprocess.Process:
    libc = ctypes.CDLL(None)
    return await asyncio.create_subprocess_exec(
        *argv,
        stdin=subprocess.DEVNULL,
        stdout=sys.stderr.fileno(),
        pass_fds=passed,
        # QEMU dies with us, whoever kills us.
        preexec_fn=lambda: libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL),
        env={"PATH": "/usr/bin:/bin"},
    )
