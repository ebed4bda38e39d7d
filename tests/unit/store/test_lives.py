"""Sessions, their events and their sealed bundles."""

from __future__ import annotations

import dataclasses

import pytest

from fanlight.errors import Expired, SessionNotFound
from fanlight.store import OWNER, SessionRecord, Store, hashed
from fanlight.wire import MachineRef, SessionId

A, B = SessionId("a"), SessionId("b")
NOW = 1000.0


@pytest.fixture
async def kept(store: Store) -> Store:
    await store.add_session(SessionRecord(A, OWNER, NOW))
    return store


async def test_a_session_comes_back_as_it_was_saved(kept: Store) -> None:
    record = SessionRecord(
        id=A,
        owner=OWNER,
        created_at=NOW,
        tool="gh",
        recipient="age1",
        label="mine",
        status="booting",
        answerer="machine",
        machine_ref=MachineRef("m"),
        machine_token_hash=hashed("flm_x"),
        reason={"code": "machine-died"},
        view={"percent": 20},
        memo={"nonce": "n"},
    )
    await kept.save_session(record)
    assert await kept.session(A) == record
    assert await kept.session_of_machine_token("flm_x") == record
    assert await kept.session_of_machine_token("flm_y") is None


async def test_saving_a_session_that_is_not_there_is_refused(store: Store) -> None:
    with pytest.raises(SessionNotFound):
        await store.save_session(SessionRecord(A, OWNER, NOW))


async def test_sessions_come_newest_first_and_ended_ones_on_request(kept: Store) -> None:
    second = SessionRecord(B, OWNER, NOW + 1)
    await kept.add_session(second)
    assert [one.id for one in await kept.sessions(OWNER)] == [B, A]
    await kept.save_session(dataclasses.replace(second, status="ended", ended_at=NOW + 2))
    assert [one.id for one in await kept.sessions(OWNER)] == [A]
    assert [one.id for one in await kept.sessions(OWNER, ended=True)] == [B, A]
    assert [one.id for one in await kept.unended_sessions()] == [A]


async def test_event_ids_rise_from_one_in_each_session(kept: Store) -> None:
    await kept.add_session(SessionRecord(B, OWNER, NOW))
    ids = [await kept.append_event(A, "session", {"n": n}, NOW) for n in range(3)]
    assert ids == [1, 2, 3]
    assert await kept.append_event(B, "session", {}, NOW) == 1
    assert [event.data["n"] for event in await kept.events(A, after=1)] == [1, 2]


async def test_a_bundle_is_there_until_it_is_deleted(kept: Store) -> None:
    assert await kept.bundle(A, NOW) is None
    await kept.put_bundle(A, b"sealed", NOW)
    assert await kept.bundle(A, NOW) == b"sealed"
    assert await kept.bundle(A, NOW + 1) == b"sealed"
    assert await kept.delete_bundle(A, NOW + 2)
    assert not await kept.delete_bundle(A, NOW + 2)
    with pytest.raises(Expired):
        await kept.bundle(A, NOW + 3)


async def test_a_bundle_is_gone_after_a_quarter_of_an_hour(kept: Store) -> None:
    await kept.put_bundle(A, b"sealed", NOW)
    with pytest.raises(Expired):
        await kept.bundle(A, NOW + 900)
    await kept.prune(NOW + 900)
    with pytest.raises(Expired):
        await kept.bundle(A, NOW)


async def test_pruning_keeps_sessions_and_forgets_their_old_events(kept: Store) -> None:
    await kept.append_event(A, "session", {}, NOW)
    token = await kept.new_session_token(A, OWNER, NOW)
    await kept.prune(NOW + 1)
    assert len(await kept.events(A)) == 1
    await kept.save_session(SessionRecord(A, OWNER, NOW, status="ended", ended_at=NOW + 1))
    await kept.prune(NOW + 2 * 24 * 3600)
    assert await kept.events(A) == []
    assert await kept.session_token(token) is None
    assert await kept.session(A) is not None


async def test_the_audit_trail_is_newest_first(kept: Store) -> None:
    await kept.record(OWNER, "signed_in", now=NOW)
    await kept.record(OWNER, "session_started", now=NOW + 1, session=A, detail={"tool": "gh"})
    first, second = await kept.history(OWNER)
    assert (first.action, first.session, first.detail) == ("session_started", A, {"tool": "gh"})
    assert second.action == "signed_in"
