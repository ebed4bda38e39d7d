"""A session's events as a stream (server-sent events), resumable by `Last-Event-ID`."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Annotated, Literal

import structlog
from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from fanlight.controller import SessionEvent
from fanlight.errors import FanlightError, InvalidRequest, NotAllowed, NotSignedIn, SessionNotFound
from fanlight.wire import SessionId

from .identity import Asker, Owner, find_asker
from .parts import Parts, SharedParts
from .problems import responses

router = APIRouter(tags=["sessions"])

log = structlog.get_logger()

MAX_ID_DIGITS = 15


@router.get(
    "/api/auth/session/{id}/events",
    response_class=Response,
    responses=responses(NotSignedIn, NotAllowed, SessionNotFound)
    | {200: {"description": "The stream", "content": {"text/event-stream": {}}}},
)
async def events(
    id: str,
    request: Request,
    asker: Owner,
    parts: SharedParts,
    start: Annotated[Literal["now"] | None, Query(alias="from")] = None,
) -> Response:
    """Stream every change of the session, from `Last-Event-ID` on, until `end`.

    `from=now` without `Last-Event-ID`: the session as it stands first, and nothing of its past.
    """
    last = _last_event_id(request)
    after = None if start == "now" and not last else last
    session = SessionId(id)
    # Said before the stream begins: a stranger gets a problem, not an empty stream.
    await parts.controller.session(asker.principal, session)
    source = parts.controller.events(asker.principal, session, after)
    return EventStream(source, parts.settings.heartbeat_s, _still_allowed(request, asker, parts))


def _last_event_id(request: Request) -> int:
    text = request.headers.get("last-event-id", "").strip()
    if not text:
        return 0
    if not (text.isascii() and text.isdigit() and len(text) <= MAX_ID_DIGITS):
        raise InvalidRequest("Last-Event-ID is not a number that this stream gave")
    return int(text)


def _still_allowed(request: Request, asker: Asker, parts: Parts) -> Callable[[], Awaitable[bool]]:
    """Signing out or deleting a key ends the streams that it opened, at their next heartbeat."""

    async def check() -> bool:
        try:
            return await find_asker(request, parts) == asker
        except FanlightError:
            return False

    return check


class EventStream(Response):
    """An ASGI response that writes events as they come, and a comment when nothing came."""

    def __init__(
        self,
        source: AsyncIterator[SessionEvent],
        heartbeat_s: float,
        still_allowed: Callable[[], Awaitable[bool]],
    ) -> None:
        super().__init__(headers={"cache-control": "no-store", "x-accel-buffering": "no"})
        self.headers["content-type"] = "text/event-stream; charset=utf-8"
        del self.headers["content-length"]
        self._source = source
        self._heartbeat_s = heartbeat_s
        self._still_allowed = still_allowed

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Write until the source ends, the client goes or may not read any longer."""
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        await self._write(send, ": hello\n\n")
        async with asyncio.TaskGroup() as tasks:
            others = [
                tasks.create_task(self._beat(send)),
                tasks.create_task(_gone(receive)),
            ]
            pump = tasks.create_task(self._pump(send))
            every = {pump, *others}
            await asyncio.wait(every, return_when=asyncio.FIRST_COMPLETED)
            for task in every:
                task.cancel()
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _pump(self, send: Send) -> None:
        try:
            async for event in self._source:
                await self._write(send, rendered(event))
        except FanlightError as error:
            # The answer has begun, so it cannot become a problem: the client comes back for one.
            log.warning("event stream broke off", code=error.code)

    async def _beat(self, send: Send) -> None:
        while True:
            await asyncio.sleep(self._heartbeat_s)
            if not await self._still_allowed():
                return
            await self._write(send, ": still here\n\n")

    async def _write(self, send: Send, text: str) -> None:
        await send({"type": "http.response.body", "body": text.encode(), "more_body": True})


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def rendered(event: SessionEvent) -> str:
    """Give the event as the stream's text. JSON has no raw line breaks, so `data` is one line."""
    lines = [] if event.id is None else [f"id: {event.id}"]
    data = json.dumps(event.data, separators=(",", ":"))
    return "\n".join([*lines, f"event: {event.kind}", f"data: {data}", "", ""])
