"""The keeper when what it keeps, or what it stands on, goes away; and a hostile guest's files."""

from __future__ import annotations

import asyncio
import errno
import os
import shutil
import signal
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from tests.integration.machines.running import QUIET_GATEWAY, RunningHost, running_host
from tests.integration.machines.test_sandbox import wait_until_gone

from fanlight.errors import MachineRefused
from fanlight.host import (
    KeeperClient,
    KeeperSettings,
    Layout,
    ensure_keeper,
    open_machine_socket,
)
from fanlight.host.cgroups import Limits, find_cgroups
from fanlight.host.leftovers import cgroup_name
from fanlight.host.processes import children_of
from fanlight.host.services import listen_at
from fanlight.testing.conformance import fresh_spec
from fanlight.wire import OrphansRemoved

pytestmark = pytest.mark.timeout(120)

EGRESS = "fanlight.host.egress"
ASK_PROXY = """
import socket
with socket.create_connection(("127.0.0.1", 3128), timeout=10) as sock:
    sock.sendall(b"CONNECT 127.0.0.1:80 HTTP/1.1\\r\\n\\r\\n")
    print(sock.recv(4096).decode().split(" ")[1])
"""


@pytest.fixture
async def host() -> AsyncIterator[RunningHost]:
    async with running_host() as running:
        yield running


async def gone(pid: int) -> None:
    await asyncio.to_thread(wait_until_gone, pid)


def child_with(pid: int, word: str) -> int:
    """The keeper's child whose command holds a word, or 0."""
    for each in children_of(pid):
        try:
            if word.encode() in Path(f"/proc/{each}/cmdline").read_bytes():
                return each
        except OSError:
            continue
    return 0


def another(pid: int, word: str, than: int) -> int:
    """Wait for a child that is not `than`."""
    deadline = time.monotonic() + 15
    while (found := child_with(pid, word)) in (0, than):
        assert time.monotonic() < deadline, f"no {word} came"
        time.sleep(0.02)
    return found


async def test_a_killed_egress_proxy_comes_back_and_serves_the_machines_there_were(
    host: RunningHost,
) -> None:
    machine = await host.provider.start(fresh_spec())
    assert (await host.python(machine, ASK_PROXY)).strip() == "403"
    egress = await asyncio.to_thread(another, host.keeper_pid, EGRESS, 0)

    os.kill(egress, signal.SIGKILL)
    await asyncio.to_thread(another, host.keeper_pid, EGRESS, egress)

    assert (await host.python(machine, ASK_PROXY)).strip() == "403"


async def test_two_who_want_a_keeper_at_once_get_the_same_one() -> None:
    async with running_host() as host:
        await host.client.end()
        await gone(host.keeper_pid)
        settings = KeeperSettings(host.data, idle_s=60, gateway_command=QUIET_GATEWAY)
        paths = await asyncio.gather(*(ensure_keeper(settings) for _ in range(3)))

        clients = [KeeperClient() for _ in paths]
        states = [await client.open(path) for client, path in zip(clients, paths, strict=True)]

        assert len({state.pid for state in states}) == 1
        async with asyncio.TaskGroup() as tasks:
            running = [tasks.create_task(client.run()) for client in clients]
            await clients[0].end()
            await asyncio.gather(*running)
        await gone(states[0].pid)


async def test_a_keeper_left_alone_ends_with_all_its_machines() -> None:
    async with running_host(idle_s=0.3) as host:
        machine = await host.provider.start(fresh_spec())
        pid = (await host.client.state()).machines[0].pid

        await host.client.close()

        await gone(host.keeper_pid)
        await gone(pid)
        assert not await asyncio.to_thread(machine.directory.exists)
        assert sorted(each.name for each in (host.data / "run").glob("*.sock")) == []


async def test_a_keeper_whose_directory_was_removed_ends(host: RunningHost) -> None:
    await host.provider.start(fresh_spec())
    pid = (await host.client.state()).machines[0].pid

    await asyncio.to_thread(shutil.rmtree, host.data, ignore_errors=True)

    await gone(host.keeper_pid)
    await gone(pid)


