"""Real keeper, gateway, sandbox and guest: sessions that are given a machine that waited."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest
from tests.integration.controller.test_real_parts import (  # noqa: F401 - fixtures
    data,
    reaches,
    store,
    viewer,
)

from fanlight.config import ServeSettings
from fanlight.controller import HostController, StartRequest, open_controller
from fanlight.store import OWNER, Store
from fanlight.tools import Catalogue
from fanlight.wire import MachineRecord

pytestmark = pytest.mark.timeout(120)


async def waiting(controller: HostController, count: int) -> list[MachineRecord]:
    """Wait until so many machines wait in the keeper, and give them."""
    async with asyncio.timeout(40):
        while True:
            state = await controller.keeper.client.state()
            if len(found := [each for each in state.machines if not each.session]) == count:
                return found
            await asyncio.sleep(0.05)


async def test_a_session_is_given_the_machine_that_waited(data: Path, store: Store) -> None:  # noqa: F811
    async with open_controller(ServeSettings(data=data), store, Catalogue(data)) as controller:
        first = (await controller.start(OWNER, StartRequest())).session_id
        await reaches(controller, first, "vm_created")
        (idle,) = await waiting(controller, 1)

        second = (await controller.start(OWNER, StartRequest())).session_id
        async with viewer(controller, second):
            view = await reaches(controller, second, "vm_created")

        state = await controller.keeper.client.state()
        given = next(each for each in state.machines if each.session == second)
        assert (given.pid, view.status) == (idle.pid, "vm_created")
        assert given.machine != idle.machine
        assert not await asyncio.to_thread(Path(idle.directory).exists)
        await controller.end_everything()
        left = await asyncio.to_thread(lambda: list((data / "run" / "m").iterdir()))
        assert left == []


async def test_a_machine_waits_on_while_the_controller_is_restarted(
    data: Path,  # noqa: F811
    store: Store,  # noqa: F811
) -> None:
    settings = ServeSettings(data=data)
    async with open_controller(settings, store, Catalogue(data)) as controller:
        first = (await controller.start(OWNER, StartRequest())).session_id
        await reaches(controller, first, "vm_created")
        (idle,) = await waiting(controller, 1)
    async with open_controller(settings, store, Catalogue(data)) as controller:
        await reaches(controller, first, "vm_created")
        assert await waiting(controller, 1) == [idle]

        second = (await controller.start(OWNER, StartRequest())).session_id
        await reaches(controller, second, "vm_created")

        state = await controller.keeper.client.state()
        assert idle.pid in [each.pid for each in state.machines if each.session == second]
        await controller.end_everything()


async def test_a_controller_that_wants_none_ends_what_waits(data: Path, store: Store) -> None:  # noqa: F811
    async with open_controller(ServeSettings(data=data), store, Catalogue(data)) as controller:
        first = (await controller.start(OWNER, StartRequest())).session_id
        await reaches(controller, first, "vm_created")
        await waiting(controller, 1)
    settings = ServeSettings(data=data, warm_machines=0)
    async with open_controller(settings, store, Catalogue(data)) as controller:
        began = time.monotonic()
        await waiting(controller, 0)

        assert time.monotonic() - began < 20
        state = await controller.keeper.client.state()
        assert [each.session for each in state.machines] == [first], "sessions go on"
        await controller.end_everything()
