"""A keeper of its own, a sandbox provider, and machines that do what a test tells them."""

from __future__ import annotations

import asyncio
import contextlib
import json
import shutil
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fanlight.errors import KeeperUnavailable
from fanlight.host import KeeperClient, KeeperEvent, KeeperSettings, ensure_keeper
from fanlight.machines import Machine, Provider
from fanlight.machines.sandbox import SandboxProvider
from fanlight.testing.conformance import Restart, link_answers

STAND_IN = Path(__file__).with_name("guest_stand_in.py")
QUIET_GATEWAY = ("/usr/bin/python3", "-I", "-S", "-c", "import signal; signal.pause()")
QUIET: dict[str, Any] = {"idle_s": 60, "gateway_command": QUIET_GATEWAY}


@dataclass
class RunningHost:
    """What a test needs of a host."""

    data: Path
    client: KeeperClient
    provider: SandboxProvider
    keeper_pid: int
    events: list[KeeperEvent] = field(default_factory=list)

    async def ask(self, machine: Machine, request: dict[str, Any]) -> dict[str, Any]:
        """Have the stand-in guest do something."""
        await link_answers(machine)
        reader, writer = await asyncio.open_unix_connection(machine.directory / "link.sock")
        writer.write(json.dumps(request).encode() + b"\n")
        line = await reader.readline()
        writer.close()
        await writer.wait_closed()
        return dict(json.loads(line or b"{}"))

    async def python(self, machine: Machine, program: str) -> str:
        """Run Python in a machine; give what it printed."""
        answer = await self.ask(machine, {"python": program})
        assert answer["status"] == 0, answer["err"]
        return str(answer["out"])


@contextlib.asynccontextmanager
async def running_host(**settings: Any) -> AsyncIterator[RunningHost]:
    """Start a keeper on a directory of its own; end it and remove everything."""
    data = Path(await asyncio.to_thread(tempfile.mkdtemp, prefix="fl-", dir="/tmp"))
    await asyncio.to_thread(data.chmod, 0o711)
    guest = data / "guest.py"
    await asyncio.to_thread(shutil.copyfile, STAND_IN, guest)
    events: list[KeeperEvent] = []
    client = KeeperClient(events.append)
    try:
        path = await ensure_keeper(KeeperSettings(data, **(QUIET | settings)))
        state = await client.open(path)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(client.run())
            provider = SandboxProvider(client, data, guest=guest)
            yield RunningHost(data, client, provider, state.pid, events)
            with contextlib.suppress(KeeperUnavailable):  # a test may have killed it
                await client.end()
        await asyncio.to_thread(_gone, state.pid)
    finally:
        await asyncio.to_thread(shutil.rmtree, data, ignore_errors=True)


def restarted(host: RunningHost, make: Callable[[KeeperClient], Provider]) -> Restart:
    """Give what makes a provider on a second connection to the same keeper."""

    @contextlib.asynccontextmanager
    async def again() -> AsyncIterator[Provider]:
        client = KeeperClient()
        await client.open(host.data / "run" / "keeper.sock")
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(client.run())
            yield make(client)
            await client.close()

    return again


def sandbox_with_stand_in(client: KeeperClient, host: RunningHost) -> SandboxProvider:
    """Give a sandbox provider whose machines run the stand-in."""
    return SandboxProvider(client, host.data, guest=host.data / "guest.py")


def _gone(pid: int) -> None:
    deadline = time.monotonic() + 10
    while Path(f"/proc/{pid}").exists():
        assert time.monotonic() < deadline, f"keeper {pid} did not end"
        time.sleep(0.01)
