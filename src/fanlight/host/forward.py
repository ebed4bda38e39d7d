"""Forwarding one plain http:// request and its answer."""

from __future__ import annotations

import asyncio
import contextlib

from .dial import Connected, Streams, Unreachable
from .relay import Idle, Traffic, copy_body, copy_until_end
from .requests import (
    BadHead,
    Body,
    Fields,
    Request,
    ResponseHead,
    body_of,
    parse_response,
    request_head,
    response_head,
)

NO_BODY = frozenset((204, 205, 304))
MOST_INTERIM = 8
"""1xx answers before the real one."""


async def read_head(reader: asyncio.StreamReader) -> bytes:
    """Read up to and with the empty line.

    Raises:
        BadHead: it is longer than may be (the reader's limit).
        asyncio.IncompleteReadError: it never ends.
    """
    try:
        return await reader.readuntil(b"\r\n\r\n")
    except asyncio.LimitOverrunError:
        raise BadHead("the head is too long") from None


async def forward(
    request: Request, far: Connected, near: Streams, idle_s: float, traffic: Traffic
) -> None:
    """Pass a request and its body on, and the answer back.

    Raises:
        Unreachable: there was no answer that could be passed on; nothing was sent to the machine.
    """
    further: Fields = ()
    target = request.path
    if far.via:
        target = f"http://{request.authority}{request.path}"
        if far.via.authorization:
            further = ((b"Proxy-Authorization", far.via.authorization),)
    far.writer.write(request_head(request, target, further))
    failed: Unreachable | OSError | None = None
    async with Idle(idle_s) as idle, asyncio.TaskGroup() as tasks:
        sending = tasks.create_task(_send_body(near[0], far.writer, request.body, idle, traffic))
        try:
            await _pass_answer(request, far.reader, near[1], idle, traffic)
        except (Unreachable, OSError) as error:
            failed = error  # raised below, where the task group does not wrap it
        sending.cancel()  # a server may answer without having read all
    if failed:
        raise failed


async def _send_body(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    body: Body,
    idle: Idle,
    traffic: Traffic,
) -> None:
    with contextlib.suppress(OSError, asyncio.IncompleteReadError, BadHead):
        await copy_body(reader, writer, body, idle, traffic.up)
        return
    # Half a request must not be taken for a whole one.
    writer.transport.abort()


async def _pass_answer(
    request: Request,
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    idle: Idle,
    traffic: Traffic,
) -> None:
    response = await _pass_interim(reader, writer, idle)
    framing = _framing(request, response)
    writer.write(response_head(response))
    try:
        if framing is None:
            await copy_until_end(reader, writer, idle, traffic.down)
        else:
            await copy_body(reader, writer, framing, idle, traffic.down)
        await writer.drain()
    except (BadHead, asyncio.IncompleteReadError):
        writer.transport.abort()  # the machine must see that it is not whole


async def _pass_interim(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, idle: Idle
) -> ResponseHead:
    """Pass 1xx answers on and give the final one's head."""
    for _ in range(MOST_INTERIM):
        try:
            response = parse_response(await read_head(reader))
        except (BadHead, OSError, asyncio.IncompleteReadError) as error:
            raise Unreachable(f"its answer is not HTTP: {error}") from None
        idle.moved()
        if response.status == 101:
            raise Unreachable("it changes to a protocol that nobody asked for")
        if response.status >= 200:
            return response
        writer.write(response_head(response))
    raise Unreachable("it never answers")


def _framing(request: Request, response: ResponseHead) -> Body | None:
    """Say how the answer's body is framed; None: it ends with the connection."""
    if request.method == "HEAD" or response.status in NO_BODY:
        return Body()
    names = {name.lower() for name, _ in response.fields}
    if not names & {b"content-length", b"transfer-encoding"}:
        return None
    try:
        return body_of(response.fields)
    except BadHead as error:
        raise Unreachable(f"its answer could be read in two ways: {error}") from None
