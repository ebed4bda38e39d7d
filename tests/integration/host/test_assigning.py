"""Machines that wait in the keeper, and what happens when one is given its session."""

from __future__ import annotations

import asyncio
import os
import secrets
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from tests.integration.host.test_keeper import ASK_PROXY, another
from tests.integration.machines.running import RunningHost, running_host

from fanlight.errors import MachineRefused
from fanlight.machines import Machine, MachineSpec
from fanlight.testing.conformance import fresh_spec
from fanlight.wire import (
    AttachMachine,
    DetachMachine,
    EgressPolicy,
    MachineRef,
    Message,
    SessionId,
    decode,
)

pytestmark = pytest.mark.timeout(120)

RECORDER = Path(__file__).with_name("recording_gateway.py")
TRY_PROXY = """
import socket
with socket.create_connection(("127.0.0.1", 3128), timeout=10) as sock:
    sock.settimeout(0.5)
    sock.sendall(b"CONNECT 127.0.0.1:80 HTTP/1.1\\r\\n\\r\\n")
    try:
        print(sock.recv(4096).decode().split(" ")[1])
    except TimeoutError:
        print("silence")
"""
WRITE = 'open("/run/fanlight/x", "wb").write(bytes(1 << 20)); import time; time.sleep(30)'


@pytest.fixture
async def host() -> AsyncIterator[RunningHost]:
    command = ("/usr/bin/python3", "-I", "-S", "-c", RECORDER.read_text())
    async with running_host(gateway_command=command) as running:
        yield running


def waiting_spec() -> MachineSpec:
    return replace(fresh_spec(), session=SessionId(""))


async def gateway_heard(host: RunningHost, count: int) -> list[Message]:
    """Wait until the gateway was told so many things, and give them."""
    told = host.data / "run" / "gateway" / "told"

    def read() -> list[Message]:
        return [decode(line) for line in told.read_bytes().splitlines()]

    deadline = time.monotonic() + 10
    while not await asyncio.to_thread(told.exists) or len(await asyncio.to_thread(read)) < count:
        assert time.monotonic() < deadline, "the gateway was told less"
        await asyncio.sleep(0.02)
    return await asyncio.to_thread(read)


async def test_a_machine_that_waits_is_listed_and_has_no_session_anywhere(
    host: RunningHost,
) -> None:
    idle = await host.provider.start(waiting_spec())
    other = await host.provider.start(fresh_spec())

    assert await host.provider.list() == (idle, other)
    assert idle.session == ""
    heard = await gateway_heard(host, 2)
    waits, shown = (AttachMachine(each.session, each.ref) for each in (idle, other))
    assert heard == [waits, shown]
    assert (await host.python(idle, TRY_PROXY)).strip() == "silence"


async def test_it_becomes_the_sessions_machine_with_all_that_runs_in_it(
    host: RunningHost,
) -> None:
    idle = await host.provider.start(waiting_spec())
    await host.python(idle, "open('/tmp/mark', 'w').write('mine')")
    spec = fresh_spec()

    machine = await host.provider.assign(idle.ref, spec)

    assert machine == Machine(spec.ref, spec.session, host.data / "run" / "m" / spec.ref)
    assert await host.provider.list() == (machine,)
    assert not await asyncio.to_thread(idle.directory.exists)
    assert await host.python(machine, "print(open('/tmp/mark').read())") == "mine\n"
    heard = await gateway_heard(host, 2)
    assert heard[1] == AttachMachine(spec.session, spec.ref, waited_as=idle.ref)


async def test_only_its_sessions_policy_lets_it_out(host: RunningHost) -> None:
    refusing = await host.provider.start(waiting_spec())
    letting = await host.provider.start(waiting_spec())
    pinned = EgressPolicy(pins={"127.0.0.1:80": "127.0.0.1:1"})

    first = await host.provider.assign(refusing.ref, fresh_spec())
    second = await host.provider.assign(letting.ref, replace(fresh_spec(), policy=pinned))

    assert (await host.python(first, ASK_PROXY)).strip() == "403"
    assert (await host.python(second, ASK_PROXY)).strip() == "502", "allowed, and nobody there"


