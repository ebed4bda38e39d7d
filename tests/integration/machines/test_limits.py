"""What a machine may use at most, on this host's real control groups."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from tests.integration.machines.running import RunningHost, running_host

from fanlight.host import Layout
from fanlight.host.cgroups import find_cgroups
from fanlight.host.leftovers import cgroup_name
from fanlight.machines import Machine
from fanlight.testing.conformance import fresh_spec

pytestmark = pytest.mark.timeout(120)

SPIN = """
import os, time
children = [os.fork() for _ in range(2)]
if 0 in children:
    end = time.monotonic() + 3
    while time.monotonic() < end:
        pass
    os._exit(0)
for _ in children:
    os.wait()
times = os.times()
print(times.children_user + times.children_system)
"""
EAT = "x = bytearray(600 << 20); print(len(x))"


@pytest.fixture
async def host() -> AsyncIterator[RunningHost]:
    async with running_host() as running:
        yield running


def has(host: RunningHost, controller: str) -> bool:
    groups = find_cgroups(cgroup_name(Layout(host.data)))
    return groups is not None and controller in groups.groups


async def test_a_machine_gets_no_more_processor_time_than_its_share(host: RunningHost) -> None:
    if not await asyncio.to_thread(has, host, "cpu"):
        pytest.skip("this host lets us make no control group for processor time")
    machine = await host.provider.start(replace(fresh_spec(), cpus=0.25))

    used_s = float(await host.python(machine, SPIN))

    # Two processes that spin for 3 s would use up to 6 s.
    assert used_s < 0.25 * 3 * 1.5


async def test_a_hog_is_killed_in_its_machine_which_goes_on_and_so_does_its_neighbour(
    host: RunningHost,
) -> None:
    if not await asyncio.to_thread(has, host, "memory"):
        pytest.skip("this host lets us make no control group for memory")
    hungry = await host.provider.start(replace(fresh_spec(), memory_mib=200))
    neighbour = await host.provider.start(replace(fresh_spec(), memory_mib=200))

    answer = await host.ask(hungry, {"python": EAT})

    assert answer["status"] == -9
    assert (await host.python(hungry, "print(6 * 7)")).strip() == "42"
    assert (await host.python(neighbour, "print(6 * 7)")).strip() == "42"


async def test_a_machine_whose_own_agent_is_the_hog_says_that_its_memory_was_full(
    host: RunningHost,
) -> None:
    if not await asyncio.to_thread(has, host, "memory"):
        pytest.skip("this host lets us make no control group for memory")
    machine = await host.provider.start(replace(fresh_spec(), memory_mib=200))

    await host.ask(machine, {"eat_mib": 600})
    end = await host.provider.wait(machine.ref)

    assert (end.status, end.out_of_memory_mib) == (137, 200)


async def test_a_machine_that_is_destroyed_after_a_hog_was_killed_did_not_die_of_memory(
    host: RunningHost,
) -> None:
    machine = await host.provider.start(replace(fresh_spec(), memory_mib=200))
    await host.ask(machine, {"python": EAT})

    await host.provider.destroy(machine.ref)

    assert (await host.provider.wait(machine.ref)).out_of_memory_mib == 0


async def test_a_full_temporary_directory_is_the_machines_own_memory(host: RunningHost) -> None:
    machine = await host.provider.start(replace(fresh_spec(), home_mib=64))

    fills = "dd if=/dev/zero of=$HOME/x bs=1M count=500 2>&1; dd if=/dev/zero of=/x bs=1 count=1"
    answer = await host.ask(machine, {"run": ["sh", "-c", fills]})

    said = answer["out"] + answer["err"]
    assert "No space left on device" in said
    assert "Read-only file system" in said
    await leaves_the_disk_alone(host, machine)


async def leaves_the_disk_alone(host: RunningHost, machine: Machine) -> None:
    def largest() -> int:
        return max((each.lstat().st_size for each in machine.directory.iterdir()), default=0)

    deadline = time.monotonic() + 5
    while await asyncio.to_thread(largest) > 4096:
        assert time.monotonic() < deadline, "it wrote to the host's disk"
        await asyncio.sleep(0.05)
