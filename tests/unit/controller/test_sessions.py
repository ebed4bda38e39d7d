"""A session from its request to its end, whatever the machine does."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from fanlight.controller import StartRequest
from fanlight.errors import LimitReached, SessionEnded, SessionNotFound, UnknownTool
from fanlight.store import OWNER
from fanlight.testing.machines import DYING, GARBLING, NEVER_READY, REFUSED, Character, whole_boot
from fanlight.wire import CloseSession, GuestFailed, IdentifyMachine, PrincipalId, SessionId

if TYPE_CHECKING:
    from .conftest import Stage

STRANGER = PrincipalId("stranger")


async def test_a_session_becomes_ready_and_ends_with_nothing_left(stage: Stage) -> None:
    async with stage.controlled() as controller:
        asked = await controller.start(OWNER, StartRequest(label="mine"))
        assert asked.status == "booting"

        ready = await stage.reaches(asked.session_id, "vm_created")
        assert (ready.percent, ready.step) == (100, "Ready")
        assert all(each.done for each in ready.stages)

        await controller.end(OWNER, asked.session_id)
        over = await stage.reaches(asked.session_id, "ended")
        assert over.reason is not None
        assert over.reason.code == "ended-by-owner"
    assert stage.refs() == []
    assert stage.gateway.count(CloseSession) == 1
    assert [each.action for each in await stage.store.history(OWNER)] == ["ended", "started"]


async def test_percent_never_falls_and_event_ids_rise(stage: Stage) -> None:
    async with stage.controlled() as controller:
        id_ = (await controller.start(OWNER, StartRequest())).session_id
        await stage.reaches(id_, "vm_created")
        await controller.end(OWNER, id_)

        events = [event async for event in controller.events(OWNER, id_, 0)]

    ids = [event.id for event in events if event.id is not None]
    percents = [event.data["percent"] for event in events if event.kind == "session"]
    assert ids == list(range(1, len(ids) + 1))
    assert percents == sorted(percents)
    assert events[-1].kind == "end"


async def test_events_are_resumed_where_they_were_left(stage: Stage) -> None:
    async with stage.controlled() as controller:
        id_ = (await controller.start(OWNER, StartRequest())).session_id
        await controller.end(OWNER, id_)
        whole = [event async for event in controller.events(OWNER, id_, 0)]
        await stage.reaches(id_, "ended")

        rest = [event async for event in controller.events(OWNER, id_, 2)]

    assert rest == whole[2:]


async def test_whoever_begins_now_hears_how_things_stand_and_nothing_of_the_past(
    stage: Stage,
) -> None:
    async with stage.controlled() as controller:
        id_ = (await controller.start(OWNER, StartRequest())).session_id
        await stage.reaches(id_, "vm_created")
        await controller.settle()  # how things stand is read from the store
        whole = controller.events(OWNER, id_, None)
        first = await anext(whole)
        await controller.end(OWNER, id_)
        rest = [event async for event in whole]

        over = [event async for event in controller.events(OWNER, id_, None)]

    assert (first.kind, first.data["status"]) == ("session", "vm_created")
    assert first.id is not None
    assert all(event.id is None or event.id > first.id for event in rest)
    assert [event.kind for event in over] == ["session", "end"]


async def test_the_guest_gets_a_token_of_which_only_the_hash_is_stored(stage: Stage) -> None:
    async with stage.controlled() as controller:
        id_ = (await controller.start(OWNER, StartRequest())).session_id
        await stage.reaches(id_, "vm_created")
        identity = await stage.machine.hears(IdentifyMachine)
        assert isinstance(identity, IdentifyMachine)

        assert identity.token.startswith("flm_")
        record = await stage.store.session_of_machine_token(identity.token)
        assert record is not None
        assert record.id == id_
        assert identity.token not in repr(record)


@pytest.mark.parametrize(
    ("character", "code"),
    [
        (REFUSED, "machine-refused"),
        (DYING, "machine-died"),
        (
            Character(says=(*whole_boot()[:2], GuestFailed("no-display", "Xvnc died", "boom"))),
            "no-display",
        ),
        (Character(says=(), garbles=b"garbage\n"), "guest-broke-protocol"),
    ],
)
async def test_a_machine_that_fails_ends_the_session_with_a_name(
    stage: Stage, character: Character, code: str
) -> None:
    stage.characters = [character]
    async with stage.controlled() as controller:
        id_ = (await controller.start(OWNER, StartRequest())).session_id
        over = await stage.reaches(id_, "ended")

    assert over.reason is not None
    assert over.reason.code == code
    assert over.reason.hint
    assert stage.refs() == []


async def test_what_a_guest_says_of_its_failure_is_inert(stage: Stage) -> None:
    hostile = GuestFailed("Bad Code\n", "\x1b[31mred\u202e", "line\x07one\nline two")
    stage.characters = [Character(says=(*whole_boot()[:1], hostile))]
    async with stage.controlled() as controller:
        id_ = (await controller.start(OWNER, StartRequest())).session_id
        over = await stage.reaches(id_, "ended")

    assert over.reason is not None
    assert over.reason.code == "guest-failed"
    assert over.reason.detail == "[31mred Its last words:\nline one\nline two"


async def test_garbage_after_the_boot_closes_the_link_and_not_the_session(stage: Stage) -> None:
    stage.characters = [GARBLING]
    async with stage.controlled() as controller:
        id_ = (await controller.start(OWNER, StartRequest())).session_id
        await stage.reaches(id_, "vm_created")
        machine = stage.machine
        await stage.until(lambda: sum(isinstance(m, IdentifyMachine) for m in machine.heard) > 1)

        assert (await controller.session(OWNER, id_)).status == "vm_created"


async def test_a_machine_that_is_never_ready_times_out(stage: Stage) -> None:
    stage.characters = [NEVER_READY]
    async with stage.controlled(boot_timeout_s=0.1) as controller:
        id_ = (await controller.start(OWNER, StartRequest())).session_id
        over = await stage.reaches(id_, "ended")

    assert over.reason is not None
    assert over.reason.code == "boot-timed-out"
    assert stage.refs() == []


async def test_strangers_find_nothing(stage: Stage) -> None:
    async with stage.controlled() as controller:
        id_ = (await controller.start(OWNER, StartRequest())).session_id

        with pytest.raises(SessionNotFound):
            await controller.session(STRANGER, id_)
        with pytest.raises(SessionNotFound):
            await controller.offer(STRANGER, id_, "v=0")
        with pytest.raises(SessionNotFound):
            await controller.end(STRANGER, id_)
        with pytest.raises(SessionNotFound):
            await controller.session(OWNER, SessionId("nothing"))


async def test_what_cannot_be_started_is_refused(stage: Stage) -> None:
    async with stage.controlled(max_sessions_per_principal=1) as controller:
        with pytest.raises(UnknownTool):
            await controller.start(OWNER, StartRequest(tool="hammer", recipient="age1"))
        id_ = (await controller.start(OWNER, StartRequest())).session_id
        with pytest.raises(LimitReached):
            await controller.start(OWNER, StartRequest())
        await controller.end(OWNER, id_)
        await stage.reaches(id_, "ended")
        await stage.until(lambda: not controller.drivers)

        with pytest.raises(SessionEnded):
            await controller.offer(OWNER, id_, "v=0")
        await controller.start(OWNER, StartRequest())
