"""A keeper of its own and a QEMU provider, whose machines run the stand-in or the real guest."""

from __future__ import annotations

import asyncio
import contextlib
import json
import shutil
import tempfile
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.machines.images import data_with

from fanlight.errors import KeeperUnavailable
from fanlight.host import KeeperClient, KeeperEvent, KeeperSettings, ensure_keeper
from fanlight.image import Image
from fanlight.machines import Machine, Provider
from fanlight.machines.qemu import QemuProvider
from fanlight.testing.conformance import Restart, link_answers

QUIET_GATEWAY = ("/usr/bin/python3", "-I", "-S", "-c", "import signal; signal.pause()")
RESTORE_S = 40.0
"""How long a restored machine may take to be there: emulated, beside others, on a busy host."""


@dataclass
class VmHost:
    """What a test needs of a host."""

    data: Path
    client: KeeperClient
    provider: QemuProvider
    keeper_pid: int
    events: list[KeeperEvent] = field(default_factory=list)

    async def pid(self, machine: Machine) -> int:
        """Give the process id of a machine's QEMU, on the host."""
        (record,) = [
            each
            for each in (await self.client.state()).machines
            if each.directory == str(machine.directory)
        ]
        return await asyncio.to_thread(_qemu_below, record.pid)

    async def ask(self, machine: Machine, request: dict[str, Any]) -> dict[str, Any]:
        """Have the stand-in guest do something."""
        await link_answers(machine, RESTORE_S)
        reader, writer = await asyncio.open_unix_connection(machine.directory / "link.sock")
        try:
            writer.write(json.dumps(request).encode() + b"\n")
            line = await reader.readline()
        finally:
            writer.close()
            with contextlib.suppress(OSError, asyncio.CancelledError):
                await writer.wait_closed()
        return dict(json.loads(line or b"{}"))

    async def python(self, machine: Machine, program: str) -> str:
        """Run Python in a machine; give what it printed."""
        answer = await self.ask(machine, {"python": program})
        assert answer.get("status") == 0, answer
        return str(answer["out"])


@contextlib.asynccontextmanager
async def vm_host(image: Image, **settings: Any) -> AsyncIterator[VmHost]:
    """Start a keeper on a directory of its own; end it and remove everything but the image."""
    data = Path(await asyncio.to_thread(tempfile.mkdtemp, prefix="fl-", dir="/tmp"))
    await asyncio.to_thread(data.chmod, 0o711)
    await asyncio.to_thread(data_with, image, data)
    events: list[KeeperEvent] = []
    client = KeeperClient(events.append)
    quiet: dict[str, Any] = {"idle_s": 60, "gateway_command": QUIET_GATEWAY}
    try:
        path = await ensure_keeper(KeeperSettings(data, **(quiet | settings)))
        state = await client.open(path)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(client.run())
            provider = QemuProvider(client, data)
            with contextlib.closing(provider):
                yield VmHost(data, client, provider, state.pid, events)
            with contextlib.suppress(KeeperUnavailable):  # a test may have killed it
                await client.end()
        await asyncio.to_thread(gone, state.pid)
    finally:
        await asyncio.to_thread(shutil.rmtree, data, ignore_errors=True)


def restarted(host: VmHost) -> Restart:
    """Give what makes a provider on a second connection to the same keeper."""

    @contextlib.asynccontextmanager
    async def again() -> AsyncIterator[Provider]:
        client = KeeperClient()
        await client.open(host.data / "run" / "keeper.sock")
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(client.run())
            with contextlib.closing(QemuProvider(client, host.data)) as provider:
                yield provider
            await client.close()

    return again


def gone(pid: int, timeout_s: float = 10.0) -> None:
    """Return when a process is no more."""
    deadline = time.monotonic() + timeout_s
    while Path(f"/proc/{pid}").exists():
        assert time.monotonic() < deadline, f"process {pid} did not end"
        time.sleep(0.01)


def _qemu_below(pid: int) -> int:
    deadline = time.monotonic() + RESTORE_S
    while time.monotonic() < deadline:
        below = [pid]
        for each in below:
            with contextlib.suppress(OSError):
                if Path(f"/proc/{each}/comm").read_text().startswith("qemu"):
                    return each
                children = Path(f"/proc/{each}/task/{each}/children").read_text()
                below += map(int, children.split())
        time.sleep(0.01)
    raise TimeoutError(f"no QEMU below process {pid}")
