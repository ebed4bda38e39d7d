"""A controller with a played gateway, played machines and a real store."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from blockbuster import BlockBuster

from fanlight.controller import Controller, ControllerSettings, MachineTokens, Session
from fanlight.store import OWNER, Store
from fanlight.testing.gateway import FakeGateway
from fanlight.testing.machines import Character, FakeMachine, FakeProvider, RestingProvider
from fanlight.testing.tools import FakeTools
from fanlight.wire import MachineRef, SessionId


class Stage:
    """Everything on it is real but the gateway and the machines."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.gateway = FakeGateway(directory / "gateway.sock")
        self.characters: list[Character] = []
        self.provider: FakeProvider = RestingProvider(directory / "m", self._character)
        self.tools = FakeTools()
        self.store: Store
        self.controller: Controller

    def _character(self, _spec: object) -> Character:
        return self.characters.pop(0) if self.characters else Character()

    @contextlib.asynccontextmanager
    async def controlled(self, **settings: Any) -> AsyncIterator[Controller]:
        """Run a controller; leaving is `kill -9` with everything stored."""
        self.controller = Controller(
            ControllerSettings(self.directory, **settings),
            store=self.store,
            provider=self.provider,
            gateway_socket=self.gateway.path,
            tokens=MachineTokens(b"k" * 32),
            tools=self.tools,
        )
        async with asyncio.TaskGroup() as tasks:
            working = tasks.create_task(self.controller.run())
            await self.controller.ready.wait()
            yield self.controller
            await self.controller.settle()
            working.cancel()

    async def until(self, look: Callable[[], Any], timeout_s: float = 5.0) -> None:
        """Wait for a condition."""
        async with asyncio.timeout(timeout_s):
            while not look():  # noqa: ASYNC110 - any condition, with a deadline
                await asyncio.sleep(0.002)

    async def reaches(self, id_: SessionId, status: str) -> Session:
        """Wait for a status of a session, and give the session."""
        async with asyncio.timeout(5):
            while True:
                found = await self.controller.session(OWNER, id_)
                if found.status == status:
                    return found
                await asyncio.sleep(0.002)

    async def login_reaches(self, id_: SessionId, state: str) -> Session:
        """Wait for a state of a session's login, and give the session."""
        async with asyncio.timeout(5):
            while True:
                found = await self.controller.session(OWNER, id_)
                if found.login is not None and found.login.state == state:
                    return found
                await asyncio.sleep(0.002)

    @property
    def machine(self) -> FakeMachine:
        """The newest machine that lives."""
        return list(self.provider.machines.values())[-1]

    def refs(self) -> list[MachineRef]:
        """The machines that live."""
        return list(self.provider.machines)


@pytest.fixture(autouse=True)
def fakes_may_block(no_blocking_calls: BlockBuster) -> None:
    """Let the played machines and the played gateway remove their files."""
    for function in no_blocking_calls.functions.values():
        function.can_block_in("fanlight/testing/machines.py", {"die"})
        function.can_block_in("fanlight/testing/gateway.py", {"die"})


@pytest.fixture
def directory() -> Iterator[Path]:
    path = Path(tempfile.mkdtemp(prefix="fl-", dir="/tmp"))
    yield path
    shutil.rmtree(path)


@pytest.fixture
async def stage(directory: Path) -> AsyncIterator[Stage]:
    made = Stage(directory)
    opening = await Store.open(directory / "store", now=time.time())
    async with opening as made.store, made.gateway:
        yield made
        for ref in made.refs():
            await made.provider.destroy(ref)
