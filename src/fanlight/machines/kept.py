"""What all providers have in common whose machines the keeper holds: the sandbox's and VMs'."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import secrets
import shutil
from collections import OrderedDict
from pathlib import Path

from fanlight.errors import DiskFull, HostError, MachineNotFound, MachineRefused
from fanlight.host import KeeperClient, KeeperEvent, Layout, Runtime, install_runtime
from fanlight.host.processes import uids_in_use
from fanlight.wire import AssignMachine, MachineGone, MachineRef, SpawnMachine

from .provider import Machine, MachineEnd, MachineSpec, check_ref

FIRST_UID, UID_COUNT = 200_000, 65_536 - 1_000
REMEMBERED_ENDS = 256
"""How many ended machines `wait` still knows."""


class KeptProvider:
    """Satisfies `Provider` but for `_compose`. Machines belong to the keeper and outlive this."""

    def __init__(self, keeper: KeeperClient, data: Path, *, first_uid: int = FIRST_UID) -> None:
        """Use an opened client whose `run` is running."""
        self._keeper, self._layout = keeper, Layout(data)
        self._first_uid = first_uid
        self._runtime: Runtime | None = None
        self._ends: OrderedDict[MachineRef, MachineEnd] = OrderedDict()
        keeper.listen(self._hear)

    def _compose(self, spec: MachineSpec, directory: Path) -> SpawnMachine:
        """Make the machine's directory and say how to spawn it. Runs in a thread.

        Raises:
            MachineRefused: there is such a machine.
            HostError: the host lacks something.
        """
        raise NotImplementedError

    async def start(self, spec: MachineSpec) -> Machine:
        """Make a machine. See `Provider.start`.

        Raises:
            PackageMissing: what it is made with is not installed.
            MachineRefused: it did not start, and nothing of it is left.
        """
        check_ref(spec.ref)
        await self._keeper.until_back()
        self._ends.pop(spec.ref, None)  # of a machine that was suspended and goes on
        directory = self._layout.machines / spec.ref
        message = await self._composed(spec, directory)
        try:
            await self._keeper.spawn(message)
        except asyncio.CancelledError:
            with contextlib.suppress(HostError):
                await asyncio.shield(self._keeper.destroy(spec.ref))
            raise
        except HostError:
            await asyncio.to_thread(shutil.rmtree, directory, ignore_errors=True)
            raise
        return Machine(spec.ref, spec.session, directory)

    async def assign(self, idle: MachineRef, spec: MachineSpec) -> Machine:
        """Give a machine that waits its session. See `Pooled.assign`."""
        check_ref(spec.ref)
        order = AssignMachine(idle, spec.ref, spec.session, spec.policy)
        try:
            await self._keeper.assign(order)
        except asyncio.CancelledError:
            # The order is on its way, so one of the two names is the machine's.
            for ref in (spec.ref, idle):
                with contextlib.suppress(HostError):
                    await asyncio.shield(self._keeper.destroy(ref))
            raise
        return Machine(spec.ref, spec.session, self._layout.machines / spec.ref)

    async def destroy(self, ref: MachineRef) -> None:
        """Destroy a machine. See `Provider.destroy`."""
        await self._keeper.destroy(ref)

    async def list(self) -> tuple[Machine, ...]:
        """Give the machines that the keeper holds."""
        return await self._held()

    async def _held(self) -> tuple[Machine, ...]:
        state = await self._keeper.state()
        return tuple(
            Machine(each.machine, each.session, Path(each.directory)) for each in state.machines
        )

    async def wait(self, ref: MachineRef) -> MachineEnd:
        """Wait for a machine's end. See `Provider.wait`."""
        future = self._keeper.gone(ref)
        try:
            if end := self._ends.get(ref):
                return end
            if ref not in {each.ref for each in await self._held()} and not future.done():
                raise MachineNotFound(f"there is no machine {ref}")
            gone = await future
        finally:
            future.cancel()
        return MachineEnd(gone.status, gone.tail, gone.out_of_memory_mib)

    def _hear(self, event: KeeperEvent) -> None:
        if isinstance(event, MachineGone):
            end = MachineEnd(event.status, event.tail, event.out_of_memory_mib)
            self._ends[event.machine] = end
            while len(self._ends) > REMEMBERED_ENDS:
                self._ends.popitem(last=False)

    async def _composed(self, spec: MachineSpec, directory: Path) -> SpawnMachine:
        loop = asyncio.get_running_loop()
        composing = loop.run_in_executor(None, self._compose, spec, directory)
        try:
            return await asyncio.shield(composing)
        except asyncio.CancelledError:
            # The thread cannot be stopped; what it makes goes once it is through.
            with contextlib.suppress(HostError, MachineRefused):
                await composing
                await asyncio.to_thread(shutil.rmtree, directory, ignore_errors=True)
            raise

    def _installed(self) -> Runtime:
        if self._runtime is None:
            self._runtime = install_runtime(self._layout)
        return self._runtime

    def _make_directory(self, directory: Path) -> int:
        """Make the machine's directory and give its uid, which nobody else has now."""
        try:
            directory.mkdir(mode=0o700)
        except FileExistsError:
            raise MachineRefused(f"there is a machine {directory.name} already") from None
        except OSError as error:
            kind = DiskFull if error.errno in (errno.ENOSPC, errno.EDQUOT) else HostError
            raise kind(f"{directory} cannot be made: {error.strerror}") from None
        if os.geteuid() != 0:
            return os.geteuid()
        uid = self._free_uid()
        os.chown(directory, uid, uid)
        return uid

    def _free_uid(self) -> int:
        # By chance, as another keeper on this host takes uids from the same range.
        taken = uids_in_use() | {each.stat().st_uid for each in self._layout.machines.iterdir()}
        while True:
            uid = self._first_uid + secrets.randbelow(UID_COUNT)
            if uid not in taken:
                return uid
