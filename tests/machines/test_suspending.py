"""A real machine written to disk and going on from there."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest
from tests.machines.world import VmHost

from fanlight.errors import MachineRefused
from fanlight.machines.sealed_stream import new_key
from fanlight.testing.conformance import fresh_spec

SECRET = "nobody-may-read-this-on-the-disk"
REMEMBER = f"open('/tmp/kept', 'w').write({SECRET!r})"
WHO = """
import os, socket, time
from pathlib import Path
print(Path("/tmp/kept").read_text())
print(socket.gethostname())
print(Path("/etc/machine-id").read_text().strip())
print(Path("/sys/class/net/eth0/address").read_text().strip())
print(Path("/proc/sys/kernel/random/boot_id").read_text().strip())
print(time.time())
"""


async def test_a_suspended_machine_goes_on_as_who_it_was(host: VmHost, tmp_path: Path) -> None:
    spec, file, key = fresh_spec(), tmp_path / "suspended", new_key()
    machine = await host.provider.start(spec)
    await host.python(machine, REMEMBER)
    *before, _ = (await host.python(machine, WHO)).strip().split("\n")

    await host.provider.suspend(spec.ref, file, key)

    assert await host.provider.list() == ()
    assert not machine.directory.exists()
    assert SECRET.encode() not in await asyncio.to_thread(file.read_bytes)

    resumed = await host.provider.resume(spec, file, key)
    *after, clock = (await host.python(resumed, WHO)).strip().split("\n")

    assert after == before
    assert abs(float(clock) - time.time()) < 5

    # And once more: a machine that went on can be suspended as any other.
    file.unlink()
    await host.provider.suspend(spec.ref, file, key)
    again = await host.provider.resume(spec, file, key)
    assert (await host.python(again, WHO)).strip().split("\n")[:-1] == before


async def test_a_file_that_was_cut_off_becomes_no_machine(host: VmHost, tmp_path: Path) -> None:
    spec, file, key = fresh_spec(), tmp_path / "suspended", new_key()
    await host.provider.start(spec)
    await host.provider.suspend(spec.ref, file, key)
    with file.open("r+b") as opened:
        opened.truncate(file.stat().st_size - 1)

    with pytest.raises(MachineRefused, match="has changed"):
        await host.provider.resume(spec, file, key)

    assert await host.provider.list() == ()


async def test_where_nothing_can_be_written_the_machine_goes_on(
    host: VmHost, tmp_path: Path
) -> None:
    spec = fresh_spec()
    machine = await host.provider.start(spec)
    await host.python(machine, REMEMBER)

    with pytest.raises(MachineRefused):
        await host.provider.suspend(spec.ref, tmp_path / "nowhere" / "suspended", new_key())

    assert (await host.python(machine, WHO)).startswith(SECRET)


async def test_a_machine_goes_on_when_nobody_waits_for_its_suspension_any_more(
    host: VmHost, tmp_path: Path
) -> None:
    spec, file = fresh_spec(), tmp_path / "suspended"
    machine = await host.provider.start(spec)
    await host.python(machine, REMEMBER)

    async with asyncio.TaskGroup() as tasks:
        suspending = tasks.create_task(host.provider.suspend(spec.ref, file, new_key()))
        await asyncio.to_thread(_grows, file)
        suspending.cancel()

    assert not file.exists()
    assert (await host.python(machine, WHO)).startswith(SECRET)


def _grows(file: Path) -> None:
    deadline = time.monotonic() + 60
    while not (file.exists() and file.stat().st_size > 1 << 20):
        assert time.monotonic() < deadline, "nothing was written"
        time.sleep(0.01)
