"""Runs the attacks in a machine and looks from outside at what came of them.

Every row has its control: what is reached when it may be, or what shows that the attack was at
work. A row that cannot fail would say nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import secrets
import socket
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

from fanlight.machines import Machine, MachineSpec
from fanlight.testing.conformance import fresh_spec, link_answers
from fanlight.wire import EgressPolicy
from fanlight.wire.places import PLACES

INSIDE = Path(__file__).with_name("inside.py")
FLOODS = Path(__file__).with_name("inside_floods.py")
PATIENCE_S = 60.0
PROCESSES = 256
FEW_THREADS = 64
"""QEMU's own, and those of what runs beside it."""
PRIVATE = ("10.0.0.1:443", "192.168.0.1:443", "172.16.0.1:80", "100.64.0.1:443", "[fd00::2]:443")
SPELLINGS = (
    *("2130706433:80", "0x7f000001:80", "127.1:80", "[::ffff:127.0.0.1]:80"),
    *("[64:ff9b::7f00:1]:443", "[2002:7f00:1::]:443", "[::1]:80", "0.0.0.0:80"),
)

Met = dict[str, str]


class Provider(Protocol):
    """What makes machines."""

    async def start(self, spec: MachineSpec) -> Machine:
        """Start one."""


class Host(Protocol):
    """A host whose machines run the stand-in agent."""

    data: Path
    client: Any
    provider: Any

    async def ask(self, machine: Machine, request: dict[str, Any]) -> dict[str, Any]:
        """Have the stand-in do something."""

    async def python(self, machine: Machine, program: str) -> str:
        """Run Python in a machine."""


@dataclass
class Victims:
    """What is there to be reached, on the host and beside the machine."""

    port: int
    abstract: str
    accepted: list[str]


@contextlib.contextmanager
def victims() -> Iterator[Victims]:
    """A service of the host's on every address, and an abstract socket."""
    name = f"fanlight-test-{secrets.token_hex(4)}"
    with (
        socket.create_server(("::", 0), family=socket.AF_INET6, dualstack_ipv6=True) as sock,
        socket.socket(socket.AF_UNIX) as abstract,
    ):
        abstract.bind("\0" + name)
        abstract.listen()
        yield Victims(sock.getsockname()[1], name, [])


def own_addresses() -> list[str]:
    """Every address of this host but loopback's."""
    said = subprocess.run(["ip", "-json", "address"], capture_output=True, text=True, check=True)
    found = [info["local"] for link in json.loads(said.stdout) for info in link["addr_info"]]
    return [each for each in found if not each.startswith(("127.", "::1", "fe80"))]


async def attack(host: Host, kind: str) -> Met:
    """Do everything from inside a machine of this kind; give what each attempt met, by row."""
    spec = replace(fresh_spec(), pids=PROCESSES)
    with victims() as reached:
        pin = {"pinned.test:443": f"127.0.0.1:{reached.port}"}
        machine = await host.provider.start(replace(spec, policy=EgressPolicy(pins=pin)))
        neighbour = await host.provider.start(fresh_spec())
        for each in (machine, neighbour):
            await link_answers(each, PATIENCE_S)
        met = await _inside(host, kind, machine, neighbour, reached)
    met |= await _media_port(host, kind, machine, neighbour)
    met |= await _floods(host, kind, machine, neighbour)
    return met


async def _inside(
    host: Host, kind: str, machine: Machine, neighbour: Machine, reached: Victims
) -> Met:
    addresses = await asyncio.to_thread(own_addresses)
    bracketed = [f"[{each}]" if ":" in each else each for each in addresses]
    goal = {
        "kind": kind,
        "host": PLACES[kind].host,
        "addresses": addresses,
        "port": reached.port,
        "abstract": reached.abstract,
        "data": str(host.data),
        "neighbour": str(neighbour.directory),
        "pin": "pinned.test:443",
        "proxy_host": ["127.0.0.1:80", "pinned.test:444", *(f"{each}:80" for each in bracketed)],
        "proxy_urls": [f"http://127.0.0.1:{reached.port}/", "http://169.254.169.254/latest"],
        "proxy_private": PRIVATE,
        "proxy_spellings": SPELLINGS,
        "proxy_names": ["localhost:80", "ip6-localhost:80", f"{socket.gethostname()}:80"],
    }
    program = await asyncio.to_thread(INSIDE.read_text)
    argv = ["/usr/bin/python3", "-I", "-c", program, json.dumps(goal)]
    answer = await host.ask(machine, {"run": argv})
    assert answer["status"] == 0, answer["err"]
    said = json.loads(answer["out"])
    assert said["control"] == "200", "what the policy allows works, so the proxy was asked"
    return dict(said["met"])


# --- the other machine's media port --------------------------------------------------------------


def datagrams_of(pid: int) -> int:
    """How many came to sockets in a process's network namespace, as it counts them."""
    lines = Path(f"/proc/{pid}/net/snmp").read_text().splitlines()
    names, figures = (line.split() for line in lines if line.startswith("Udp:"))
    said = dict(zip(names, figures, strict=True))
    return int(said["InDatagrams"]) + int(said["RcvbufErrors"])


