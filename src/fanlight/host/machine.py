"""One machine's life in the keeper: spawned, its descriptors taken, in the end all of it gone."""

from __future__ import annotations

import asyncio
import base64
import binascii
import contextlib
import dataclasses
import logging
import os
import re
import shutil
import signal
import socket
from pathlib import Path

from fanlight.errors import MachineRefused
from fanlight.wire import EgressPolicy, MachineRecord, MachineRef, SessionId, SpawnMachine

from .boot import BootDescriptors, receive_boot_in
from .cgroups import Cgroup, Cgroups, Limits
from .children import Child, Children, Confinement
from .layout import Layout
from .processes import children_of, wait_for_end
from .settings import descriptor_with
from .writes import WriteWatch

log = logging.getLogger(__name__)

REF = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,31}")
LOWEST_UID = 1000
"""As root, no machine runs under a uid below this: those are the system's."""
FILE_BYTES = 1 << 30
"""The largest file a machine may write, as its directory is on the host's disk."""

KILLED = (-signal.SIGKILL, 128 + signal.SIGKILL)
"""How a machine ends whose first process was killed; bubblewrap says it as a shell does."""


class KeptMachine:
    """A machine from `machine.spawn` until nothing of it is left."""

    def __init__(
        self, spec: SpawnMachine, layout: Layout, cgroups: Cgroups | None, writes: WriteWatch
    ) -> None:
        self.spec, self._writes = spec, writes
        self._layout, self._cgroups = layout, cgroups
        self._child: Child | None = None
        self._cgroup: Cgroup | None = None
        self._init = -1
        self.descriptors: BootDescriptors | None = None
        self.destroyed = asyncio.Event()
        """Set when somebody wants it gone."""
        self.fault = ""
        """Why the keeper itself destroys it, if it does."""
        self.full_mib = 0
        """Its memory, when it died because that was full; known once it is removed."""

    @property
    def ref(self) -> MachineRef:
        """What it is called now: its session's ref, once it has a session."""
        return self.spec.machine

    @property
    def names(self) -> frozenset[str]:
        """What its directory and its control groups are called."""
        groups = self._cgroup.directories if self._cgroup else ()
        return frozenset((self.ref, *(each.name for each in groups)))

    @property
    def is_assigned(self) -> bool:
        """Whether it has a session. Until then it is shown to nobody and reaches nothing."""
        return bool(self.spec.session)

    @property
    def is_waiting(self) -> bool:
        """Whether it has come up, still runs, and is nobody's yet."""
        if self.descriptors is None or self._child is None or self._child.exited.done():
            return False
        return not self.is_assigned and not self.destroyed.is_set()

    @property
    def record(self) -> MachineRecord:
        """What the keeper tells of it."""
        pid = self._child.pid if self._child else 0
        return MachineRecord(self.spec.machine, self.spec.session, self.spec.directory, pid)

    async def boot(self, children: Children, timeout_s: float) -> BootDescriptors:
        """Spawn it and take its descriptors.

        Raises:
            MachineRefused: it cannot be spawned, or did not hand over what it must.
        """
        check_spec(self.spec, self._layout)
        try:
            self._writes.add(self.spec.machine, self._layout.machines / self.spec.machine)
        except OSError as error:
            raise MachineRefused(f"its directory cannot be watched: {error}") from None
        refusal = ""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with ours:
            with theirs:
                self._child = self._spawn(children, theirs)
            try:
                self.descriptors = await self._unless_destroyed(ours, timeout_s)
            except* MachineRefused as refusals:
                refusal = str(refusals.exceptions[0])
        # Outside `except*`, which would wrap it in a group of its own.
        if self.descriptors is None:
            raise MachineRefused(refusal)
        if inits := children_of(self._child.pid):
            with contextlib.suppress(OSError):
                self._init = os.pidfd_open(inits[0])
        return self.descriptors

    def assign(self, ref: MachineRef, session: SessionId, policy: EgressPolicy) -> None:
        """Give it a session: from now on it is `ref`, its directory with it.

        What is mounted and listened on in the directory goes along. Its control groups keep the
        name that it was spawned with, as those of version 2 cannot be renamed.

        Raises:
            MachineRefused: the directory cannot be renamed.
        """
        before, directory = self.spec.machine, self._layout.machines / ref
        try:
            (self._layout.machines / before).rename(directory)
        except OSError as error:
            raise MachineRefused(f"its directory cannot be renamed: {error.strerror}") from None
        self._writes.rename(before, ref)
        self.spec = dataclasses.replace(
            self.spec, machine=ref, session=session, policy=policy, directory=str(directory)
        )

    async def ended(self) -> None:
        """Return when it died, or is to be destroyed."""
        assert self._child is not None  # only called after `boot`
        async with asyncio.TaskGroup() as tasks:
            wanted = tasks.create_task(self.destroyed.wait())
            died = tasks.create_task(_wait(self._child.exited))
            await asyncio.wait((wanted, died), return_when=asyncio.FIRST_COMPLETED)
            wanted.cancel()
            died.cancel()

    async def remove(self) -> tuple[int, str]:
        """Kill what runs, close and remove everything; give its status and last lines."""
        status, tail = 0, ""
        died_of_memory = self._died_of_memory()
        if self._child:
            status, tail = await self._kill(self._child), self._child.tail
        if died_of_memory and status in KILLED:
            self.full_mib = self.spec.memory_mib
        self._writes.remove(self.spec.machine)
        if self.descriptors:
            self.descriptors.close()
        if self._cgroup:
            _remove_cgroup(self._cgroup)
        shutil.rmtree(self._layout.machines / self.spec.machine, ignore_errors=True)
        return status, "\n".join(each for each in (tail, self.fault) if each)

    def _died_of_memory(self) -> bool:
        """Whether the kernel killed for want of memory in there, and nobody else did."""
        if self.destroyed.is_set() or self._cgroup is None:
            return False
        return self._cgroup.out_of_memory() > 0

    def _spawn(self, children: Children, boot: socket.socket) -> Child:
        spec = self.spec
        seccomp = descriptor_with(base64.b64decode(spec.seccomp_b64))
        entrances: tuple[int, ...] = ()
        files: list[int] = []
        try:
            files += (os.open(each, os.O_RDWR | os.O_CLOEXEC) for each in spec.files)
            if self._cgroups:
                limits = Limits(spec.memory_mib, spec.pids, spec.cpus)
                self._cgroup = self._cgroups.make(spec.machine, limits)
                entrances = self._cgroup.entrances()
            return children.spawn(
                _filled(spec.argv, boot.fileno(), seccomp, files),
                env=spec.env,
                pass_fds=(boot.fileno(), seccomp, *files),
                confinement=self._confinement(entrances),
            )
        except OSError as error:
            raise MachineRefused(f"the machine cannot be spawned: {error}") from None
        finally:
            for each in (seccomp, *entrances, *files):
                os.close(each)

    def _confinement(self, entrances: tuple[int, ...]) -> Confinement:
        is_root = os.geteuid() == 0
        return Confinement(
            uid=self.spec.uid if is_root else None,
            cgroups=entrances,
            # The uid is the machine's alone only when we are root; else it counts the user's all.
            processes=self.spec.pids if is_root else 0,
            file_bytes=FILE_BYTES,
        )

    async def _unless_destroyed(self, boot: socket.socket, timeout_s: float) -> BootDescriptors:
        """Take the hand-over, unless somebody destroys the machine before."""
        async with asyncio.TaskGroup() as tasks:
            destroyed = tasks.create_task(self._refuse_when_destroyed())
            try:
                return await receive_boot_in(boot, timeout_s)
            finally:
                destroyed.cancel()

    async def _refuse_when_destroyed(self) -> None:
        await self.destroyed.wait()
        raise MachineRefused("the machine was destroyed while it started")

    async def _kill(self, child: Child) -> int:
        """Kill the pid namespace by its first process, then the monitor outside."""
        if self._init >= 0:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._init, signal.SIGKILL)
            await wait_for_end(self._init)
            os.close(self._init)
        else:
            child.kill()
        try:
            async with asyncio.timeout(2):
                return await asyncio.shield(child.exited)
        except TimeoutError:
            child.kill()
            return await child.exited


