"""Two machines of one snapshot: what no two may share, and what neither reaches of the other."""

from __future__ import annotations

import asyncio
import re
import time
from pathlib import Path

from tests.machines.world import VmHost

from fanlight.machines import Machine
from fanlight.testing.conformance import fresh_spec

WHO = """
import os, socket, time
from pathlib import Path
print(socket.gethostname())
print(Path("/etc/hostname").read_text().strip())
print(Path("/etc/machine-id").read_text().strip())
print(Path("/sys/class/net/eth0/address").read_text().strip())
print(os.urandom(32).hex())
print(Path("/proc/sys/kernel/random/uuid").read_text().strip())
print(time.time())
"""
NAMES = ("host name", "/etc/hostname", "machine id", "MAC", "random bytes", "uuid", "clock")


async def two(host: VmHost) -> tuple[Machine, Machine]:
    async with asyncio.TaskGroup() as tasks:
        starts = [tasks.create_task(host.provider.start(fresh_spec())) for _ in range(2)]
    return starts[0].result(), starts[1].result()


async def who(host: VmHost, machine: Machine) -> dict[str, str]:
    lines = (await host.python(machine, WHO)).split("\n")
    return dict(zip(NAMES, lines, strict=False))


async def test_no_two_machines_share_an_identity(host: VmHost) -> None:
    machines = await two(host)

    one, other = [await who(host, each) for each in machines]

    same = {name for name in NAMES if one[name] == other[name]}
    assert same == set()
    for said in (one, other):
        assert said["host name"] == said["/etc/hostname"]
        assert re.fullmatch("[0-9a-f]{32}", said["machine id"])


async def test_a_machine_knows_what_time_it_is_however_old_its_snapshot(host: VmHost) -> None:
    machine = await host.provider.start(fresh_spec())

    before = time.time()
    clock = float((await who(host, machine))["clock"])

    assert before - 1 < clock < time.time() + 1


async def test_each_has_a_mac_of_its_own_as_the_host_sees_it(host: VmHost) -> None:
    machines = await two(host)

    seen = set()
    for each in machines:
        await host.python(each, SAY_SOMETHING)
        inside = (await who(host, each))["MAC"]
        outside = await asyncio.to_thread(neighbour, await host.pid(each))
        assert outside == inside
        seen.add(outside)

    assert len(seen) == 2


SAY_SOMETHING = """
import socket
socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"x", ("10.98.0.1", 5004))
"""


def neighbour(pid: int) -> str:
    """Give the hardware address of 10.98.0.2 in a process's network namespace."""
    for line in Path(f"/proc/{pid}/net/arp").read_text().splitlines()[1:]:
        address, _, _, mac, *_ = line.split()
        if address == "10.98.0.2":
            return mac
    return ""


REACH = """
import socket
found = []
for host, port in (("10.98.0.1", 22), ("10.98.0.1", 5004), ("127.0.0.1", 3128),
                   ("10.98.0.2", 5004), ("10.98.0.3", 80), ("169.254.169.254", 80),
                   ("192.168.0.1", 80), ("8.8.8.8", 53)):
    with socket.socket() as probe:
        probe.settimeout(3)
        try:
            probe.connect((host, port))
            found.append(f"{host}:{port}")
        except OSError:
            pass
try:
    found.append(socket.gethostbyname("example.org"))
except OSError:
    pass
print(found)
"""


async def test_a_machine_reaches_nothing_but_its_proxy(host: VmHost) -> None:
    machine = await host.provider.start(fresh_spec())

    found = (await host.python(machine, REACH)).strip()

    assert found == "[]", "10.98.0.1 has media by UDP and the proxy, and nothing else answers"
