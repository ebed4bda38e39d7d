"""Events to whoever follows a session: kept in the store first, then fanned out.

A follower that does not read is dropped; it comes back with its last id and misses nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from fanlight.store import Store
from fanlight.wire import SessionId

from .view import EventKind, Session, SessionEvent

PENDING_MAX = 256
"""Events that wait for one follower."""
PAGE = 500


class Followers:
    """The followers of one session."""

    def __init__(self) -> None:
        self._queues: set[asyncio.Queue[SessionEvent | None]] = set()

    def tell(self, event: SessionEvent) -> None:
        """Hand an event to everybody, without waiting for anybody."""
        for queue in list(self._queues):
            try:
                queue.put_nowait(event)
            except asyncio.QueueFull:
                self._drop(queue)

    def open(self) -> asyncio.Queue[SessionEvent | None]:
        """Follow from now on; None in the queue is the end."""
        queue: asyncio.Queue[SessionEvent | None] = asyncio.Queue(PENDING_MAX)
        self._queues.add(queue)
        return queue

    def close(self, queue: asyncio.Queue[SessionEvent | None]) -> None:
        """Follow no longer."""
        self._queues.discard(queue)

    def end(self) -> None:
        """End every stream. What is in the queues is still read."""
        for queue in list(self._queues):
            self._drop(queue)

    def _drop(self, queue: asyncio.Queue[SessionEvent | None]) -> None:
        self.close(queue)
        while True:
            try:
                queue.put_nowait(None)
                return
            except asyncio.QueueFull:
                queue.get_nowait()


async def follow(
    store: Store, session: SessionId, followers: Followers, after: int | None
) -> AsyncIterator[SessionEvent]:
    """Yield what was kept after `after` (None: how things stand), then what comes, until `end`."""
    queue = followers.open()
    try:
        last = after or 0
        async for event in kept(store, session, after):
            last = event.id or last
            yield event
            if event.kind == "end":
                return
        while event_or_end := await queue.get():
            # The store was read after the queue was opened: some of these were in both.
            if event_or_end.id is not None and event_or_end.id <= last:
                continue
            yield event_or_end
            if event_or_end.kind == "end":
                return
    finally:
        followers.close(queue)


async def kept(store: Store, session: SessionId, after: int | None) -> AsyncIterator[SessionEvent]:
    """Yield the kept events with an id over `after`; None: only how things stand."""
    if after is None:
        async for event in _standing(store, session):
            yield event
        return
    while page := await store.events(session, after=after, limit=PAGE):
        for record in page:
            yield SessionEvent(record.id, _kind(record.kind), record.data)
        after = page[-1].id


async def _standing(store: Store, session: SessionId) -> AsyncIterator[SessionEvent]:
    """Yield the newest `session` event, and `end` if it was said; news of the past is left out.

    It bears the newest id of all, so that whoever resumes from it is not told of the past either.
    """
    newest: SessionEvent | None = None
    end: SessionEvent | None = None
    last: int | None = None
    async for event in kept(store, session, 0):
        last = event.id
        if event.kind == "session":
            newest = event
        elif event.kind == "end":
            end = event
    if newest is not None:
        yield SessionEvent(None if end else last, "session", newest.data)
    if end is not None:
        yield end


async def ended(store: Store, final: Session, after: int | None) -> AsyncIterator[SessionEvent]:
    """Yield what was kept of a session that is over; its final state and `end` in any case."""
    said_end = False
    async for event in kept(store, final.session_id, after):
        said_end = event.kind == "end"
        yield event
    if not said_end:
        data = final.to_json()
        yield SessionEvent(None, "session", data)
        yield SessionEvent(None, "end", {"reason": data["reason"]})


def _kind(text: str) -> EventKind:
    match text:
        case "session" | "viewers" | "quality" | "gateway" | "notice" | "end":
            return text
        case _:
            return "notice"
