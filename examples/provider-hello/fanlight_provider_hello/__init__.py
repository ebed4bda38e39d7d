"""The smallest provider that keeps the contract of `fanlight.machines.Provider`: bwrap by hand.

It shows where everything goes. It is less closed than `sandbox`, which filters system calls, and
hides and bounds much more: do not let strangers in.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import shutil
from pathlib import Path

from fanlight.errors import HostError, MachineNotFound, MachineRefused
from fanlight.host import KeeperClient, KeeperEvent, Layout, Runtime, install_runtime
from fanlight.machines import Machine, MachineEnd, MachineSpec, check_ref
from fanlight.wire import MachineGone, MachineRef, SpawnMachine

HOME = "/home/fanlight"
FIRST_UID, UID_COUNT = 300_000, 60_000
ETC = ("fonts", "alternatives", "ssl/certs", "ld.so.cache", "X11", "xdg", "chromium.d")


class HelloProvider:
    """The provider `hello`: an entry point is called with the keeper's client and DATA."""

    def __init__(self, keeper: KeeperClient, data: Path) -> None:
        self._keeper, self._layout = keeper, Layout(data)
        self._ends: dict[MachineRef, MachineEnd] = {}
        keeper.listen(self._hear)

    async def start(self, spec: MachineSpec) -> Machine:
        """Make the machine's directory, and have the keeper spawn what runs in it."""
        check_ref(spec.ref)  # a path is made of it next
        directory = self._layout.machines / spec.ref
        loop = asyncio.get_running_loop()
        preparing = loop.run_in_executor(None, self._prepare, spec, directory)
        try:
            await self._keeper.spawn(await asyncio.shield(preparing))
        except (asyncio.CancelledError, HostError):
            with contextlib.suppress(HostError, MachineRefused):
                await preparing  # a thread cannot be stopped; when it is through, all of it goes
                with contextlib.suppress(HostError):
                    await self._keeper.destroy(spec.ref)
                await asyncio.to_thread(shutil.rmtree, directory, ignore_errors=True)
            raise
        return Machine(spec.ref, spec.session, directory)

    async def destroy(self, ref: MachineRef) -> None:
        """The keeper kills its processes and removes its directory, then answers."""
        await self._keeper.destroy(ref)

    async def list(self) -> tuple[Machine, ...]:
        """The keeper knows, whatever became of us: machines outlive the controller."""
        state = await self._keeper.state()
        return tuple(Machine(m.machine, m.session, Path(m.directory)) for m in state.machines)

    async def wait(self, ref: MachineRef) -> MachineEnd:
        """Ask for the end before asking whether it is there: so none falls in between."""
        gone = self._keeper.gone(ref)
        try:
            if end := self._ends.get(ref):
                return end
            if ref not in {each.ref for each in await self.list()} and not gone.done():
                raise MachineNotFound(f"there is no machine {ref}")
            said = await gone
        finally:
            gone.cancel()
        return MachineEnd(said.status, said.tail)

    def _hear(self, event: KeeperEvent) -> None:
        if isinstance(event, MachineGone):
            self._ends[event.machine] = MachineEnd(event.status, event.tail)

    def _prepare(self, spec: MachineSpec, directory: Path) -> SpawnMachine:
        runtime = install_runtime(self._layout)  # guest.pyz, where other uids can read it
        try:
            directory.mkdir(mode=0o700)
        except FileExistsError:
            raise MachineRefused(f"there is a machine {spec.ref} already") from None
        uid = os.geteuid()
        if uid == 0:  # a machine never has the host's uid 0, nor one of another machine's
            uid = FIRST_UID + secrets.randbelow(UID_COUNT)
            os.chown(directory, uid, uid)
        return SpawnMachine(
            machine=spec.ref,
            session=spec.session,
            argv=argv(spec, directory, runtime),
            env={"PATH": "/usr/bin:/bin"},
            directory=str(directory),
            uid=uid,
            policy=spec.policy,  # the egress proxy's: a machine has no other way out
            memory_mib=spec.memory_mib,
            pids=spec.pids,
        )


def argv(spec: MachineSpec, directory: Path, runtime: Runtime) -> tuple[str, ...]:
    """Give the machine's command; the keeper puts a descriptor's number for `{boot_fd}`."""
    words = ["/usr/bin/bwrap", "--die-with-parent", "--new-session", "--unshare-all"]
    words += ["--uid", "1000", "--gid", "1000", "--cap-drop", "ALL", "--clearenv"]
    for name, value in {"HOME": HOME, "PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"}.items():
        words += ["--setenv", name, value]
    words += ["--ro-bind", "/usr", "/usr"]
    for name in ("bin", "sbin", "lib", "lib64"):
        words += ["--symlink", f"usr/{name}", f"/{name}"]
    for name in ETC:
        words += ["--ro-bind-try", f"/etc/{name}", f"/etc/{name}"]
    for own in ("passwd", "group", "hosts", "nsswitch.conf"):
        words += ["--ro-bind", str(runtime.etc / own), f"/etc/{own}"]
    words += ["--dev", "/dev", "--proc", "/proc", "--tmpfs", "/dev/shm"]  # noqa: S108
    words += ["--perms", "1777", "--tmpfs", "/tmp", "--perms", "1777", "--dir", "/tmp/.X11-unix"]  # noqa: S108
    words += ["--tmpfs", HOME, "--chdir", HOME]
    # The three things that make it one of Fanlight's: the guest, its directory, the descriptor.
    words += ["--ro-bind", str(runtime.guest), "/opt/fanlight/guest.pyz"]
    words += ["--bind", str(directory), "/run/fanlight", "--"]
    words += ["/usr/bin/python3", "-I", "-S", "/opt/fanlight/guest.pyz", "--boot-fd", "{boot_fd}"]
    words += ["--display", f"{spec.width_px}x{spec.height_px}"]
    words += ["--login" if spec.restricted else "--no-login"]
    return tuple(words)
