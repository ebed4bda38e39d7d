"""The sandbox provider: the suite of every provider, and that it leaves nothing."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.integration.machines.running import (
    RunningHost,
    restarted,
    running_host,
    sandbox_with_stand_in,
)

from fanlight.errors import MachineRefused
from fanlight.host import Layout
from fanlight.host.leftovers import cgroup_name
from fanlight.machines import Pooled, Provider
from fanlight.machines.sandbox import SandboxProvider
from fanlight.testing.conformance import Restart, fresh_spec, link_answers
from fanlight.testing.guest_conformance import GuestConformance
from fanlight.testing.pooled import PooledConformance

pytestmark = pytest.mark.timeout(120)


@pytest.fixture
async def host() -> AsyncIterator[RunningHost]:
    async with running_host() as running:
        yield running


class TestSandbox(PooledConformance):
    @pytest.fixture
    def provider(self, host: RunningHost) -> Pooled:
        return host.provider

    @pytest.fixture
    def restart(self, host: RunningHost) -> Restart:
        return restarted(host, lambda client: sandbox_with_stand_in(client, host))


class TestSandboxGuest(GuestConformance):
    @pytest.fixture
    def provider(self, host: RunningHost) -> Provider:
        return SandboxProvider(host.client, host.data)


def inventory(data: Path) -> dict[str, list[str]]:
    """What a machine could leave: processes, mounts, interfaces, control groups, files."""
    keeper = (data / "run" / "processes.json").read_text()
    return {
        "recorded": [keeper],
        "processes": sorted(
            entry.name
            for entry in Path("/proc").iterdir()
            if entry.name.isdigit() and _is_ours(entry, data)
        ),
        "mounts": sorted(
            line
            for line in Path("/proc/self/mounts").read_text().splitlines()
            if str(data) in line
        ),
        "interfaces": sorted(os.listdir("/sys/class/net")),
        "groups": sorted(
            str(each)
            for each in Path("/sys/fs/cgroup").rglob(f"fanlight-{cgroup_name(Layout(data))}/*/")
        ),
        "files": sorted(str(each) for each in data.rglob("*") if "log" not in each.parts),
    }


def _is_ours(entry: Path, data: Path) -> bool:
    try:
        # A machine's mounts name its directory; other keepers' machines are not counted.
        said = (entry / "cmdline").read_bytes() + (entry / "mountinfo").read_bytes()
        return data.name.encode() in said
    except OSError:
        return False


async def test_a_destroyed_machine_leaves_nothing_at_all(host: RunningHost) -> None:
    warm = await host.provider.start(fresh_spec())  # what is made once is made now
    await host.provider.destroy(warm.ref)
    before = await asyncio.to_thread(inventory, host.data)

    machine = await host.provider.start(fresh_spec())
    await host.ask(
        machine, {"run": ["sh", "-c", "(sleep 100 & setsid sleep 100 &) >/dev/null 2>&1"]}
    )
    during = await asyncio.to_thread(inventory, host.data)
    await host.provider.destroy(machine.ref)

    after = await asyncio.to_thread(inventory, host.data)
    assert len(during["processes"]) > len(before["processes"])
    assert after == before


async def test_a_machine_that_ends_by_itself_is_told_of_with_its_last_words(
    host: RunningHost,
) -> None:
    machine = await host.provider.start(fresh_spec())

    await host.ask(machine, {"exit": "the disk\x1b[31m is full"})
    end = await host.provider.wait(machine.ref)

    assert end.status == 1
    assert end.tail == "the disk [31m is full", "control characters never reach a terminal"
    assert not await asyncio.to_thread(machine.directory.exists)


async def test_a_guest_that_hands_nothing_over_is_refused(host: RunningHost) -> None:
    (host.data / "guest.py").write_text("print('I am somebody else')")
    spec = fresh_spec()

    with pytest.raises(MachineRefused, match="I am somebody else"):
        await host.provider.start(spec)

    assert await host.provider.list() == ()
    assert not (host.data / "run" / "m" / spec.ref).exists()


async def test_a_guest_that_hands_over_the_wrong_sockets_is_refused(host: RunningHost) -> None:
    guest = host.data / "guest.py"
    guest.write_text(guest.read_text().replace('"127.0.0.1", 5004', '"127.0.0.1", 5014'))

    with pytest.raises(MachineRefused, match="not the four"):
        await host.provider.start(fresh_spec())


async def test_a_silent_guest_is_refused_in_time() -> None:
    async with running_host(boot_timeout_s=0.5) as host:
        (host.data / "guest.py").write_text("import signal; signal.pause()")

        with pytest.raises(MachineRefused, match=r"0\.5 s"):
            await host.provider.start(fresh_spec())


async def test_machines_die_with_a_killed_keeper_and_the_next_one_cleans_up() -> None:
    async with running_host() as host:
        machine = await host.provider.start(fresh_spec())
        pid = (await host.client.state()).machines[0].pid
        before = time.monotonic()

        os.kill(host.keeper_pid, signal.SIGKILL)
        await asyncio.to_thread(wait_until_gone, pid)

        assert time.monotonic() - before < 5
        await again(host, machine.directory)


def wait_until_gone(pid: int) -> None:
    deadline = time.monotonic() + 10
    while Path(f"/proc/{pid}").exists():
        assert time.monotonic() < deadline, f"process {pid} outlives its keeper"
        time.sleep(0.01)


async def again(host: RunningHost, leftover: Path) -> None:
    """Start a second keeper where the first was killed, and see that it starts clean."""
    from tests.integration.machines.running import QUIET_GATEWAY

    from fanlight.host import KeeperClient, KeeperSettings, ensure_keeper

    settings = KeeperSettings(host.data, idle_s=60, gateway_command=QUIET_GATEWAY)
    client = KeeperClient()
    state = await client.open(await ensure_keeper(settings))
    assert state.machines == ()
    assert not await asyncio.to_thread(leftover.exists)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(client.run())
        provider = SandboxProvider(client, host.data, guest=host.data / "guest.py")
        machine = await provider.start(fresh_spec())
        await link_answers(machine)
        await client.end()
    await asyncio.to_thread(wait_until_gone, state.pid)
