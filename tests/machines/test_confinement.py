"""What runs beside a virtual machine on its host: with what rights, and what its end means."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

import pytest
from tests.machines.world import RESTORE_S, VmHost, gone

from fanlight.errors import MachineRefused
from fanlight.machines import Machine, MachineEnd
from fanlight.testing.conformance import fresh_spec, link_answers


async def started(host: VmHost) -> tuple[Machine, int]:
    machine = await host.provider.start(fresh_spec())
    await link_answers(machine, RESTORE_S)
    return machine, await host.pid(machine)


def status_of(pid: int) -> dict[str, str]:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return {name: rest.strip() for name, _, rest in (each.partition(":") for each in lines)}


async def test_qemu_has_a_uid_of_its_own_and_no_rights(host: VmHost) -> None:
    (_, one), (_, other) = await started(host), await started(host)

    said = [await asyncio.to_thread(status_of, pid) for pid in (one, other)]

    for each in said:
        assert {int(each["CapEff"], 16), int(each["CapPrm"], 16), int(each["CapInh"], 16)} == {0}
        assert (each["NoNewPrivs"], each["Seccomp"]) == ("1", "2")
    if os.geteuid() == 0:
        uids = [set(each["Uid"].split()) for each in said]
        assert all(len(each) == 1 and int(min(each)) >= 200_000 for each in uids)
        assert uids[0] != uids[1]


async def test_what_runs_beside_it_has_no_rights_either_once_the_network_is_made(
    host: VmHost,
) -> None:
    _, qemu = await started(host)
    vmm = int((await asyncio.to_thread(status_of, qemu))["PPid"])

    said = await asyncio.to_thread(status_of, vmm)

    assert int(said["CapEff"], 16) == 0


async def test_qemu_cannot_write_the_memory_that_all_machines_share(host: VmHost) -> None:
    _, qemu = await started(host)

    maps = (await asyncio.to_thread(Path(f"/proc/{qemu}/maps").read_text)).splitlines()
    shared = [each for each in maps if "memfd:snapshot" in each]

    assert shared
    assert all(each.split()[1].endswith("p") for each in shared), "mapped privately"
    with pytest.raises(PermissionError):
        await asyncio.to_thread(write_memory_of, qemu)


def write_memory_of(pid: int) -> None:
    """Write, as root, through the descriptor that a QEMU has of the snapshot's memory."""
    descriptors = Path(f"/proc/{pid}/fd").iterdir()
    descriptor = next(each for each in descriptors if "memfd:snapshot" in os.readlink(each))
    with descriptor.open("r+b", buffering=0) as memory:
        memory.write(b"x")


async def test_qemu_is_in_none_of_the_hosts_namespaces(host: VmHost) -> None:
    _, qemu = await started(host)

    for kind in ("user", "pid", "net", "ipc", "uts", "mnt"):
        ours, its = (os.readlink(f"/proc/{each}/ns/{kind}") for each in ("self", qemu))
        assert ours != its, kind
    interfaces = await asyncio.to_thread(Path(f"/proc/{qemu}/net/dev").read_text)
    assert sorted(line.split(":")[0].strip() for line in interfaces.splitlines()[2:]) == [
        "lo",
        "tap0",
    ]


@pytest.mark.parametrize("number", [signal.SIGSEGV, signal.SIGKILL])
async def test_a_crash_of_qemu_ends_the_machine_and_is_named(
    host: VmHost, number: signal.Signals
) -> None:
    machine, qemu = await started(host)

    os.kill(qemu, number)
    end = await host.provider.wait(machine.ref)

    assert end.status == 128 + number
    assert f"QEMU was killed by {number.name}" in end.tail
    assert not await asyncio.to_thread(machine.directory.exists)


async def test_the_end_of_its_agent_ends_the_machine_and_is_named(host: VmHost) -> None:
    machine, qemu = await started(host)

    await host.ask(machine, {"exit": 7})
    end: MachineEnd = await host.provider.wait(machine.ref)

    assert end.status != 0
    assert "the agent ended with status 7" in end.tail
    await asyncio.to_thread(gone, qemu)


async def test_qemu_dies_with_what_runs_beside_it(host: VmHost) -> None:
    machine, qemu = await started(host)
    vmm = int((await asyncio.to_thread(status_of, qemu))["PPid"])

    os.kill(vmm, signal.SIGKILL)
    await host.provider.wait(machine.ref)

    await asyncio.to_thread(gone, qemu)


async def test_machines_die_with_a_killed_keeper(host: VmHost) -> None:
    _, qemu = await started(host)

    os.kill(host.keeper_pid, signal.SIGKILL)

    await asyncio.to_thread(gone, qemu)


async def test_a_destroyed_machine_leaves_nothing(host: VmHost) -> None:
    machine, qemu = await started(host)

    await host.provider.destroy(machine.ref)

    await asyncio.to_thread(gone, qemu)
    assert not await asyncio.to_thread(machine.directory.exists)
    with pytest.raises(MachineRefused):
        await host.provider.assign(machine.ref, fresh_spec())
