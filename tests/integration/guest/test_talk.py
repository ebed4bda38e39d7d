"""What a machine says to its controller, and to whom it says nothing."""

from __future__ import annotations

import asyncio
import contextlib
import os
import stat
from pathlib import Path
from typing import Any

import pytest

from fanlight import wire

pytestmark = pytest.mark.timeout(120)
TOKEN = "flm_secret"


def identity(**changes: object) -> wire.IdentifyMachine:
    fields: dict[str, Any] = {
        "session": "session-1",
        "machine": "machine-1",
        "token": TOKEN,
        "hostname": "h",
        "seed_b64": "",
        "time_s": 0.0,
    }
    return wire.IdentifyMachine(**(fields | changes))


async def ask(machine: Any, request: str) -> str:
    """Say one request to the agent's HTTP, and give the whole answer."""
    path = machine.run / "agent.sock"
    await machine.until("agent.sock", path.exists)
    reader, writer = await asyncio.open_unix_connection(path)
    writer.write(request.encode())
    async with asyncio.timeout(10):
        answer = (await reader.read()).decode()
    writer.close()
    await writer.wait_closed()
    return answer


def get(path: str, token: str) -> str:
    return f"GET {path} HTTP/1.1\r\nHost: m\r\nAuthorization: Bearer {token}\r\n\r\n"


def test_a_new_controller_hears_everything_again_and_the_old_one_is_cut_off(machine: Any) -> None:
    async def body() -> None:
        async with machine.host(), asyncio.TaskGroup() as tasks:
            first = tasks.create_task(machine.link())
            await machine.until("ready", lambda: bool(machine.heard(wire.GuestReady)))
            old = machine._writer
            machine.messages.clear()
            reader = await machine.connect()
            machine.tell(identity())
            second = tasks.create_task(machine.read_link(reader))
            await machine.until("ready again", lambda: bool(machine.heard(wire.GuestReady)))
            assert len(machine.heard(wire.StageReached)) == 5
            assert len(machine.heard(wire.MachineIdentified)) == 1
            await machine.until("the old link's end", first.done)
            old.close()
            machine.tell(wire.LinkPing())
            await machine.until("a pong", lambda: bool(machine.heard(wire.LinkPong)))
            second.cancel()

    asyncio.run(body())


async def linked(machine: Any) -> None:
    """Hold a link as a controller does: connect again when one is closed."""
    while True:
        with contextlib.suppress(ConnectionError):
            await machine.link()


@pytest.mark.parametrize(
    "said",
    [
        wire.encode(wire.LinkPing()),
        wire.encode(identity(token="")),
        b"not JSON\n",
        b"x" * (wire.MAX_LINE_BYTES + 2),
    ],
    ids=["not identify", "no token", "no message", "endless"],
)
def test_a_link_that_does_not_begin_as_it_must_is_closed(machine: Any, said: bytes) -> None:
    async def body() -> None:
        async with machine.host():
            reader = await machine.connect()
            machine._writer.write(said)
            async with asyncio.timeout(10):
                # Closed with something unread, it is a reset.
                with contextlib.suppress(ConnectionResetError):
                    assert await reader.read() == b""
            machine.hang_up()
            # and the machine takes the right one afterwards
            async with asyncio.TaskGroup() as tasks:
                link = tasks.create_task(linked(machine))
                await machine.until("identified", lambda: bool(machine.messages))
                link.cancel()

    asyncio.run(body())


def test_another_machines_identity_is_refused(machine: Any) -> None:
    async def body() -> None:
        async with machine.host(), asyncio.TaskGroup() as tasks:
            link = tasks.create_task(machine.link())
            await machine.until("identified", lambda: bool(machine.heard(wire.MachineIdentified)))
            mine = machine._writer
            reader = await machine.connect()
            machine.tell(identity(machine="machine-2"))
            async with asyncio.timeout(10):
                assert await reader.read() == b""
            machine.hang_up()
            machine._writer = mine
            machine.tell(wire.LinkPing())
            await machine.until("a pong", lambda: bool(machine.heard(wire.LinkPong)))
            link.cancel()

    asyncio.run(body())


def test_http_answers_only_those_who_know_the_token(machine: Any) -> None:
    async def body() -> None:
        async with machine.host(), asyncio.TaskGroup() as tasks:
            assert " 401 " in await ask(machine, get("/health", TOKEN))
            assert " 401 " in await ask(machine, get("/health", ""))
            link = tasks.create_task(machine.link())
            await machine.until("ready", lambda: bool(machine.heard(wire.GuestReady)))
            assert '"ready": true' in await ask(machine, get("/health", TOKEN))
            assert '"state": "none"' in await ask(machine, get("/login", TOKEN))
            assert " 401 " in await ask(machine, get("/health", TOKEN[:-1]))
            assert " 401 " in await ask(machine, "GET /health HTTP/1.1\r\n\r\n")
            assert " 404 " in await ask(machine, get("/else", TOKEN))
            post = get("/health", TOKEN).replace("GET", "POST")
            assert " 405 " in await ask(machine, post)
            assert " 400 " in await ask(machine, "x" * 20_000 + "\r\n\r\n")
            link.cancel()

    asyncio.run(body())


def status_of(pid: int) -> str:
    return Path(f"/proc/{pid}/status").read_text()


def test_the_agents_memory_is_closed_to_the_machines_own_user(machine: Any) -> None:
    async def body() -> None:
        async with machine.host(), asyncio.TaskGroup() as tasks:
            link = tasks.create_task(machine.link())
            await machine.until("ready", lambda: bool(machine.heard(wire.GuestReady)))
            agent = next(pid for pid in machine.pids("python3"))
            # What is not dumpable belongs to root, not to the process's own user.
            assert os.stat(f"/proc/{agent}/environ").st_uid == 0
            assert "NoNewPrivs:\t1" in status_of(agent)
            link.cancel()

    asyncio.run(body())


def test_the_machines_sockets_are_its_own(machine: Any) -> None:
    async def body() -> None:
        async with machine.host(), asyncio.TaskGroup() as tasks:
            link = tasks.create_task(machine.link())
            await machine.until("ready", lambda: bool(machine.heard(wire.GuestReady)))
            modes = {
                path.name: stat.S_IMODE(path.stat().st_mode) for path in machine.run.iterdir()
            }
            assert modes == {"link.sock": 0o600, "agent.sock": 0o600, "vnc.sock": 0o600}
            link.cancel()

    asyncio.run(body())