async def test_a_machine_is_given_once(host: RunningHost) -> None:
    idle = await host.provider.start(waiting_spec())
    spec = fresh_spec()
    machine = await host.provider.assign(idle.ref, spec)

    with pytest.raises(MachineRefused, match="waits"):
        await host.provider.assign(idle.ref, fresh_spec())
    with pytest.raises(MachineRefused, match="has its session already"):
        await host.provider.assign(spec.ref, fresh_spec())

    assert await host.provider.list() == (machine,)
    assert await host.python(machine, "print(6 * 7)") == "42\n"


async def test_a_ref_that_is_taken_is_not_given_again(host: RunningHost) -> None:
    idle = await host.provider.start(waiting_spec())
    other = await host.provider.start(fresh_spec())
    being_made = host.data / "run" / "m" / secrets.token_hex(8)
    await asyncio.to_thread(being_made.mkdir)

    for taken in (other.ref, idle.ref, MachineRef(being_made.name), MachineRef("../m")):
        with pytest.raises(MachineRefused):
            await host.provider.assign(idle.ref, replace(fresh_spec(), ref=taken))
    with pytest.raises(MachineRefused, match="to a session"):
        await host.provider.assign(idle.ref, waiting_spec())

    assert await host.provider.list() == (idle, other)
    assert await host.python(idle, "print(6 * 7)") == "42\n"


async def test_one_that_died_while_it_waited_is_just_gone(
    host: RunningHost,
) -> None:
    idle = await host.provider.start(waiting_spec())
    await host.ask(idle, {"exit": 3})
    await host.provider.wait(idle.ref)

    with pytest.raises(MachineRefused, match="waits"):
        await host.provider.assign(idle.ref, fresh_spec())

    assert await host.provider.list() == ()
    assert not await asyncio.to_thread(idle.directory.exists)
    heard = await gateway_heard(host, 2)
    assert heard[1] == DetachMachine(SessionId(""), idle.ref)


async def test_destroying_it_under_its_new_name_leaves_nothing(
    host: RunningHost,
) -> None:
    idle = await host.provider.start(waiting_spec())
    spec = fresh_spec()
    machine = await host.provider.assign(idle.ref, spec)
    await host.python(machine, "print()")

    await host.provider.destroy(idle.ref)
    assert await host.provider.list() == (machine,), "that name is nobody's"
    await host.provider.destroy(machine.ref)

    assert await host.provider.list() == ()
    assert not await asyncio.to_thread(machine.directory.exists)
    heard = await gateway_heard(host, 3)
    assert heard[2] == DetachMachine(spec.session, spec.ref)


async def test_what_it_writes_is_still_noticed(host: RunningHost) -> None:
    idle = await host.provider.start(waiting_spec())
    machine = await host.provider.assign(idle.ref, fresh_spec())
    await host.python(machine, "print()")

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(host.ask(machine, {"python": WRITE}))
        async with asyncio.timeout(10):
            end = await host.provider.wait(machine.ref)

    assert "wrote files" in end.tail


async def test_another_gateway_is_told_of_all_as_they_are_now(
    host: RunningHost,
) -> None:
    waits = await host.provider.start(waiting_spec())
    idle = await host.provider.start(waiting_spec())
    spec = fresh_spec()
    await host.provider.assign(idle.ref, spec)
    await gateway_heard(host, 3)
    gateway = await asyncio.to_thread(another, host.keeper_pid, "recv_fds", 0)

    os.kill(gateway, 9)

    heard = await gateway_heard(host, 5)
    still = AttachMachine(SessionId(""), waits.ref)
    assert sorted(heard[3:], key=str) == sorted(
        [still, AttachMachine(spec.session, spec.ref)], key=str
    )


async def test_a_giving_that_is_cancelled_leaves_nothing(host: RunningHost) -> None:
    idle = await host.provider.start(waiting_spec())
    async with asyncio.TaskGroup() as tasks:
        giving = tasks.create_task(host.provider.assign(idle.ref, fresh_spec()))
        await asyncio.sleep(0)
        giving.cancel()
        await asyncio.wait([giving])

    assert giving.cancelled()
    assert await host.provider.list() == ()
