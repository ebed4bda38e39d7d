"""The controller's end of the keeper's socket, against a keeper that comes and goes."""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from fanlight.errors import KeeperUnavailable
from fanlight.host import KeeperClient
from fanlight.wire import KeeperState, encode

pytestmark = pytest.mark.anyio


@contextlib.asynccontextmanager
async def keeper(path: Path, *, pid: int) -> AsyncIterator[list[asyncio.StreamWriter]]:
    """Answer each hello with a state that has this pid."""
    connections: list[asyncio.StreamWriter] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.append(writer)
        with contextlib.closing(writer):
            while await reader.read(4096):
                writer.write(encode(KeeperState(pid, 0)))

    server = await asyncio.start_unix_server(serve, path)
    try:
        yield connections
    finally:
        for each in connections:
            each.close()
        server.close()
        await server.wait_closed()
        await asyncio.to_thread(path.unlink, missing_ok=True)


async def test_what_was_asked_while_no_keeper_was_there_takes_no_answer_from_the_next() -> None:
    with tempfile.TemporaryDirectory(dir="/tmp") as directory:
        path = Path(directory) / "keeper.sock"
        client = KeeperClient()
        async with keeper(path, pid=1):
            await client.open(path)
            async with asyncio.TaskGroup() as tasks:
                running = tasks.create_task(client.run())
                assert (await client.state()).pid == 1
                await client.close()
                await running
        with pytest.raises(KeeperUnavailable):
            await client.state()
        with pytest.raises(KeeperUnavailable):
            await client.open(path)
        async with keeper(path, pid=2):
            await client.open(path)
            async with asyncio.TaskGroup() as tasks:
                running = tasks.create_task(client.run())
                async with asyncio.timeout(2):
                    assert (await client.state()).pid == 2
                await client.close()
                await running


async def test_a_machine_that_is_wanted_while_the_keeper_is_away_waits_for_the_next() -> None:
    with tempfile.TemporaryDirectory(dir="/tmp") as directory:
        path = Path(directory) / "keeper.sock"
        client = KeeperClient()
        async with asyncio.TaskGroup() as tasks:
            waiting = tasks.create_task(client.until_back())
            await asyncio.sleep(0)
            assert not waiting.done()
            async with keeper(path, pid=3):
                await client.open(path)
                await waiting
                running = tasks.create_task(client.run())
                await client.close()
                await running


async def test_nobody_waits_for_a_keeper_that_was_told_to_end() -> None:
    with tempfile.TemporaryDirectory(dir="/tmp") as directory:
        path = Path(directory) / "keeper.sock"
        client = KeeperClient()
        async with keeper(path, pid=4) as connections, asyncio.TaskGroup() as tasks:
            await client.open(path)
            running = tasks.create_task(client.run())
            ending = tasks.create_task(client.end())
            await asyncio.sleep(0)
            connections[0].close()
            await ending
            await running

        with pytest.raises(KeeperUnavailable):
            await client.until_back()
