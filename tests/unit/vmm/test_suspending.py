"""A machine into a pipe and out of one: QEMU is played here; tests/machines has the real one."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.unit.vmm.test_qmp import Played, talking

from fanlight.vmm.qmp import QmpFailed
from fanlight.vmm.run import fresh_identity
from fanlight.vmm.suspending import WHOLE, Door, NotResumed, resume, suspend

WAS = fresh_identity("before")
LINE = json.dumps(
    {"hostname": WAS.hostname, "machine_id": WAS.machine_id, "mac": WAS.mac}
).encode()
COMPLETED: dict[str, Any] = {"event": "MIGRATION", "data": {"status": "completed"}}
FAILED: dict[str, Any] = {"event": "MIGRATION", "data": {"status": "failed"}}


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    ends = os.pipe()
    yield ends
    for each in ends:
        os.close(each)


async def hears_all(played: Played, count: int, *events: dict[str, Any]) -> list[str]:
    """Agree to so many commands, and then have something happen; give their names."""
    heard = []
    for _ in range(count):
        heard.append(str((await played.hears())["execute"]))
        played.say({"return": {}})
    played.say(*events)
    return heard


async def test_a_machine_is_stopped_and_then_all_of_its_memory_is_written(
    pipe: tuple[int, int],
) -> None:
    async with talking() as (qmp, played), asyncio.TaskGroup() as tasks:
        heard = tasks.create_task(hears_all(played, 4, COMPLETED))
        await suspend(qmp, pipe[1], WAS)

    assert heard.result() == ["stop", "migrate-set-capabilities", "getfd", "migrate"]
    assert await asyncio.to_thread(os.read, pipe[0], 4096) == LINE + b"\n"


async def test_a_machine_that_cannot_be_written_goes_on(pipe: tuple[int, int]) -> None:
    async def play(played: Played) -> list[str]:
        return await hears_all(played, 4, FAILED) + await hears_all(played, 2)

    async with talking() as (qmp, played), asyncio.TaskGroup() as tasks:
        heard = tasks.create_task(play(played))
        with pytest.raises(QmpFailed, match="not suspended"):
            await suspend(qmp, pipe[1], WAS)

    assert heard.result()[-1] == "cont"


async def test_a_resumed_machine_is_who_it_was_with_another_seed_and_clock(
    pipe: tuple[int, int],
) -> None:
    now = fresh_identity("now")
    os.write(pipe[1], LINE + b"\n")
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    theirs.sendall(WHOLE)

    with ours, theirs:
        async with talking() as (qmp, played), asyncio.TaskGroup() as tasks:
            tasks.create_task(hears_all(played, 2, COMPLETED, {"return": {}}))
            identity = await resume(qmp, ours, pipe[0], lambda: now)

    expected = dataclasses.replace(
        now, hostname=WAS.hostname, machine_id=WAS.machine_id, mac=WAS.mac
    )
    assert identity == expected


async def test_it_takes_no_step_before_all_of_it_is_known_to_be_there(
    pipe: tuple[int, int],
) -> None:
    os.write(pipe[1], LINE + b"\n")
    ours, theirs = socket.socketpair()
    ours.setblocking(False)

    with ours:
        async with talking() as (qmp, played), asyncio.TaskGroup() as tasks:
            heard = tasks.create_task(hears_all(played, 2, COMPLETED))
            theirs.close()
            with pytest.raises(NotResumed, match="not all there"):
                await resume(qmp, ours, pipe[0], lambda: WAS)

    assert heard.result() == ["getfd", "migrate-incoming"]


@pytest.mark.parametrize("line", [b"\n", b"[]\n", b"{}\n", b"x" * 4096, b"\xff\n", b"7\n"])
async def test_what_does_not_say_who_it_is_becomes_no_machine(
    pipe: tuple[int, int], line: bytes
) -> None:
    os.write(pipe[1], line)
    ours, theirs = socket.socketpair()

    with ours, theirs:
        async with talking() as (qmp, _):
            with pytest.raises(NotResumed, match="who it is"):
                await resume(qmp, ours, pipe[0], lambda: WAS)


async def test_who_comes_to_the_door_without_a_pipe_is_hung_up_on(
    tmp_path: Path, pipe: tuple[int, int]
) -> None:
    door = Door(tmp_path / "state.sock")
    with socket.socket(socket.AF_UNIX) as one, socket.socket(socket.AF_UNIX) as other:
        one.connect(str(tmp_path / "state.sock"))
        one.sendall(b"p")
        async with asyncio.TaskGroup() as tasks:
            coming = tasks.create_task(door.next())
            one.setblocking(False)
            assert await asyncio.get_running_loop().sock_recv(one, 1) == b""
            other.connect(str(tmp_path / "state.sock"))
            socket.send_fds(other, [b"p"], [pipe[1]])
        connection, received = coming.result()

    with connection:
        assert os.fstat(received) == os.fstat(pipe[1])
    os.close(received)
    door.close()
