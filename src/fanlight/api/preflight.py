"""What a viewer tries before it needs a session: a path to the gateway, a WebSocket, events.

Nothing here leads to a machine. The gateway's connections are closed after a few seconds whatever
the page does, and each of the three is counted against the principal's rate.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response
from starlette.websockets import WebSocket, WebSocketDisconnect

from fanlight import errors
from fanlight.controller import SessionEvent
from fanlight.wire import ConnectionId

from .events import EventStream
from .fragments import read_offer
from .guard import refuse_websocket
from .identity import Browser
from .parts import SharedParts, parts_of
from .problems import problem, responses
from .whep import SDP, described, sends

router = APIRouter(tags=["preflight"])

BASE = "/api/webrtc/preflight"
REFUSED = responses(errors.NotSignedIn, errors.NotAllowed)

SOCKET_LIFE_S = 10.0
SOCKET_MESSAGES = 32
SOCKET_CHARACTERS = 64
"""What is echoed: a page asks five times, a dozen characters each."""
EVENTS_LIFE_S = 6.0
"""How long the stream stays open after its only event: one that comes when the stream ends was
held back by something in between."""

DONE, TOO_BIG = 1000, 1009


@router.post(
    BASE,
    status_code=201,
    response_class=Response,
    openapi_extra=sends(SDP),
    responses=REFUSED
    | responses(errors.MediaTypeUnsupported, errors.OfferRejected)
    | {201: {"description": "The answer", "content": {SDP: {}}}},
)
async def post(request: Request, asker: Browser, parts: SharedParts) -> Response:
    """Have an offer answered that has no session: its data channel opens, no picture comes."""
    offer = await described(request, SDP)
    read_offer(offer)
    parts.limits.preflight.take(asker.principal, parts.clock())
    connection, answer = await parts.controller.preflight(asker.principal, offer)
    headers = {"location": f"{BASE}/{connection}", "cache-control": "no-store"}
    return Response(answer, status_code=201, headers=headers, media_type=SDP)


@router.delete(
    BASE + "/{connection}",
    response_class=Response,
    responses=REFUSED | responses(errors.ConnectionNotFound),
)
async def delete(connection: str, asker: Browser, parts: SharedParts) -> Response:
    """Close such a connection; left alone, it is closed after 20 seconds."""
    await parts.controller.close_preflight(asker.principal, ConnectionId(connection))
    return Response(status_code=200)


@router.get(
    BASE + "/events",
    response_class=Response,
    responses=REFUSED | {200: {"description": "The stream", "content": {"text/event-stream": {}}}},
)
async def events(asker: Browser, parts: SharedParts) -> Response:
    """Stream one event at once, and then nothing for a while."""
    parts.limits.preflight.take(asker.principal, parts.clock())
    return EventStream(_one_event(), parts.settings.heartbeat_s, _always)


async def _one_event() -> AsyncIterator[SessionEvent]:
    yield SessionEvent(None, "notice", {"text": "Events arrive.", "code": "preflight"})
    await asyncio.sleep(EVENTS_LIFE_S)


async def _always() -> bool:
    """Nobody's events are in it, and it ends by itself before a heartbeat."""
    return True


@router.websocket(BASE + "/socket")
async def socket(websocket: WebSocket) -> None:
    """Send back what comes, for a few seconds; opened by a ticket for `preflight`."""
    parts = parts_of(websocket)
    try:
        parts.passes.redeem(websocket.query_params.get("ticket", ""), parts.clock())
    except errors.FanlightError as error:
        refusal = problem(error)
        await refuse_websocket(refusal, websocket.scope, websocket.receive, websocket.send)
        return
    await websocket.accept()
    try:
        async with asyncio.timeout(SOCKET_LIFE_S):
            code = await _echo(websocket)
    except TimeoutError:
        code = DONE
    except (WebSocketDisconnect, RuntimeError):
        return
    await websocket.close(code)


async def _echo(websocket: WebSocket) -> int:
    """Give the code to close with."""
    for _ in range(SOCKET_MESSAGES):
        message = await websocket.receive()
        if message["type"] == "websocket.disconnect":
            raise WebSocketDisconnect(message.get("code", DONE))
        text = message.get("text")
        if text is None or len(text) > SOCKET_CHARACTERS:
            return TOO_BIG
        await websocket.send_text(text)
    return DONE
