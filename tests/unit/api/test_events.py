"""The stream of a session's events."""

from __future__ import annotations

import asyncio

import httpx
import pytest
from starlette.types import Message
from tests.unit.api.desk import Desk

from fanlight.api.events import EventStream
from fanlight.store import OWNER
from fanlight.wire import SessionId


async def test_a_stream_goes_on_after_the_last_event_that_was_seen(
    desk: Desk, owner: httpx.AsyncClient, session: str
) -> None:
    id_ = SessionId(session)
    for n in range(3):
        await desk.controller.publish(id_, "notice", {"text": f"line\nbreak {n}"})
    await desk.controller.finish(id_)
    path = f"/api/auth/session/{session}/events"

    whole = await owner.get(path)

    assert whole.headers["content-type"].startswith("text/event-stream")
    assert whole.headers["cache-control"] == "no-store"
    assert [line for line in whole.text.splitlines() if line.startswith("id:")] == [
        "id: 1", "id: 2", "id: 3", "id: 4",
    ]  # fmt: skip
    assert 'data: {"text":"line\\nbreak 0"}' in whole.text
    rest = await owner.get(path, headers={"last-event-id": "3"})
    assert "id: 3" not in rest.text
    assert "event: end" in rest.text


@pytest.mark.parametrize("last", ["x", "-1", "9" * 40, "1.5"])
async def test_a_strange_last_event_id_is_refused(
    owner: httpx.AsyncClient, session: str, last: str
) -> None:
    path = f"/api/auth/session/{session}/events"
    answer = await owner.get(path, headers={"last-event-id": last})
    assert answer.status_code == 422


async def test_a_last_event_id_beyond_the_end_is_no_error(
    desk: Desk, owner: httpx.AsyncClient, session: str
) -> None:
    await desk.controller.finish(SessionId(session))
    path = f"/api/auth/session/{session}/events"
    answer = await owner.get(path, headers={"last-event-id": "999999"})
    assert "event: end" in answer.text


async def test_silence_is_filled_and_events_come_as_they_happen(desk: Desk, session: str) -> None:
    id_ = SessionId(session)
    sent: list[str] = []

    async def send(message: Message) -> None:
        sent.append(message.get("body", b"").decode())
        if "still here" in sent[-1] and "end" not in "".join(sent):
            await desk.controller.finish(id_)

    async def receive() -> Message:
        await asyncio.Event().wait()
        raise AssertionError("nobody sets this event")

    async def allowed() -> bool:
        return True

    async with asyncio.timeout(5):
        stream = EventStream(desk.controller.events(OWNER, id_, 0), 0.01, allowed)
        await stream({"type": "http"}, receive, send)

    text = "".join(sent)
    assert text.index(": still here") < text.index("event: end")
    assert sent[-1] == ""


async def test_signing_out_ends_the_stream(
    desk: Desk, owner: httpx.AsyncClient, session: str
) -> None:
    async with asyncio.timeout(5), asyncio.TaskGroup() as tasks:
        stream = tasks.create_task(owner.get(f"/api/auth/session/{session}/events"))
        await desk.store.end_browser_session(owner.cookies["fanlight_session"])
    assert "event: end" not in stream.result().text


async def test_a_page_that_was_just_opened_hears_how_things_stand_and_nothing_of_the_past(
    desk: Desk, owner: httpx.AsyncClient, session: str
) -> None:
    id_ = SessionId(session)
    await desk.controller.publish(id_, "notice", {"text": "long ago"})
    await desk.controller.finish(id_)
    path = f"/api/auth/session/{session}/events?from=now"

    fresh = await owner.get(path)
    resumed = await owner.get(path, headers={"last-event-id": "1"})

    assert "event: session" in fresh.text
    assert "long ago" not in fresh.text
    assert "event: session" not in resumed.text
    assert "event: end" in resumed.text
    assert (await owner.get(path + "x")).status_code == 422