def _filled(argv: tuple[str, ...], boot: int, seccomp: int, files: list[int]) -> list[str]:
    """Put descriptors' numbers where the words stand for them."""
    numbers = {"{boot_fd}": str(boot), "{seccomp_fd}": str(seccomp)}
    numbers |= {f"{{file{index}_fd}}": str(each) for index, each in enumerate(files)}
    return [numbers.get(each, each) for each in argv]


def check_spec(spec: SpawnMachine, layout: Layout) -> None:
    """Refuse what the keeper would not do for anybody.

    Raises:
        MachineRefused: the ref, the directory, the uid or the filter is not one.
    """
    if not REF.fullmatch(spec.machine):
        raise MachineRefused("the machine's ref is not one")
    directory = layout.machines / spec.machine
    if Path(spec.directory) != directory or not directory.is_dir() or directory.is_symlink():
        raise MachineRefused("the machine's directory is not where it must be")
    if os.geteuid() == 0 and spec.uid < LOWEST_UID:
        raise MachineRefused("a machine never runs under a uid of the system's")
    if directory.stat().st_uid != (spec.uid if os.geteuid() == 0 else os.geteuid()):
        raise MachineRefused("the machine's directory belongs to another uid")
    try:
        base64.b64decode(spec.seccomp_b64, validate=True)
    except binascii.Error:
        raise MachineRefused("the system call filter is not base64") from None


async def _wait(future: asyncio.Future[int]) -> int:
    return await asyncio.shield(future)


def _remove_cgroup(cgroup: Cgroup) -> None:
    for pid in cgroup.pids():
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    try:
        cgroup.remove()
    except OSError as error:
        log.warning("a control group is left: %s", error)