async def test_a_keeper_that_lost_its_directory_leaves_its_successors_sockets(
    host: RunningHost,
) -> None:
    await asyncio.to_thread(shutil.rmtree, host.data, ignore_errors=True)
    settings = KeeperSettings(host.data, idle_s=60, gateway_command=QUIET_GATEWAY)
    client = KeeperClient()
    state = await client.open(await ensure_keeper(settings))
    assert state.pid != host.keeper_pid

    await gone(host.keeper_pid)

    second = KeeperClient()
    assert (await second.open(await ensure_keeper(settings))).pid == state.pid
    await second.close()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(client.run())
        await client.end()
    await gone(state.pid)


async def test_a_full_disk_does_not_end_the_keeper(host: RunningHost) -> None:
    # A directory in its place: writing down what runs fails as it does on a full disk.
    record = host.data / "run" / "processes.json"
    await asyncio.to_thread(record.unlink, missing_ok=True)
    await asyncio.to_thread(record.mkdir)

    machine = await host.provider.start(fresh_spec())

    assert (await host.python(machine, "print(6 * 7)")).strip() == "42"
    await host.provider.destroy(machine.ref)
    await asyncio.to_thread(record.rmdir)


FILLING = {
    "a file": 'open("/run/fanlight/x", "wb").write(bytes(1 << 20))',
    "a file nobody sees": """
import os
fd = os.open("/run/fanlight/x", os.O_CREAT | os.O_RDWR)
os.unlink("/run/fanlight/x")
os.posix_fallocate(fd, 0, 1 << 20)
""",
    "a file without a name": """
import os
os.write(os.open("/run/fanlight", os.O_TMPFILE | os.O_RDWR), bytes(1 << 20))
""",
    "a directory": 'import os; os.mkdir("/run/fanlight/x")',
    "a thousand links": """
import os
for n in range(1000): os.symlink("x" * 4000, f"/run/fanlight/{n}")
""",
}


@pytest.mark.parametrize("way", FILLING)
async def test_a_machine_that_fills_the_hosts_disk_is_destroyed(
    host: RunningHost, way: str
) -> None:
    machine = await host.provider.start(fresh_spec())
    await host.python(machine, "print()")
    program = f"{FILLING[way]}\nimport time; time.sleep(30)"

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(host.ask(machine, {"python": program}))
        async with asyncio.timeout(10):
            end = await host.provider.wait(machine.ref)

    assert "wrote files" in end.tail
    assert not await asyncio.to_thread(machine.directory.exists)


async def test_a_socket_in_a_machine_leads_to_that_machine_only(host: RunningHost) -> None:
    machine = await host.provider.start(fresh_spec())
    secret = host.data / "run" / "keeper.sock"
    for name, target in (("vnc.sock", secret), ("agent.sock", "/run/docker.sock")):
        await host.python(machine, f"import os; os.symlink('{target}', '/run/fanlight/{name}')")
        with pytest.raises(OSError, match="not the machine's own") as refused:
            await open_machine_socket(machine.directory / name)
        assert refused.value.errno == errno.ENOTSOCK
    with pytest.raises(FileNotFoundError):
        await open_machine_socket(machine.directory / "none.sock")

    _, writer = await open_machine_socket(machine.directory / "link.sock")
    writer.close()
    await writer.wait_closed()


async def test_a_fork_bomb_stays_in_its_machine(host: RunningHost) -> None:
    neighbour = await host.provider.start(fresh_spec())
    machine = await host.provider.start(replace(fresh_spec(), pids=64))

    answer = await host.ask(machine, {"python": FORK_BOMB})

    assert int(str(answer["out"]).split()[-1]) < 64
    assert (await host.python(neighbour, "print(6 * 7)")).strip() == "42"
    await host.provider.destroy(machine.ref)


FORK_BOMB = """
import os
made = 0
try:
    while made < 2000:
        if os.fork() == 0:
            import signal
            os.closerange(0, 16)
            signal.pause()
        made += 1
except OSError:
    pass
print(made, flush=True)
"""


