"""One session's machine: made, watched, destroyed, through its provider and nothing else."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from fanlight import log
from fanlight.errors import FanlightError, HostError, HostFull, MachineNotFound
from fanlight.machines import Machine, MachineEnd, MachineSpec, Provider
from fanlight.wire import MachineRef

from .resting import Resting

KEEPER_PAUSE_S = 0.25
LOST_STATUS = -1

_log = log.get("controller")


@dataclass(frozen=True)
class MachineEars:
    """Who hears what becomes of a machine. Called on the event loop; must not wait."""

    made: Callable[[Machine], None]
    refused: Callable[[FanlightError], None]
    rested: Callable[[], None]
    """It is on disk, and nothing else of it is left."""
    deferred: Callable[[HostFull], None]
    """It stays on disk for now: there is no room for it."""
    not_rested: Callable[[FanlightError], None]
    """It could not be written to disk, and goes on, or is gone, which is told as well."""
    gone: Callable[[MachineEnd], None]
    """It is gone: by itself, or because we destroyed it (`MachineWork.is_unwanted`)."""


class MachineWork:
    """Makes and destroys one machine. Every end is told once."""

    def __init__(
        self,
        provider: Provider,
        resting: Resting | None,
        ref: MachineRef,
        ears: MachineEars,
        tasks: asyncio.TaskGroup,
    ) -> None:
        self._provider, self._resting, self._ref = provider, resting, ref
        self._ears, self._tasks = ears, tasks
        self.machine: Machine | None = None
        self.is_unwanted = False
        self.is_gone = False
        self._watch: asyncio.Task[None] | None = None

    def start(self, spec: MachineSpec) -> None:
        """Have it made, in the background."""
        self._tasks.create_task(self._start(spec))

    def suspend(self, spec: MachineSpec) -> None:
        """Have it written to disk, in the background."""
        self._tasks.create_task(self._suspend(spec))

    def resume(self, spec: MachineSpec) -> None:
        """Have it go on, in the background: `made` or `refused` is told."""
        self._tasks.create_task(self._start(spec, resumed=True))

    def adopt(self, machine: Machine) -> None:
        """Go on with a machine that is there."""
        self.machine = machine
        self._watch = self._tasks.create_task(self._wait())

    def destroy(self) -> None:
        """Have it destroyed, in the background; also when there is none."""
        self.is_unwanted = True
        self._tasks.create_task(self._destroy())

    def forget(self) -> None:
        """Watch it no longer, and keep nothing of it."""
        self._look_away()
        if self._resting is not None:
            self._tasks.create_task(self._resting.forget(self._ref))

    def _look_away(self) -> None:
        if self._watch is not None:
            self._watch.cancel()

    async def _start(self, spec: MachineSpec, *, resumed: bool = False) -> None:
        make = self._resting.resume if resumed and self._resting else self._provider.start
        try:
            machine = await make(spec)
        except HostFull as error:
            (self._ears.deferred if resumed else self._ears.refused)(error)
            return
        except FanlightError as error:
            _log.warning("no machine was made", machine=self._ref, error=str(error))
            self._ears.refused(error)
            return
        self.adopt(machine)
        self._ears.made(machine)

    async def _suspend(self, spec: MachineSpec) -> None:
        assert self._resting is not None  # or nobody commands it
        # Its end is none while it is written: that it is on disk is said then.
        self._look_away()
        try:
            await self._resting.suspend(spec)
        except FanlightError as error:
            _log.warning("a machine was not suspended", machine=self._ref, error=str(error))
            self._ears.not_rested(error)
            if not self.is_gone:
                self._watch = self._tasks.create_task(self._wait())
            return
        if self.is_unwanted:  # its session ended meanwhile
            await self._resting.forget(self._ref)
        self.machine = None
        self._ears.rested()

    async def _wait(self) -> None:
        while True:
            try:
                end = await self._provider.wait(self._ref)
                break
            except MachineNotFound:
                end = MachineEnd(LOST_STATUS, "It was gone when its keeper was asked for it.")
                break
            except HostError:
                # The keeper is away. When it is back, it says whether the machine still lives.
                await asyncio.sleep(KEEPER_PAUSE_S)
        self._tell(end)

    async def _destroy(self) -> None:
        try:
            await self._provider.destroy(self._ref)
        except HostError as error:
            # The lifecycle commands it again after a while.
            _log.warning("a machine was not destroyed", machine=self._ref, error=str(error))
            return
        self._tell(MachineEnd(0, ""))

    def _tell(self, end: MachineEnd) -> None:
        if self.is_gone:
            return
        self.is_gone = True
        if self._watch is not asyncio.current_task():
            self._look_away()
        self._ears.gone(end)
