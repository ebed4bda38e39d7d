"""The encoded frames over a WebSocket: a viewer joined to the media gateway by the controller.

For networks that let nothing through but HTTPS. The chunks are those of `wire/stream.py`, one in
each binary message. Whoever has no right to look gets an HTTP error instead of a WebSocket; why
there is no picture for those who have is said in the first message, because a browser hides the
HTTP answer to a WebSocket from its page.
"""

from __future__ import annotations

import asyncio
import contextlib
import re

from fastapi import APIRouter
from starlette.websockets import WebSocket, WebSocketDisconnect

from fanlight.controller import StreamPipe
from fanlight.errors import (
    ConnectionNotFound,
    FanlightError,
    InvalidRequest,
    NotSignedIn,
    WireError,
)
from fanlight.wire import (
    ConnectionId,
    PrincipalId,
    SessionId,
    StreamClosed,
    StreamText,
    encode,
    encode_chunk,
)

from .guard import refuse_websocket
from .identity import find_asker
from .parts import Parts, parts_of
from .problems import problem
from .whep import NAME

router = APIRouter()

CODECS = frozenset({"vp8", "h264"})
TAKEN_S = 10.0
"""How long one message may wait for a viewer that reads nothing; then its connection is over."""

MESSAGES_PER_S = 4000
"""A viewer that says more than this is not a viewer. The gateway takes 1000 a second, and lets the
rest wait; what a WebSocket's buffer holds of very short ones comes all at once, though."""
BREATH = 64
"""After so many messages at once, others are served."""

OVER = 1000
UNUSABLE = 1003
FLOOD = 1008
TOO_BIG = 1009


@router.websocket("/api/webrtc/session/{id}/stream")
async def stream(id: str, websocket: WebSocket) -> None:
    """Join the viewer and the gateway; opened by a ticket for `stream`.

    `replaces`: as in WHEP; taken from the owner's own browser only.
    """
    parts, session = parts_of(websocket), SessionId(id)
    query = websocket.query_params
    try:
        viewer = await _viewer(session, query.get("ticket", ""), parts)
        codecs = _codecs(query.get("codecs", "vp8"))
        replaces = await _replaced(websocket, viewer, parts)
    except FanlightError as error:
        refusal = problem(error)
        await refuse_websocket(refusal, websocket.scope, websocket.receive, websocket.send)
        return
    await websocket.accept()
    async with contextlib.AsyncExitStack() as viewing:
        try:
            pipe = await viewing.enter_async_context(
                parts.controller.streaming(viewer, session, codecs, replaces=replaces)
            )
        except FanlightError as error:
            await _say_why(websocket, error)
            return
        await _join(websocket, pipe)


async def _viewer(session: SessionId, ticket: str, parts: Parts) -> PrincipalId:
    if not ticket:
        raise NotSignedIn("this address needs a ticket", hint="POST /api/tickets makes one.")
    found = await parts.store.redeem_ticket(ticket, session, "stream", parts.clock())
    parts.limits.offer.take(found.principal, parts.clock())
    return found.principal


async def _replaced(
    websocket: WebSocket, viewer: PrincipalId, parts: Parts
) -> ConnectionId | None:
    """Give the connection that the viewer had before: it goes on with that one's control.

    A ticket opens one connection and speaks for no other. So only the owner's own browser, whose
    cookie comes along, may name one: as with WHEP, who was handed a ticket may not.
    """
    name = websocket.query_params.get("replaces")
    if not name:
        return None
    if not re.fullmatch(NAME, name):
        raise InvalidRequest("replaces: the name of a connection")
    asker = await find_asker(websocket, parts)
    if asker is None or asker.kind != "browser" or asker.principal != viewer:
        raise ConnectionNotFound
    return ConnectionId(name)


def _codecs(text: str) -> tuple[str, ...]:
    codecs = tuple(text.split(","))
    if not codecs or len(codecs) > len(CODECS) or not CODECS.issuperset(codecs):
        raise InvalidRequest("codecs: one or more of vp8 and h264, with commas between them")
    return codecs


async def _say_why(websocket: WebSocket, error: FanlightError) -> None:
    line = encode(StreamClosed(error.code, f"{error}. {error.hint}".strip())).rstrip()
    with contextlib.suppress(WebSocketDisconnect, RuntimeError):
        await websocket.send_bytes(encode_chunk(StreamText(line))[4:])
        await websocket.close(OVER, error.title)


async def _join(websocket: WebSocket, pipe: StreamPipe) -> None:
    async with asyncio.TaskGroup() as tasks:
        both = {
            tasks.create_task(_to_gateway(websocket, pipe)),
            tasks.create_task(_to_viewer(pipe, websocket)),
        }
        done, _ = await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        for task in both:
            task.cancel()
    why = next((task.result() for task in done), None)
    if why is not None:
        with contextlib.suppress(WebSocketDisconnect, RuntimeError):
            await websocket.close(*why)


async def _to_gateway(websocket: WebSocket, pipe: StreamPipe) -> tuple[int, str] | None:
    """Pass on what the viewer says. Gives why to close, or None when the viewer closed."""
    loop = asyncio.get_running_loop()
    second = said = 0
    while True:
        message = await websocket.receive()
        now = int(loop.time())
        second, said = now, said + 1 if now == second else 1
        if said > MESSAGES_PER_S:
            return FLOOD, "too many messages"
        if said % BREATH == 0:
            await asyncio.sleep(0)
        if message["type"] == "websocket.disconnect":
            return None
        chunk = message.get("bytes")
        if chunk is None:
            return UNUSABLE, "binary messages only"
        try:
            await pipe.say(chunk)
        except WireError:
            return TOO_BIG, "this message is empty or too long"
        except OSError:
            return OVER, "the gateway closed the stream"


async def _to_viewer(pipe: StreamPipe, websocket: WebSocket) -> tuple[int, str] | None:
    """Pass on what the gateway sends. Gives why to close, or None when no word gets through."""
    while True:
        try:
            chunk = await pipe.next()
        except WireError:
            return OVER, "the gateway broke the protocol"
        if chunk is None:
            return OVER, "the gateway closed the stream"
        try:
            async with asyncio.timeout(TAKEN_S):
                await websocket.send_bytes(chunk)
        except (WebSocketDisconnect, RuntimeError, TimeoutError):
            return None
