"""What a program in a machine cannot do: tried from inside, against the test's listeners."""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import socket
import subprocess
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.integration.machines.running import RunningHost, running_host

from fanlight.testing.conformance import fresh_spec
from fanlight.wire import EgressPolicy, EgressRefused

pytestmark = pytest.mark.timeout(120)
ATTEMPTS = Path(__file__).with_name("attempts.py")
REFUSED_BY_PROXY = (
    "127.0.0.1:80",
    "localhost:80",
    "[::1]:80",
    "169.254.169.254:80",
    "10.0.0.1:443",
    "10.0.2.2:80",
    "192.168.0.1:443",
    "100.64.0.1:443",
    "[fd00::2]:443",
    "[fe80::1]:443",
    "[::ffff:127.0.0.1]:80",
    "[64:ff9b::7f00:1]:443",
    "[2002:7f00:1::]:443",
    "2130706433:80",
    "0x7f000001:80",
    "127.1:80",
    "pinned.test:444",
    "example.org:22",
)


@pytest.fixture
async def host() -> AsyncIterator[RunningHost]:
    async with running_host() as running:
        yield running


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    """A service of the host's, on every address: nobody in a machine may reach it."""
    with socket.create_server(("0.0.0.0", 0)) as sock:
        yield sock


@pytest.fixture
def abstract() -> Iterator[str]:
    name = f"fanlight-test-{secrets.token_hex(4)}"
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind("\0" + name)
        sock.listen()
        yield name


def own_addresses() -> list[str]:
    text = subprocess.run(
        ["ip", "-json", "address"], capture_output=True, text=True, check=True
    ).stdout
    found = [info["local"] for link in json.loads(text) for info in link["addr_info"]]
    return [each for each in found if not each.startswith(("127.", "::1", "fe80"))]


@pytest.fixture
async def outcome(host: RunningHost, listener: socket.socket, abstract: str) -> dict[str, Any]:
    """What the attempts came to, in a machine with a pin and a neighbour."""
    port = listener.getsockname()[1]
    pins = {"pinned.test:443": f"127.0.0.1:{port}"}
    machine = await host.provider.start(replace(fresh_spec(), policy=EgressPolicy(pins=pins)))
    neighbour = await host.provider.start(fresh_spec())
    addresses = await asyncio.to_thread(own_addresses)
    goal = {
        "host_addresses": addresses,
        "port": port,
        "abstract": abstract,
        "other_machine": str(neighbour.directory),
        "data": str(host.data),
        "pin": "pinned.test:443",
        "proxy_refuses": [*REFUSED_BY_PROXY, *(f"{_bracketed(each)}:80" for each in addresses)],
        "proxy_refuses_urls": [f"http://127.0.0.1:{port}/", "http://169.254.169.254/latest"],
    }
    program = await asyncio.to_thread(ATTEMPTS.read_text)
    argv = ["/usr/bin/python3", "-I", "-c", program, json.dumps(goal)]
    answer = await host.ask(machine, {"run": argv})
    assert answer["status"] == 0, answer["err"]
    return dict(json.loads(answer["out"]))


def _bracketed(address: str) -> str:
    return f"[{address}]" if ":" in address else address


async def test_nothing_that_a_hostile_program_tries_works(
    host: RunningHost, outcome: dict[str, Any]
) -> None:
    attempts, proxy = outcome["attempts"], outcome["proxy"]

    assert [each for each in attempts.items() if not each[1].startswith("refused")] == []
    assert proxy.pop("pin") == "200", "what the policy allows works"
    assert set(proxy.values()) == {"403"}, proxy
    assert set(outcome["capabilities"]) == {"0" * 16}
    assert (outcome["seccomp"], outcome["no_new_privileges"]) == ("2", "1")
    assert len(outcome["processes"]) < 8, "only its own processes are seen"
    assert outcome["first_environment"] == "PATH=/usr/bin:/bin\0", "none of the host's"
    assert outcome["interfaces"] == ["lo"]
    refused = [each for each in host.events if isinstance(each, EgressRefused)]
    assert "127.0.0.1:80" in {each.destination for each in refused}


async def test_a_machine_runs_under_a_uid_of_its_own(host: RunningHost) -> None:
    machines = [await host.provider.start(fresh_spec()) for _ in range(2)]

    state = await host.client.state()

    uids = {os.stat(f"/proc/{each.pid}").st_uid for each in state.machines}
    owners = {each.directory.stat().st_uid for each in machines}
    assert uids == owners
    if os.geteuid() == 0:
        assert len(uids) == 2
        assert min(uids) >= 200_000


async def test_limits_hold_where_the_host_has_control_groups(host: RunningHost) -> None:
    spec = replace(fresh_spec(), memory_mib=200, pids=50)
    machine = await host.provider.start(spec)

    memory = await host.ask(machine, {"python": "x = bytearray(400 << 20); print(len(x))"})

    assert memory["status"] != 0, "more memory than allowed was had"


async def test_chromium_keeps_its_own_sandbox_in_a_machine(host: RunningHost) -> None:
    machine = await host.provider.start(fresh_spec())
    argv = ["/usr/bin/chromium", "--headless=new", "--disable-gpu", "--dump-dom"]

    answer = await host.ask(
        machine, {"run": [*argv, "data:text/html,<p id=x></p><script>x.append(6*7)</script>"]}
    )

    assert '<p id="x">42</p>' in answer["out"], answer["err"]
