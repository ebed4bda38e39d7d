"""A desktop that nobody looks at rests on disk, and goes on when somebody comes."""

from __future__ import annotations

import asyncio
import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

from fanlight.controller import Session, StartRequest
from fanlight.machines.demand import Room
from fanlight.session import lifecycle
from fanlight.store import OWNER
from fanlight.testing.machines import RestingProvider
from fanlight.wire import SessionId

if TYPE_CHECKING:
    from .conftest import Stage

SOON = 0.05


async def resting(stage: Stage, pause: str = "paused") -> Session:
    """Start a desktop that nobody looks at, and wait until it rests."""
    started = await stage.controller.start(OWNER, StartRequest())
    return await until(stage, started.session_id, pause)


async def until(stage: Stage, id_: SessionId, pause: str | None) -> Session:
    async with asyncio.timeout(5):
        while True:
            found = await stage.controller.session(OWNER, id_)
            if found.status in ("vm_created", "ended") and found.pause == pause:
                return found
            await asyncio.sleep(0.002)


def files(stage: Stage) -> list[Path]:
    directory = stage.directory / "resting"
    return list(directory.iterdir()) if directory.exists() else []


async def test_it_rests_and_wakes_when_somebody_offers_to_look(stage: Stage) -> None:
    async with stage.controlled(pause_after_s=SOON) as controller:
        session = await resting(stage)
        assert session.step == "The desktop rests; it goes on when somebody looks"
        assert stage.refs() == []
        assert len(files(stage)) == 1
        before = controller.drivers[session.session_id].ref

        await controller.offer(OWNER, session.session_id, "v=0")

        await until(stage, session.session_id, None)
        await stage.until(lambda: stage.refs() == [before])
        assert files(stage) == []
        driver = controller.drivers[session.session_id]
        await stage.until(lambda: lifecycle.LinkTimedOut() not in driver.timers)


async def test_it_does_not_rest_while_somebody_looks(stage: Stage) -> None:
    async with stage.controlled(pause_after_s=0.2) as controller:
        started = await controller.start(OWNER, StartRequest())
        await controller.offer(OWNER, started.session_id, "v=0")
        driver = controller.drivers[started.session_id]
        await stage.until(lambda: driver.view.viewers == 1 and driver.view.status == "vm_created")
        assert lifecycle.PauseDue() not in driver.timers


async def test_a_machine_that_cannot_be_written_goes_on(stage: Stage) -> None:
    assert isinstance(stage.provider, RestingProvider)
    stage.provider.cannot_suspend = "it has a device that cannot be written"
    async with stage.controlled(pause_after_s=SOON) as controller:
        started = await controller.start(OWNER, StartRequest())
        await until(stage, started.session_id, "pausing")
        await until(stage, started.session_id, None)
        driver = controller.drivers[started.session_id]
        await driver.outbox.settled()
        tried = [e for e in await stage.store.events(driver.id, after=0, limit=500)]
        assert "pausing" in {each.data.get("pause") for each in tried}
        assert len(stage.refs()) == 1
        stage.provider.cannot_suspend = ""
        await until(stage, started.session_id, "paused")


async def test_what_rests_is_there_after_a_restart_of_the_controller(stage: Stage) -> None:
    async with stage.controlled(pause_after_s=SOON):
        session = await resting(stage)
    (stage.directory / "resting" / "m-nobodys").touch()

    async with stage.controlled(pause_after_s=SOON) as controller:
        assert (await until(stage, session.session_id, "paused")).status == "vm_created"
        assert len(files(stage)) == 1, "what nobody has is removed"
        await controller.offer(OWNER, session.session_id, "v=0")
        await until(stage, session.session_id, None)
        assert len(stage.refs()) == 1


async def test_one_for_which_there_is_no_room_stays_on_disk_and_says_so(stage: Stage) -> None:
    async with stage.controlled(pause_after_s=SOON) as controller:
        assert controller.resting is not None
        rooms: list[Room] = ["short"]
        full = dataclasses.replace(controller.resting, room=lambda: rooms[-1])
        controller.around = dataclasses.replace(controller.work(), resting=full)
        session = await resting(stage)
        driver = controller.drivers[session.session_id]
        await controller.offer(OWNER, session.session_id, "v=0")
        await stage.until(lambda: lifecycle.ViewerCame() in driver.timers)
        assert len(files(stage)) == 1
        await driver.outbox.settled()
        told = await stage.store.events(driver.id, after=0, limit=500)
        assert "host-full" in [e.data.get("code") for e in told if e.kind == "notice"]

        rooms.append("enough")
        driver.wanted()
        await until(stage, session.session_id, None)


async def test_its_end_leaves_nothing_on_disk(stage: Stage) -> None:
    async with stage.controlled(pause_after_s=SOON) as controller:
        session = await resting(stage)
        await controller.end(OWNER, session.session_id)
        await stage.reaches(session.session_id, "ended")
        await stage.until(lambda: files(stage) == [])


async def test_one_whose_file_was_changed_ends_with_the_reason(stage: Stage) -> None:
    async with stage.controlled(pause_after_s=SOON) as controller:
        session = await resting(stage)
        (file,) = files(stage)
        file.write_text("something else")
        await controller.offer(OWNER, session.session_id, "v=0")
        over = await stage.reaches(session.session_id, "ended")
        assert over.reason is not None
        assert over.reason.code == "resume-failed"
        assert over.reason.title == "The desktop could not be woken"
        await stage.until(lambda: files(stage) == [])
