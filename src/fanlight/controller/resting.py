"""Where machines that rest are kept: a sealed file each, and the key to none of them beside it.

The key is made from this host's key and the machine's ref, as its token is, so that a controller
that was restarted can open the file. Whoever has both directories has both: the seal is for what
is copied, backed up or thrown away without the store.
"""

from __future__ import annotations

import asyncio
import contextlib
import shutil
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path

from fanlight import log
from fanlight.errors import DiskFull, FanlightError, HostFull, MachineRefused
from fanlight.machines import Machine, MachineSpec, Provider, Suspends, memory_room
from fanlight.machines.demand import Room
from fanlight.machines.pool import Pool
from fanlight.wire import MachineRef

from .pressure import SPARE_DISK_BYTES
from .tokens import MachineTokens

_log = log.get("controller")


class ResumeFailed(FanlightError):
    """A machine that rested does not go on."""

    code = "resume-failed"
    title = "The desktop could not be woken"
    hint = "Start a new session. What was only in the old one's memory is lost."


def suspending(provider: Provider) -> Suspends | None:
    """Give what writes a provider's machines to disk; None: it cannot."""
    inner = provider.inner if isinstance(provider, Pool) else provider
    return inner if isinstance(inner, Suspends) else None


@dataclass(frozen=True)
class Resting:
    """Writes machines to disk and has them go on. One for all sessions."""

    directory: Path
    provider: Suspends
    tokens: MachineTokens
    room: Callable[[], Room] = memory_room

    async def suspend(self, spec: MachineSpec) -> None:
        """Write a machine to disk, and end it. When it raises, the machine goes on, or is gone.

        Raises:
            DiskFull: there is no room for all of its memory.
            FanlightError: it cannot be written; the message says why.
        """
        await asyncio.to_thread(self._make_room, spec.memory_mib)
        key = self.tokens.sealing_key(spec.ref)
        try:
            await self.provider.suspend(spec.ref, self._file(spec.ref), key)
        except OSError as error:
            raise DiskFull(f"{self.directory}: {error.strerror}") from None

    async def resume(self, spec: MachineSpec) -> Machine:
        """Have a machine go on. Its file is gone afterwards, whatever came of it.

        Raises:
            HostFull: there is no room for it now; it stays on disk.
            ResumeFailed: it does not go on, and nothing of it is left.
        """
        if await asyncio.to_thread(self.room) == "short":
            raise HostFull(
                "this host's memory is nearly full: the desktop is woken when it is not"
            )
        try:
            key = self.tokens.sealing_key(spec.ref)
            return await self.provider.resume(spec, self._file(spec.ref), key)
        except FanlightError as error:
            raise ResumeFailed(f"{error}") from error
        finally:
            await self.forget(spec.ref)

    async def forget(self, ref: MachineRef) -> None:
        """Remove a machine's file. Of an unknown one: nothing."""
        with contextlib.suppress(OSError):
            await asyncio.to_thread(self._file(ref).unlink, missing_ok=True)

    async def keep_only(self, refs: Collection[MachineRef]) -> frozenset[MachineRef]:
        """Give which of these machines are on disk; what a controller before left goes."""
        there = [MachineRef(name) for name in await asyncio.to_thread(self._names)]
        for ref in there:
            if ref not in refs:
                _log.warning("a file of a machine that nobody has is removed", machine=ref)
                await self.forget(ref)
        return frozenset(refs).intersection(there)

    def _file(self, ref: MachineRef) -> Path:
        return self.directory / ref

    def _names(self) -> list[str]:
        with contextlib.suppress(OSError):
            return [each.name for each in self.directory.iterdir()]
        return []

    def _make_room(self, memory_mib: int) -> None:
        try:
            self.directory.mkdir(mode=0o700, exist_ok=True)
            free = shutil.disk_usage(self.directory).free
        except OSError as error:
            raise MachineRefused(f"{self.directory}: {error.strerror}") from None
        if free < (memory_mib << 20) + SPARE_DISK_BYTES:
            raise DiskFull(f"{free >> 20} MiB are left on disk: its memory may not fit")
