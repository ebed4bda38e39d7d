"""One session's writes to the store, in order, and what follows from each of them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from fanlight import log
from fanlight.errors import FanlightError
from fanlight.store import SessionRecord, Store
from fanlight.wire import SessionId

from .publish import Followers
from .view import EventKind, SessionEvent

CROWDED = 64
"""Writes that may wait before older news of the session gives way to newer."""

_log = log.get("controller")


class Outbox:
    """Writes for one session. `run` until `close`."""

    def __init__(self, store: Store, followers: Followers, clock: Callable[[], float]) -> None:
        self._store, self._followers, self._clock = store, followers, clock
        self._work: asyncio.Queue[Callable[[], Awaitable[None]]] = asyncio.Queue()
        self._newest: SessionRecord | None = None
        self._is_closing = False
        self._is_over = asyncio.Event()

    async def run(self) -> None:
        """Do what is asked for, one thing after the other, until closed."""
        try:
            while not (self._is_closing and self._work.empty()):
                work = await self._work.get()
                try:
                    await work()
                except FanlightError as error:
                    _log.error("the store failed", error=str(error), code=error.code)
        finally:
            self._is_over.set()

    def event(self, record: SessionRecord, kind: EventKind, data: Mapping[str, Any]) -> None:
        """Store the session and an event of it; then tell the followers."""
        self._newest = record

        async def work() -> None:
            # Each `session` event is the whole session: under load only the newest is told.
            is_old = kind == "session" and record is not self._newest
            if is_old and self._work.qsize() > CROWDED:
                return
            id_: int | None = None
            try:
                now = self._clock()
                id_ = await self._store.save_session_with_event(record, kind, data, now)
            finally:
                # A full disk keeps nobody from seeing what happens.
                self._followers.tell(SessionEvent(id_, kind, data))

        self._work.put_nowait(work)

    def keep(self, record: SessionRecord) -> None:
        """Store the session without an event."""

        async def work() -> None:
            await self._store.save_session(record)

        self._work.put_nowait(work)

    def audit(self, record: SessionRecord, action: str, detail: Mapping[str, Any]) -> None:
        """Append to the audit trail."""

        async def work() -> None:
            await self._store.record(
                record.owner, action, now=self._clock(), session=record.id, detail=detail
            )

        self._work.put_nowait(work)

    def store_bundle(
        self,
        session: SessionId,
        ciphertext: bytes,
        *,
        then: Callable[[], None],
        failed: Callable[[FanlightError], None],
    ) -> None:
        """Keep a sealed credential."""

        async def work() -> None:
            try:
                await self._store.put_bundle(session, ciphertext, self._clock())
            except FanlightError as error:
                failed(error)
                raise
            then()

        self._work.put_nowait(work)

    def drop_bundle(self, session: SessionId) -> None:
        """Delete a sealed credential."""

        async def work() -> None:
            await self._store.delete_bundle(session, self._clock())

        self._work.put_nowait(work)

    async def settled(self) -> None:
        """Return when everything asked for so far is done."""
        if self._is_closing:
            await self._is_over.wait()
            return
        done = asyncio.Event()

        async def work() -> None:
            done.set()

        self._work.put_nowait(work)
        await done.wait()

    def close(self, then: Callable[[], None]) -> None:
        """Do what was asked for, call `then`, end the followers' streams, and stop."""

        async def work() -> None:
            then()
            self._followers.end()

        self._is_closing = True
        self._work.put_nowait(work)
