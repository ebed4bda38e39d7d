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
import logging
import subprocess
from collections.abc import Callable
from pathlib import Path

from fanlight.errors import HostError, MachineNotFound, SnapshotFailed
from fanlight.host import KeeperClient
from fanlight.image import Image, open_image
from fanlight.wire import EgressPolicy, MachineRef, SessionId, SpawnMachine

from .accel import QEMU, Accel, probe
from .device_nodes import node_for_machines
from .kept import KeptProvider
from .provider import Machine, MachineSpec
from .sandbox import check_packages
from .sealed_memory import SealedMemory
from .seccomp import seccomp_program
from .snapshots import Snapshot, SnapshotStore, key_of
from .vm_argv import VmPaths, VmShape, vm_argv

NEEDED = {"/usr/bin/bwrap": "bubblewrap", QEMU: "qemu-system-x86"}
SNAPSHOT_REF = "snapshot-"
"""Machines of this name are the ones that snapshots are made of: nobody else's business."""
MEMORY_MIB = 2048
"""What a desktop needs: a browser with one heavy page takes a half of it."""
OVERHEAD_MIB = 768
"""What QEMU takes besides: translated code, above all, where it emulates."""
SAVE_S = 420.0
Progress = Callable[[str], None]

log = logging.getLogger(__name__)


class QemuProvider(KeptProvider):
    """The provider `qemu`. Satisfies `Pooled`."""

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
        self._progress: Progress = lambda text: None

    # --- Provider ----------------------------------------------------------------------------

    async def start(self, spec: MachineSpec) -> Machine:
        """Restore a machine. See `Provider.start`. The first of a kind waits for its snapshot."""
        await self._prepared(self._shape(spec.restricted, await self._accelerated()))
        return await super().start(spec)

    async def made_of(self) -> str:
        """Name the snapshot that machines are copies of now. See `Pooled.made_of`."""
        accel = await self._accelerated()
        return await asyncio.to_thread(self._key, self._shape(restricted=True, accel=accel))

    async def list(self) -> tuple[Machine, ...]:
        """Give the machines that the keeper holds, but for one that becomes a snapshot."""
        return tuple(
            each for each in await super().list() if not each.ref.startswith(SNAPSHOT_REF)
        )

    # --- the snapshot ------------------------------------------------------------------------

    async def prepare(self, progress: Progress | None = None, *, restricted: bool = True) -> None:
        """Have the snapshot ready, so that the first session need not wait for it.

        Raises:
            ImageMissing: there is no image.
            SnapshotFailed: its machine did not come up.
            PackageMissing: QEMU or bubblewrap is not installed.
        """
        self._progress = progress or (lambda text: None)
        await self._prepared(self._shape(restricted, await self._accelerated()))

    async def _accelerated(self) -> Accel:
        if self._accel is None:
            self._accel = await asyncio.to_thread(probe)
            log.warning("virtual machines run with %s: %s", self._accel.name, self._accel.why)
        return self._accel

    async def _prepared(self, shape: VmShape) -> None:
        async with self._one_at_a_time:
            key = await asyncio.to_thread(self._key, shape)
            if key in self._ready:
                return
            found = await asyncio.to_thread(self._store.find, key)
            if found is None:
                self._progress("booting a desktop to make the snapshot of; once for each image")
                found = await self._make(key, shape)
            memory = await asyncio.to_thread(SealedMemory, found.memory)
            self._ready[key] = (found, memory)

    async def _make(self, key: str, shape: VmShape) -> Snapshot:
        """Boot the image to a quiet desktop and save that.

        Raises:
            SnapshotFailed: it did not come up.
        """
        ref = MachineRef(SNAPSHOT_REF + key)
        await self._keeper.destroy(ref)  # one that a controller before began
        spec = MachineSpec(ref, SessionId(""), policy=EgressPolicy(mode="none"))
        directory = self._layout.machines / ref
        try:
            message = await asyncio.to_thread(self._compose_saving, spec, directory, key, shape)
            gone = self._keeper.gone(ref)
            await self._keeper.spawn(message)
            async with asyncio.timeout(SAVE_S):
                ended = await gone
            if ended.status != 0:
                raise SnapshotFailed(f"the machine for the snapshot ended: {ended.tail[-1500:]}")
            return await asyncio.to_thread(self._store.finish, key, {"image": self._image().name})
        except TimeoutError:
            raise SnapshotFailed(f"no quiet desktop in {SAVE_S:g} s") from None
        except OSError as error:
            raise SnapshotFailed(f"what was saved cannot be used: {error}") from None
        finally:
            with contextlib.suppress(HostError, MachineNotFound):
                await asyncio.shield(self._keeper.destroy(ref))
            await asyncio.to_thread(self._store.give_up, key)

    def _compose_saving(
        self, spec: MachineSpec, directory: Path, key: str, shape: VmShape
    ) -> SpawnMachine:
        check_packages(NEEDED)
        seccomp = seccomp_program()
        uid = self._make_directory(directory)
        part = self._store.begin(key, shape.memory_mib, uid)
        argv = vm_argv(spec, self._paths(shape, part), shape, directory=directory, is_saving=True)
        return self._message(spec, directory, uid, argv, seccomp, shape)

    # --- a machine ---------------------------------------------------------------------------

    def _compose(self, spec: MachineSpec, directory: Path) -> SpawnMachine:
        check_packages(NEEDED)
        assert self._accel is not None  # known since `start`
        shape = self._shape(spec.restricted, self._accel)
        snapshot, memory = self._ready[self._key(shape)]
        seccomp = seccomp_program()
        paths = self._paths(shape, snapshot.directory)
        uid = self._make_directory(directory)
        argv = vm_argv(spec, paths, shape, directory=directory)
        message = self._message(spec, directory, uid, argv, seccomp, shape)
        return dataclasses.replace(message, files=(memory.path,))

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

    def _shape(self, restricted: bool, accel: Accel) -> VmShape:
        return VmShape(accel.name, MEMORY_MIB, 2, restricted)

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

    def _key(self, shape: VmShape) -> str:
        runtime = self._installed().directory.name
        return key_of(self._image(), shape, f"{runtime} {_qemu_version()}")


def _qemu_version() -> str:
    check_packages(NEEDED)
    done = subprocess.run([QEMU, "--version"], capture_output=True, text=True, check=False)
    return done.stdout.splitlines()[0] if done.stdout else ""