async def _pid_inside(host: Host, machine: Machine) -> int:
    """Give a process in the machine's own network namespace, on the host."""
    state = await host.client.state()
    pid = next(each.pid for each in state.machines if each.directory == str(machine.directory))
    return await asyncio.to_thread(_first_elsewhere, pid)


def _first_elsewhere(pid: int) -> int:
    ours, below = Path("/proc/self/ns/net").readlink(), [pid]
    for each in below:
        with contextlib.suppress(OSError):
            if Path(f"/proc/{each}/ns/net").readlink() != ours:
                return each
            children = Path(f"/proc/{each}/task/{each}/children").read_text()
            below += map(int, children.split())
    raise LookupError(pid)


async def _media_port(host: Host, kind: str, machine: Machine, neighbour: Machine) -> Met:
    own, other = [await _pid_inside(host, each) for each in (machine, neighbour)]
    before = [await asyncio.to_thread(datagrams_of, each) for each in (own, other)]
    sent = int(await _flood(host, machine, "media", PLACES[kind].host))
    after = [await asyncio.to_thread(datagrams_of, each) for each in (own, other)]
    assert sent > 100
    assert after[0] - before[0] > 100, "its own port is there, so there was something to hit"
    reached = after[1] - before[1]
    said = f"DONE: {reached} packets" if reached else "nothing came there; all to its own"
    return {"neighbour: its media port, flooded": said}


# --- taking all there is -------------------------------------------------------------------------


async def _flood(host: Host, machine: Machine, which: str, *more: str) -> str:
    program = await asyncio.to_thread(FLOODS.read_text)
    argv = ["/usr/bin/python3", "-I", "-c", program, which, *more]
    answer = await host.ask(machine, {"run": argv})
    return str(answer.get("out", "")).strip()


async def _floods(host: Host, kind: str, machine: Machine, neighbour: Machine) -> Met:
    before = await asyncio.to_thread(disk_used, host.data)
    met = {}
    for row, which in (("too much: processes", "forks"), ("too much: files", "disk")):
        async with asyncio.TaskGroup() as tasks:
            flood = tasks.create_task(_flood(host, machine, which))
            assert await host.python(neighbour, "print(6 * 7)") == "42\n", "the neighbour goes on"
            threads = await asyncio.to_thread(threads_of, await _pid_inside(host, machine))
        met[row] = flood.result()
        if kind == "vm" and which == "forks":
            assert threads < FEW_THREADS, "the host sees none of its processes"
    grown_mib = (await asyncio.to_thread(disk_used, host.data) - before) >> 20
    met["too much: files, on the host's disk"] = f"{grown_mib} MiB" if grown_mib else "nothing"
    met["too much: a stream that nobody reads"] = await _stream(host, machine, neighbour)
    met["too much: files where it meets the host"] = await _shared(host, machine)
    return met


def threads_of(pid: int) -> int:
    """How many threads a process and those below it have, on the host."""
    total, below = 0, [pid]
    for each in below:
        with contextlib.suppress(OSError):
            total += len(list(Path(f"/proc/{each}/task").iterdir()))
            for task in Path(f"/proc/{each}/task").iterdir():
                below += map(int, (task / "children").read_text().split())
    return total


def disk_used(data: Path) -> int:
    """What a data directory takes of the disk, without the image, the snapshots and the logs."""
    kept = [each for each in data.iterdir() if not each.is_symlink() and each.name != "log"]
    found = [path for each in kept for path in (each, *each.rglob("*")) if path.is_file()]
    return sum(each.stat().st_blocks * 512 for each in found)


async def _shared(host: Host, machine: Machine) -> str:
    """Have it write to the directory with its sockets, which in a sandbox is the host's."""
    before = await asyncio.to_thread(disk_used, host.data)
    async with asyncio.TaskGroup() as tasks:
        ask = tasks.create_task(_flood(host, machine, "shared"))
        end = tasks.create_task(host.provider.wait(machine.ref))
        await asyncio.wait((ask, end), return_when=asyncio.FIRST_COMPLETED)
        if ask.done() and not ask.result():  # nobody answered: it is on its way out
            await end
        is_over = end.done()
        end.cancel()
    if is_over:
        assert "wrote files" in end.result().tail
    async with asyncio.timeout(PATIENCE_S):
        while await asyncio.to_thread(disk_used, host.data) > before + (1 << 20):  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    return "the machine is ended" if is_over else ask.result()


async def _stream(host: Host, machine: Machine, neighbour: Machine) -> str:
    program = await asyncio.to_thread(FLOODS.read_text)
    argv = ["/usr/bin/python3", "-I", "-c", program, "link"]
    quiet = "stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL"
    await host.python(machine, f"import subprocess; subprocess.Popen({argv!r}, {quiet})")
    reader, writer = await _flooded(machine.directory / "vnc.sock")
    try:
        for each in (neighbour, machine) * 3:
            assert await host.python(each, "print(6 * 7)") == "42\n", "everything else goes on"
        return "held up alone" if not reader.at_eof() else "DONE: hung up on"
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


async def _flooded(path: Path) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Connect to what floods, and read nothing but its first byte."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            with contextlib.suppress(OSError):
                reader, writer = await asyncio.open_unix_connection(path, limit=1024)
                if await reader.read(1):
                    return reader, writer
                writer.close()  # it does not listen yet
            await asyncio.sleep(0.05)
