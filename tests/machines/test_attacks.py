"""What a hostile program in a virtual machine cannot do to its host and to other machines."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from tests.integration.machines.test_isolation import REFUSED_BY_PROXY, own_addresses
from tests.machines.test_confinement import status_of
from tests.machines.world import RESTORE_S, VmHost

from fanlight.testing.conformance import fresh_spec, link_answers
from fanlight.wire import EgressPolicy, EgressRefused

ATTEMPTS = Path(__file__).with_name("attempts.py")
VMM_KIB = 120_000
"""What runs beside QEMU is a Python with about 30 MB; a queue without a limit would show."""


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    """A service of the host's, on every address: nobody in a machine may reach it."""
    with socket.create_server(("0.0.0.0", 0)) as sock:
        yield sock


async def test_nothing_that_a_hostile_program_tries_reaches_anybody(
    host: VmHost, listener: socket.socket
) -> None:
    port = listener.getsockname()[1]
    pins = {"pinned.test:443": f"127.0.0.1:{port}"}
    machine = await host.provider.start(replace(fresh_spec(), policy=EgressPolicy(pins=pins)))
    addresses = [each for each in await asyncio.to_thread(own_addresses) if ":" not in each]
    goal = {
        "host_addresses": addresses,
        "port": port,
        "pin": "pinned.test:443",
        "proxy_refuses": [*REFUSED_BY_PROXY, *(f"{each}:80" for each in addresses)],
        "proxy_refuses_urls": [f"http://127.0.0.1:{port}/", "http://169.254.169.254/latest"],
    }
    program = await asyncio.to_thread(ATTEMPTS.read_text)
    argv = ["/usr/bin/python3", "-I", "-c", program, json.dumps(goal)]

    answer = await host.ask(machine, {"run": argv})

    assert answer["status"] == 0, answer["err"]
    outcome = json.loads(answer["out"])
    done = [each for each in outcome["attempts"].items() if not each[1].startswith("refused")]
    assert done == []
    assert outcome["proxy"].pop("pin") == "200", "what the policy allows works"
    assert set(outcome["proxy"].values()) == {"403"}, outcome["proxy"]
    assert set(outcome["capabilities"]) == {"0" * 16}
    assert sorted(outcome["interfaces"]) == ["eth0", "lo"]
    refused = [each for each in host.events if isinstance(each, EgressRefused)]
    assert "127.0.0.1:80" in {each.destination for each in refused}


FORK_BOMB = """
import os, time
end = time.monotonic() + 10
made = 0
while time.monotonic() < end:
    try:
        pid = os.fork()
    except OSError:
        break
    if pid == 0:
        while time.monotonic() < end:
            try:
                os.fork()
            except OSError:
                time.sleep(0.1)
        os._exit(0)
    made += 1
print(made)
"""


async def test_a_fork_bomb_stays_in_its_machine(host: VmHost) -> None:
    bomber = await host.provider.start(fresh_spec())
    other = await host.provider.start(fresh_spec())
    await link_answers(other, RESTORE_S)
    pid = await host.pid(bomber)

    async with asyncio.TaskGroup() as tasks:
        bomb = tasks.create_task(host.ask(bomber, {"python": FORK_BOMB}))
        assert await host.python(other, "print(6 * 7)") == "42\n"
        threads = int((await asyncio.to_thread(status_of, pid))["Threads"])
        bomb.cancel()

    assert threads < 64, "the host sees QEMU's threads and none of the machine's processes"
    await host.provider.destroy(bomber.ref)
    assert await host.provider.list() == (other,)


FILL = """
import os
from pathlib import Path
written = {}
for place in ("/tmp", "/home/fanlight", "/dev/shm", "/run/fanlight", "/", "/var/tmp", "/etc"):
    try:
        with open(Path(place, "filler"), "wb") as file:
            written[place] = 0
            while True:
                written[place] += file.write(b"x" * (1 << 20))
                if written[place] > 8 << 30:
                    break
    except OSError:
        pass
    try:
        os.unlink(Path(place, "filler"))
    except OSError:
        pass
print(max(written.values()) >> 20)
"""


async def test_a_machine_that_fills_every_place_takes_nothing_of_the_hosts_disk(
    host: VmHost,
) -> None:
    machine = await host.provider.start(fresh_spec())
    await link_answers(machine, RESTORE_S)
    before = await asyncio.to_thread(files_of, host.data)

    most_mib = int(await host.python(machine, FILL))

    assert most_mib <= 1024, "each place has a limit"
    assert await asyncio.to_thread(files_of, host.data) == before
    assert await host.python(machine, "print(6 * 7)") == "42\n", "it goes on"


def files_of(data: Path) -> dict[str, int]:
    """The files of a data directory, but the image's and the logs', and their sizes."""
    kept = [each for each in data.iterdir() if not each.is_symlink() and each.name != "log"]
    found = [path for each in kept for path in (each, *each.rglob("*")) if path.is_file()]
    return {str(each): each.stat().st_size for each in found}


FLOOD = """
import socket
end = socket.socket(socket.AF_UNIX)
end.bind("/run/fanlight/vnc.sock")
end.listen(1)
connection, _ = end.accept()
sent = 0
try:
    while sent < 1 << 30:
        sent += connection.send(b"x" * 65536)
except OSError:
    pass
"""


async def test_a_flood_that_nobody_reads_holds_no_other_up_and_fills_nothing(
    host: VmHost,
) -> None:
    machine = await host.provider.start(fresh_spec())
    await link_answers(machine, RESTORE_S)
    vmm = int((await asyncio.to_thread(status_of, await host.pid(machine)))["PPid"])
    spawn = (
        "import subprocess, sys; subprocess.Popen([sys.executable, '-I', '-c', "
        f"{FLOOD!r}], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)"
    )
    await host.python(machine, spawn)

    reader, writer = await flooded(machine.directory / "vnc.sock")
    try:
        for _ in range(5):
            assert await host.python(machine, "print(6 * 7)") == "42\n"
        used_kib = int((await asyncio.to_thread(status_of, vmm))["VmRSS"].split()[0])
    finally:
        writer.close()

    assert used_kib < VMM_KIB
    assert not reader.at_eof(), "nobody was hung up on"


async def flooded(path: Path) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Connect to what floods, and read nothing but the first byte."""
    async with asyncio.timeout(RESTORE_S):
        while True:
            reader, writer = await asyncio.open_unix_connection(path, limit=1024)
            if await reader.read(1):
                return reader, writer
            writer.close()  # it does not listen yet
            await asyncio.sleep(0.05)


async def test_a_machine_that_eats_all_its_memory_ends_itself_or_its_programs_only(
    host: VmHost,
) -> None:
    machine = await host.provider.start(replace(fresh_spec(), memory_mib=2048))
    other = await host.provider.start(fresh_spec())

    await host.ask(machine, {"python": "x = bytearray(16 << 30); print(len(x))"})

    assert await host.python(other, "print(6 * 7)") == "42\n"
    await host.provider.destroy(machine.ref)
