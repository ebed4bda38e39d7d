"""VNC for browsers: a WebSocket (noVNC's) joined to the machine's Unix socket.

The bytes are passed through as they are: what a viewer may do, the guest's Xvnc decides (it sends
no clipboard out while a tool is being signed in). Each side is read only as fast as the other
takes it.
"""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path

from fastapi import APIRouter
from starlette.websockets import WebSocket, WebSocketDisconnect

from fanlight.errors import FanlightError, HostError, NotSignedIn
from fanlight.host import open_machine_socket
from fanlight.wire import PrincipalId, SessionId

from .guard import refuse_websocket
from .parts import Parts, parts_of
from .problems import problem

router = APIRouter()

SUBPROTOCOL = "binary"
CHUNK_BYTES = 65_536
OPEN_TIMEOUT_S = 5.0

OVER = 1000
"""The machine's side closed: the session ended, or its display did."""
NOT_BINARY = 1003
FAILED = 1011


@router.websocket("/api/auth/session/{id}/vnc")
async def vnc(id: str, websocket: WebSocket) -> None:
    """Join the viewer and the machine's VNC server; opened by a ticket."""
    parts, session = parts_of(websocket), SessionId(id)
    async with contextlib.AsyncExitStack() as viewing:
        try:
            viewer = await _viewer(session, websocket.query_params.get("ticket", ""), parts)
            path = await viewing.enter_async_context(
                parts.controller.viewing_by_vnc(viewer, session)
            )
            reader, writer = await _opened(path)
        except FanlightError as error:
            refusal = problem(error)
            await refuse_websocket(refusal, websocket.scope, websocket.receive, websocket.send)
            return
        viewing.callback(writer.close)
        now = parts.clock()
        await parts.store.record(viewer, "viewed_by_vnc", now=now, session=session)
        offered = websocket.scope.get("subprotocols", [])
        await websocket.accept(subprotocol=SUBPROTOCOL if SUBPROTOCOL in offered else None)
        await _join(websocket, reader, writer)


async def _viewer(session: SessionId, ticket: str, parts: Parts) -> PrincipalId:
    if not ticket:
        raise NotSignedIn("this address needs a ticket", hint="POST /api/tickets makes one.")
    found = await parts.store.redeem_ticket(ticket, session, "vnc", parts.clock())
    return found.principal


async def _opened(path: Path) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    try:
        async with asyncio.timeout(OPEN_TIMEOUT_S):
            return await open_machine_socket(path, CHUNK_BYTES)
    except (OSError, TimeoutError) as error:
        raise HostError(
            "the machine's VNC server does not answer",
            hint="Wait until the machine has its display, then try again.",
        ) from error


async def _join(
    websocket: WebSocket, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    async with asyncio.TaskGroup() as tasks:
        both = {
            tasks.create_task(_to_machine(websocket, writer)),
            tasks.create_task(_to_viewer(reader, websocket)),
        }
        done, _ = await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        for task in both:
            task.cancel()
    why = next((task.result() for task in done), None)
    if why is not None:
        await websocket.close(*why)


async def _to_machine(
    websocket: WebSocket, writer: asyncio.StreamWriter
) -> tuple[int, str] | None:
    """Pass on what the viewer says. Gives why to close, or None when the viewer closed."""
    while True:
        message = await websocket.receive()
        if message["type"] == "websocket.disconnect":
            return None
        if message.get("bytes") is None:
            return NOT_BINARY, "binary frames only"
        try:
            writer.write(message["bytes"])
            await writer.drain()
        except OSError:
            return OVER, "the machine closed its display"


async def _to_viewer(reader: asyncio.StreamReader, websocket: WebSocket) -> tuple[int, str] | None:
    """Pass on what the machine shows. Gives why to close, or None when the viewer is gone."""
    while True:
        try:
            chunk = await reader.read(CHUNK_BYTES)
        except OSError:
            return FAILED, "the machine's display failed"
        if not chunk:
            return OVER, "the machine closed its display"
        try:
            await websocket.send_bytes(chunk)
        except (WebSocketDisconnect, RuntimeError):
            return None
