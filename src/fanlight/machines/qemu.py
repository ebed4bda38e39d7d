"""Machines as virtual machines in QEMU, each restored from a snapshot of a desktop that is up.

The image is booted once, to a quiet desktop; every machine is a copy of that moment, with its
memory mapped privately, and is given what no other has before anybody is let in. See
docs/explanation/virtual-machines.md.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import dataclasses
import functools
import logging
import math
import shutil
import subprocess
import time
from pathlib import Path

from fanlight.errors import HostError, MachineNotFound, SnapshotFailed
from fanlight.host import KeeperClient
from fanlight.image import Image, open_image
from fanlight.wire import EgressPolicy, MachineRef, SessionId, SpawnMachine

from .accel import QEMU, Accel, probe
from .device_nodes import node_for_machines
from .kept import KeptProvider
from .provider import Machine, MachineEnd, MachineSpec, check_ref
from .sandbox import check_packages
from .sealed_memory import SealedMemory
from .seccomp import seccomp_program
from .snapshots import Snapshot, SnapshotStore, key_of, made_of
from .suspending import resume_from, suspend_to
from .vm_argv import VmPaths, VmShape, vm_argv

NEEDED = {"/usr/bin/bwrap": "bubblewrap", QEMU: "qemu-system-x86"}
SNAPSHOT_REF = "snapshot-"
"""Machines of this name are the ones that snapshots are made of: nobody else's business."""
DEFAULT_MEMORY_MIB, DEFAULT_CPUS = 2048, 2
"""For specs without a limit. A browser with one heavy page takes a half of the memory."""
OVERHEAD_MIB = 768
"""What QEMU takes besides: translated code, above all, where it emulates."""
SAVE_S = 420.0
"""How long the snapshot's machine may take: emulated, on a busy host, it is two minutes."""

log = logging.getLogger(__name__)