async def test_a_machine_under_an_existing_name_is_refused(host: RunningHost) -> None:
    machine = await host.provider.start(fresh_spec())
    with pytest.raises(MachineRefused, match="already"):
        await host.provider.start(replace(fresh_spec(), ref=machine.ref))
    assert [each.ref for each in await host.provider.list()] == [machine.ref]


def test_the_keepers_socket_is_its_owners_only(tmp_path: Path) -> None:
    path = tmp_path / "keeper.sock"
    with listen_at(path) as listener:
        assert path.stat().st_mode & 0o777 == 0o600
        assert not os.get_inheritable(listener.fileno())


async def test_nothing_that_the_keeper_runs_is_root(host: RunningHost) -> None:
    machine = await host.provider.start(fresh_spec())
    await host.python(machine, ASK_PROXY)  # it serves only once it is unprivileged
    if os.geteuid() != 0:
        return  # then nothing is, as there is only one uid

    found = await asyncio.to_thread(lambda: [status(each) for each in below(host.keeper_pid)])

    assert len(found) >= 4, "gateway, proxy, and a machine's processes"
    for each in found:
        assert "0" not in each["Uid"].split(), each
        assert each["NoNewPrivs"] == "1", each


def below(pid: int) -> list[int]:
    """All descendants of a process."""
    children = children_of(pid)
    return [*children, *(deeper for child in children for deeper in below(child))]


def status(pid: int) -> dict[str, str]:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    fields = (line.partition(":") for line in lines)
    return {name: value.strip() for name, _, value in fields}


async def test_a_keeper_that_is_told_to_end_hangs_up_and_logs_no_fault() -> None:
    async with running_host() as host:
        log = Layout(host.data).log
        await host.client.end()
        await gone(host.keeper_pid)

        told = await asyncio.to_thread(log.read_text)
        assert "ending" in told
        assert "Traceback" not in told


@pytest.fixture
async def sweeping() -> AsyncIterator[RunningHost]:
    async with running_host(sweep_s=0.2) as running:
        yield running


async def removed(host: RunningHost) -> OrphansRemoved:
    """What the keeper said of orphans first."""
    async with asyncio.timeout(10):
        while True:
            for event in host.events:
                if isinstance(event, OrphansRemoved):
                    return event
            await asyncio.sleep(0.02)


async def test_a_directory_that_no_machine_came_to_is_removed_and_counted(
    sweeping: RunningHost,
) -> None:
    machine = await sweeping.provider.start(fresh_spec())
    orphan = Layout(sweeping.data).machines / "forgotten"
    await asyncio.to_thread(orphan.mkdir)

    assert await removed(sweeping) == OrphansRemoved(directories=1)

    assert not await asyncio.to_thread(orphan.exists)
    assert machine.directory.is_dir(), "what is a machine's stays"
    assert await sweeping.python(machine, "print(6 * 7)") == "42\n"


LEAVES_ONE = "import os, signal; os.system('sleep 600 &'); signal.pause()"


async def test_a_process_that_became_the_keepers_is_killed_and_counted() -> None:
    gateway = (*QUIET_GATEWAY[:-1], LEAVES_ONE)
    async with running_host(sweep_s=0.2, gateway_command=gateway) as host:
        machine = await host.provider.start(fresh_spec())

        assert await removed(host) == OrphansRemoved(processes=1)

        assert await asyncio.to_thread(child_with, host.keeper_pid, "sleep\0") == 0
        assert await host.python(machine, "print(6 * 7)") == "42\n"


async def test_a_control_group_that_is_nobodys_is_removed_and_counted(
    sweeping: RunningHost,
) -> None:
    name = await asyncio.to_thread(cgroup_name, Layout(sweeping.data))
    cgroups = await asyncio.to_thread(find_cgroups, name)
    if cgroups is None:
        pytest.skip("this host lets us make no control group")
    await asyncio.to_thread(cgroups.make, "forgotten", Limits(pids=8))

    assert await removed(sweeping) == OrphansRemoved(control_groups=1)

    assert "forgotten" not in await asyncio.to_thread(cgroups.names)
