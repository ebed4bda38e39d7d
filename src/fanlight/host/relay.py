"""Passing bytes on: both ways until both ends are done, or one body as it is framed."""

from __future__ import annotations

import asyncio
import contextlib
import re
from dataclasses import dataclass
from types import TracebackType

from .requests import BadHead, Body

CHUNK_BYTES = 65_536
CHUNK_SIZE = re.compile(rb"([0-9A-Fa-f]{1,8})(?:[ \t]*;[\t\x20-\x7e]*)?\r\n")
MOST_TRAILERS = 32


@dataclass(slots=True)
class Traffic:
    """Bytes passed on for one machine."""

    up: int = 0
    down: int = 0


class Idle:
    """Ends what it guards (TimeoutError) when nothing moved for `limit_s` seconds."""

    def __init__(self, limit_s: float) -> None:
        self._limit_s = limit_s
        self._clock = asyncio.timeout(limit_s)

    async def __aenter__(self) -> Idle:
        await self._clock.__aenter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._clock.__aexit__(kind, error, trace)

    def moved(self) -> None:
        """Something moved: begin again."""
        self._clock.reschedule(asyncio.get_running_loop().time() + self._limit_s)


async def copy_until_end(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, idle: Idle
) -> int:
    """Copy until the reader's end, and pass the end on; give the bytes copied."""
    total = 0
    with contextlib.suppress(OSError):
        while data := await reader.read(CHUNK_BYTES):
            writer.write(data)
            await writer.drain()
            total += len(data)
            idle.moved()
        writer.write_eof()
    return total


async def copy_body(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, body: Body, idle: Idle
) -> int:
    """Copy one body exactly; give its bytes.

    Raises:
        BadHead: it is not chunked as it says.
        asyncio.IncompleteReadError: it ended too early.
    """
    if body.chunked:
        return await _copy_chunked(reader, writer, idle)
    await _copy_exactly(reader, writer, body.length, idle)
    return body.length


async def _copy_exactly(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, count: int, idle: Idle
) -> None:
    while count:
        data = await reader.readexactly(min(count, CHUNK_BYTES))
        writer.write(data)
        await writer.drain()
        idle.moved()
        count -= len(data)


async def _copy_chunked(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, idle: Idle
) -> int:
    total = 0
    while size := await _chunk_size(reader):
        # Written anew, without extensions, so that the next hop reads what was read here.
        writer.write(b"%x\r\n" % size)
        await _copy_exactly(reader, writer, size, idle)
        if await reader.readexactly(2) != b"\r\n":
            raise BadHead("a chunk is longer than it says")
        writer.write(b"\r\n")
        total += size
    for _ in range(MOST_TRAILERS):
        if await _line(reader) == b"\r\n":
            writer.write(b"0\r\n\r\n")
            await writer.drain()
            return total
    raise BadHead("too many trailers")


async def _chunk_size(reader: asyncio.StreamReader) -> int:
    match = CHUNK_SIZE.fullmatch(await _line(reader))
    if match is None:
        raise BadHead("a chunk has no size")
    return int(match[1], 16)


async def _line(reader: asyncio.StreamReader) -> bytes:
    try:
        return await reader.readuntil(b"\r\n")
    except asyncio.LimitOverrunError:
        raise BadHead("a line is too long") from None


async def relay(
    one: tuple[asyncio.StreamReader, asyncio.StreamWriter],
    other: tuple[asyncio.StreamReader, asyncio.StreamWriter],
    *,
    idle_s: float,
    traffic: Traffic,
) -> None:
    """Join two connections until both have ended, or nothing moves for `idle_s` seconds."""
    with contextlib.suppress(TimeoutError):
        async with Idle(idle_s) as idle, asyncio.TaskGroup() as tasks:
            up = tasks.create_task(copy_until_end(one[0], other[1], idle))
            down = tasks.create_task(copy_until_end(other[0], one[1], idle))
        traffic.up += up.result()
        traffic.down += down.result()