class QemuProvider(KeptProvider):
    """The provider `qemu`. Satisfies `Pooled`, `Prepared` and `Suspends`."""

    def __init__(
        self, keeper: KeeperClient, data: Path, *, accel: Accel | None = None, image: str = ""
    ) -> None:
        """Use an opened client whose `run` is running. `accel`, `image`: instead of the best."""
        super().__init__(keeper, data)
        self._data, self._image_name = data, image
        self._accel = accel
        self._store = SnapshotStore(data)
        self._one_at_a_time = asyncio.Lock()
        self._ready: dict[str, tuple[Snapshot, SealedMemory]] = {}
        self._ready_of = ""
        self._resuming: set[MachineRef] = set()

    # --- Provider ----------------------------------------------------------------------------

    async def start(self, spec: MachineSpec) -> Machine:
        """Restore a machine. See `Provider.start`. The first of a kind waits for its snapshot."""
        check_ref(spec.ref)
        await self.prepare(spec)
        return await super().start(spec)

    async def made_of(self) -> str:
        """Name what machines are copies of now. See `Pooled.made_of`."""
        accel = await self._accelerated()
        return f"{accel.name}-{await asyncio.to_thread(self._made_of)}"

    async def list(self) -> tuple[Machine, ...]:
        """Give the machines that the keeper holds, but for one that becomes a snapshot."""
        held = await self._held()
        return tuple(each for each in held if not each.ref.startswith(SNAPSHOT_REF))

    # --- suspending --------------------------------------------------------------------------

    async def suspend(self, ref: MachineRef, file: Path, key: bytes) -> None:
        """Write a machine to a sealed file and end it. See `Suspends.suspend`."""
        check_ref(ref)
        await suspend_to(self._layout.machines / ref, file, key, context=ref.encode())
        with contextlib.suppress(MachineNotFound):
            await self.wait(ref)

    async def resume(self, spec: MachineSpec, file: Path, key: bytes) -> Machine:
        """Have a suspended machine go on. See `Suspends.resume`."""
        check_ref(spec.ref)
        await self._accelerated()
        self._resuming.add(spec.ref)
        try:
            machine = await super().start(spec)
        finally:
            self._resuming.discard(spec.ref)
        try:
            await resume_from(machine.directory, file, key, context=spec.ref.encode())
        except BaseException:
            with contextlib.suppress(HostError):
                await asyncio.shield(self._keeper.destroy(spec.ref))
            raise
        return machine

    # --- the snapshot ------------------------------------------------------------------------

    async def prepare(self, kind: MachineSpec) -> None:
        """Have the snapshot for machines of a kind ready. See `Prepared.prepare`.

        Raises:
            ImageMissing: there is no image.
            SnapshotFailed: its machine did not come up.
            PackageMissing: QEMU or bubblewrap is not installed.
        """
        shape = _shape(kind, await self._accelerated())
        async with self._one_at_a_time:
            made_of = await asyncio.to_thread(self._made_of)
            key = key_of(made_of, shape)
            self._forget_all_but(made_of)
            if key in self._ready:
                return
            found = await asyncio.to_thread(self._store.find, key)
            memory = await self._sealed(key, found) if found else None
            if found is None or memory is None:
                found = await self._make(key, made_of, shape)
                memory = await asyncio.to_thread(SealedMemory, found.memory)
            self._ready[key] = (found, memory)

    def close(self) -> None:
        """Give the snapshots' memory back. Machines that run keep theirs; it can be used again."""
        for _, memory in self._ready.values():
            memory.close()
        self._ready.clear()

    def _forget_all_but(self, made_of: str) -> None:
        """Give the memory of another image's snapshots back."""
        if self._ready_of != made_of:
            self.close()
            self._ready_of = made_of

    async def _accelerated(self) -> Accel:
        if self._accel is None:
            self._accel = await asyncio.to_thread(probe)
            log.warning("virtual machines run with %s: %s", self._accel.name, self._accel.why)
        return self._accel

    async def _sealed(self, key: str, found: Snapshot) -> SealedMemory | None:
        """Give the memory of a snapshot; None: it is not what was written, and is removed."""
        with contextlib.suppress(OSError):
            memory = await asyncio.to_thread(SealedMemory, found.memory)
            if await asyncio.to_thread(lambda: memory.sha256) == found.memory_sha256:
                return memory
            memory.close()
        log.warning("the snapshot %s is damaged, and is made anew", key)
        await asyncio.to_thread(self._store.remove, key)
        return None

    async def _make(self, key: str, made_of: str, shape: VmShape) -> Snapshot:
        """Boot the image to a quiet desktop and save that.

        Whoever waits for it may be cancelled: the machine belongs to the keeper, goes on, and the
        next who wants the snapshot waits for the same one, after the controller's restart too.

        Raises:
            SnapshotFailed: it did not come up.
        """
        ref, began = MachineRef(SNAPSHOT_REF + key), time.monotonic()
        try:
            if ref not in {each.ref for each in await self._held()}:
                await self._begin(ref, key, shape)
            await self._saved(ref, key)
            found = await asyncio.to_thread(self._store.finish, key, made_of)
        except OSError as error:
            await self._give_up(ref, key)
            raise SnapshotFailed(f"what was saved cannot be used: {error}") from None
        except SnapshotFailed:
            await self._give_up(ref, key)
            raise
        removed = await asyncio.to_thread(self._store.prune, made_of)
        took_s = time.monotonic() - began
        log.info(
            "the snapshot %s is there after %.0f s; %d old removed", key, took_s, len(removed)
        )
        return found

    async def _begin(self, ref: MachineRef, key: str, shape: VmShape) -> None:
        if await asyncio.to_thread(self._store.is_written, key):
            return  # its machine ended while nobody waited
        log.info("a desktop is booted to make the snapshot %s of, once for each image", key)
        spec = MachineSpec(ref, SessionId(""), policy=EgressPolicy(mode="none"))
        directory = self._layout.machines / ref
        message = await asyncio.to_thread(self._compose_saving, spec, directory, key, shape)
        await self._keeper.spawn(message)

    async def _saved(self, ref: MachineRef, key: str) -> None:
        """Wait until a snapshot's machine has written it and is gone."""
        try:
            async with asyncio.timeout(SAVE_S):
                ended = await self.wait(ref)
        except TimeoutError:
            raise SnapshotFailed(f"no quiet desktop in {SAVE_S:g} s") from None
        except MachineNotFound:
            ended = MachineEnd(0)
        if ended.status or not await asyncio.to_thread(self._store.is_written, key):
            raise SnapshotFailed(f"the machine for the snapshot ended: {ended.tail[-1500:]}")

    async def _give_up(self, ref: MachineRef, key: str) -> None:
        with contextlib.suppress(HostError):
            await self._keeper.destroy(ref)
        await asyncio.to_thread(self._store.give_up, key)

    def _compose_saving(
        self, spec: MachineSpec, directory: Path, key: str, shape: VmShape
    ) -> SpawnMachine:
        check_packages(NEEDED)
        seccomp = seccomp_program()
        shutil.rmtree(directory, ignore_errors=True)  # of a keeper that was killed
        uid = self._make_directory(directory)
        part = self._store.begin(key, shape.memory_mib, uid)
        argv = vm_argv(spec, self._paths(shape, part), shape, directory=directory, is_saving=True)
        return self._message(spec, directory, uid, argv, seccomp, shape)

    # --- a machine ---------------------------------------------------------------------------

    def _compose(self, spec: MachineSpec, directory: Path) -> SpawnMachine:
        check_packages(NEEDED)
        assert self._accel is not None  # known since `start`
        shape = _shape(spec, self._accel)
        if spec.ref in self._resuming:
            return self._compose_resuming(spec, directory, shape)
        snapshot, memory = self._ready[key_of(self._made_of(), shape)]
        seccomp = seccomp_program()
        paths = self._paths(shape, snapshot.directory)
        uid = self._make_directory(directory)
        argv = vm_argv(spec, paths, shape, directory=directory)
        message = self._message(spec, directory, uid, argv, seccomp, shape)
        return dataclasses.replace(message, files=(memory.path,))

    def _compose_resuming(
        self, spec: MachineSpec, directory: Path, shape: VmShape
    ) -> SpawnMachine:
        """As any machine, but with no snapshot in sight: the image stands where it would be."""
        seccomp = seccomp_program()
        paths = self._paths(shape, self._image().directory)
        uid = self._make_directory(directory)
        argv = vm_argv(spec, paths, shape, directory=directory, is_resuming=True)
        return self._message(spec, directory, uid, argv, seccomp, shape)

    def _message(
        self,
        spec: MachineSpec,
        directory: Path,
        uid: int,
        argv: tuple[str, ...],
        seccomp: bytes,
        shape: VmShape,
    ) -> SpawnMachine:
        return SpawnMachine(
            machine=spec.ref,
            session=spec.session,
            argv=argv,
            env={"PATH": "/usr/bin:/bin"},
            directory=str(directory),
            uid=uid,
            policy=spec.policy,
            seccomp_b64=base64.b64encode(seccomp).decode(),
            memory_mib=shape.memory_mib + OVERHEAD_MIB if spec.memory_mib else 0,
            pids=spec.pids,
            cpus=spec.cpus,
        )

    def _paths(self, shape: VmShape, snapshot: Path) -> VmPaths:
        image, devices = self._image(), self._layout.runtime / "devices"
        kvm = Path("/dev/kvm")
        return VmPaths(
            vmm=self._installed().vmm,
            image=image.directory,
            kernel=image.kernel.name,
            initrd=image.initrd.name,
            layers=tuple(each.name for each in image.layers),
            snapshot=snapshot,
            tun=node_for_machines(Path("/dev/net/tun"), devices),
            kvm=node_for_machines(kvm, devices) if shape.accel == "kvm" else None,
        )

    def _image(self) -> Image:
        return open_image(self._data, self._image_name)

    def _made_of(self) -> str:
        runtime = self._installed().directory.name
        return made_of(self._image(), f"{runtime} {_qemu_version()}")


def _shape(kind: MachineSpec, accel: Accel) -> VmShape:
    cpus = math.ceil(kind.cpus) or DEFAULT_CPUS
    memory_mib = kind.memory_mib or DEFAULT_MEMORY_MIB
    return VmShape(accel.name, memory_mib, cpus, kind.restricted, kind.pids, kind.home_mib)


def _qemu_version() -> str:
    check_packages(NEEDED)
    found = Path(QEMU).stat()
    return _version_of(found.st_mtime_ns, found.st_size)


@functools.cache
def _version_of(*_file: int) -> str:
    """Ask QEMU, once for each file that it was."""
    done = subprocess.run([QEMU, "--version"], capture_output=True, text=True, check=False)
    return done.stdout.splitlines()[0] if done.stdout else ""
