"""How long a session is kept, its announced end, and that owners put it off."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from fanlight.controller import Session, StartRequest
from fanlight.errors import InvalidRequest, LimitReached, SessionEnded, SessionNotFound
from fanlight.session import lifecycle
from fanlight.store import OWNER
from fanlight.wire import PrincipalId, SessionId

if TYPE_CHECKING:
    from .conftest import Stage


async def ready(stage: Stage, **fields: Any) -> Session:
    started = await stage.controller.start(OWNER, StartRequest(**fields))
    return await stage.reaches(started.session_id, "vm_created")


async def notices(stage: Stage, id_: SessionId) -> list[dict[str, Any]]:
    await stage.controller.drivers[id_].outbox.settled()
    kept = await stage.store.events(id_, after=0, limit=500)
    return [dict(each.data) for each in kept if each.kind == "notice"]


async def test_a_session_is_kept_as_long_as_its_start_says(stage: Stage) -> None:
    async with stage.controlled():
        session = await ready(stage, keep_s=0.2)
        assert session.keep_s == 0.2
        over = await stage.reaches(session.session_id, "ended")
    assert over.reason is not None
    assert over.reason.code == "idle"
    assert over.ends_at is None


async def test_a_start_asks_for_no_longer_than_may_be(stage: Stage) -> None:
    async with stage.controlled(max_keep_s=60, idle_timeout_s=30) as controller:
        with pytest.raises(InvalidRequest, match="60 seconds"):
            await controller.start(OWNER, StartRequest(keep_s=61))
        assert (await controller.sessions(OWNER)) == []
        assert (await ready(stage)).keep_s == 30


async def test_an_end_is_announced_in_the_session_and_by_a_notice(stage: Stage) -> None:
    async with stage.controlled(ending_notice_s=60) as controller:
        session = await ready(stage, keep_s=3)
        assert session.ends_at == pytest.approx(session.created_at + 3, abs=0.9)
        id_, driver = session.session_id, controller.drivers[session.session_id]
        await stage.until(lambda: driver.view.ending == "idle")
        (told,) = await notices(stage, id_)
        assert (told["code"], told["why"]) == ("ending-soon", "idle")
        assert told["endsAt"] == driver.view.ends_at

        await controller.offer(OWNER, id_, "v=0")
        await stage.until(lambda: driver.view.viewers == 1)
        assert driver.view.ending is None
        assert lifecycle.IdleTimedOut() not in driver.timers


async def test_the_owner_extends_a_session_within_what_one_may_last(stage: Stage) -> None:
    settings = {"session_timeout_s": 100, "max_session_s": 100.2, "idle_timeout_s": 1000}
    async with stage.controlled(max_keep_s=1000, **settings) as controller:
        session = await ready(stage)
        await controller.offer(OWNER, session.session_id, "v=0")
        driver = controller.drivers[session.session_id]
        await stage.until(lambda: driver.age_s > 0.2 and driver.view.viewers == 1)
        longer = await controller.extend(OWNER, session.session_id)
        assert longer.ends_at == pytest.approx(session.created_at + 100.2)
        with pytest.raises(LimitReached):
            await controller.extend(OWNER, session.session_id)
        with pytest.raises(SessionNotFound):
            await controller.extend(PrincipalId("eve"), session.session_id)
        await controller.end(OWNER, session.session_id)
        with pytest.raises(SessionEnded):
            await controller.extend(OWNER, session.session_id)
        await stage.reaches(session.session_id, "ended")


async def test_a_new_controller_keeps_a_session_for_what_was_left_of_its_time(
    stage: Stage,
) -> None:
    async with stage.controlled(session_timeout_s=50) as controller:
        session = await ready(stage, keep_s=500)
        await controller.extend(OWNER, session.session_id)
        promised = await controller.session(OWNER, session.session_id)
    async with stage.controlled(session_timeout_s=5000, idle_timeout_s=7):
        found = await stage.reaches(session.session_id, "vm_created")
        driver = stage.controller.drivers[session.session_id]
        assert (found.keep_s, found.ends_at) == (500, promised.ends_at)
        assert driver.lifecycle.lasting.idle_until_s == pytest.approx(500, abs=5)
