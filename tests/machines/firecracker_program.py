"""Whether Firecracker can be run here, and one that runs."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import os
import shutil
import sys
from collections.abc import AsyncIterator
from pathlib import Path

from fanlight.machines.accel import probe
from fanlight.vmm.firecracker_api import FirecrackerApi, FirecrackerFailed

START_S = 10.0


@functools.cache
def lacks() -> tuple[str, ...]:
    """Say what this machine lacks to run Firecracker, and what to do about each."""
    wanting = []
    if shutil.which("firecracker") is None:
        wanting.append(
            "there is no firecracker in PATH: take a release of "
            "github.com/firecracker-microvm/firecracker, check its SHA-256, and put it there"
        )
    if (accel := probe()).name != "kvm":
        wanting.append(f"{accel.why}: use a machine of metal, or one whose host nests KVM")
    if not os.access("/dev/kvm", os.R_OK | os.W_OK):
        wanting.append("/dev/kvm is not for you: become root, or a member of the group kvm")
    return tuple(wanting)


@contextlib.asynccontextmanager
async def firecracker(root: Path) -> AsyncIterator[FirecrackerApi]:
    """Run one, with `root` as its directory, for as long as the block."""
    process = await asyncio.create_subprocess_exec(
        "firecracker", "--api-sock", "api.sock", cwd=root, stdin=asyncio.subprocess.DEVNULL
    )
    try:
        api = await _opened(root / "api.sock")
        yield api
        await api.close()
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


async def _opened(socket: Path) -> FirecrackerApi:
    async with asyncio.timeout(START_S):
        while True:
            with contextlib.suppress(FirecrackerFailed):
                return await FirecrackerApi.open(socket)
            await asyncio.sleep(0.01)


def main() -> int:
    """Say whether this machine can, for `./dev kvm`."""
    for each in (found := lacks()):
        sys.stderr.write(f"this machine cannot run Firecracker: {each}\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
