"""Machines as bubblewrap sandboxes: own user, mount, pid, net, ipc, uts and cgroup namespaces.

The kernel is shared with the host. What a machine sees of the host is `/usr`, read-only, and the
few files of /etc in `ETC_READ`; it has no network but its own loopback.
"""

from __future__ import annotations

import asyncio
import base64
import os
from collections.abc import Mapping
from pathlib import Path

from fanlight.errors import PackageMissing
from fanlight.host import KeeperClient
from fanlight.wire import SpawnMachine

from .kept import FIRST_UID, KeptProvider
from .provider import MachineSpec
from .sandbox_argv import sandbox_argv
from .seccomp import seccomp_program

NEEDED = {
    "/usr/bin/bwrap": "bubblewrap",
    "/usr/bin/Xvnc": "tigervnc-standalone-server",
    "/usr/bin/openbox": "openbox",
    "/usr/lib/chromium/chromium": "chromium",
    "/usr/bin/age": "age",
    "/usr/lib/python3/dist-packages/gi": "python3-gi",
}
"""What every desktop runs, as machines see the host's /usr, and the Debian packages."""


class SandboxProvider(KeptProvider):
    """The provider `sandbox`."""

    def __init__(
        self,
        keeper: KeeperClient,
        data: Path,
        *,
        guest: Path | None = None,
        first_uid: int = FIRST_UID,
    ) -> None:
        """Use an opened client whose `run` is running. `guest`: instead of the built guest.pyz."""
        super().__init__(keeper, data, first_uid=first_uid)
        self._guest = guest

    async def made_of(self) -> str:
        """Name the runtime that machines are made with. See `Pooled.made_of`."""
        return str((await asyncio.to_thread(self._installed)).guest)

    def _compose(self, spec: MachineSpec, directory: Path) -> SpawnMachine:
        check_packages(NEEDED)
        runtime = self._installed()
        seccomp = seccomp_program()  # what may fail comes before the directory
        uid = self._make_directory(directory)
        argv = sandbox_argv(
            spec,
            directory=directory,
            guest=self._guest or runtime.guest,
            etc=runtime.etc,
            tools=self._layout.tools,
        )
        return SpawnMachine(
            machine=spec.ref,
            session=spec.session,
            argv=argv,
            # bwrap is the machine's first process, and anybody in there reads its environment
            # in /proc/1/environ; so it has none of the host's.
            env={"PATH": "/usr/bin:/bin"},
            directory=str(directory),
            uid=uid,
            policy=spec.policy,
            seccomp_b64=base64.b64encode(seccomp).decode(),
            memory_mib=spec.memory_mib,
            pids=spec.pids,
            cpus=spec.cpus,
        )


def check_packages(needed: Mapping[str, str]) -> None:
    """See that what is run is installed: paths, and the Debian packages they are from.

    Raises:
        PackageMissing: something is not.
    """
    missing = sorted({package for path, package in needed.items() if not _is_there(path)})
    if missing:
        raise PackageMissing(
            f"not installed on this host: {', '.join(missing)}",
            hint=f"apt-get install {' '.join(missing)}",
        )


def _is_there(path: str) -> bool:
    return os.access(path, os.X_OK)
