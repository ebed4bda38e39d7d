"""Passing bytes on: both ways until both ends are done, or one body as it is framed."""

from __future__ import annotations

import asyncio
import contextlib
import re
from types import TracebackType

from .pace import Meter
from .requests import BadHead, Body

CHUNK_BYTES = 65_536
CHUNK_SIZE = re.compile(rb"([0-9A-Fa-f]{1,8})(?:[ \t]*;[\t\x20-\x7e]*)?\r\n")
MOST_TRAILERS = 32


BURST_S = 1.0
"""So much of a second's bytes may pass at once after a rest."""


class Lane:
    """One machine's bytes in one direction, on all of its connections."""

    def __init__(self, bytes_per_s: int) -> None:
        self.bytes = 0
        self._meter = Meter(bytes_per_s, bytes_per_s * BURST_S)

    async def passed(self, count: int) -> None:
        """Count what was passed on, and wait until more may be: whoever sends is held up then."""
        self.bytes += count
        if wait_s := self._meter.pass_on(count, asyncio.get_running_loop().time()):
            await asyncio.sleep(wait_s)


class Traffic:
    """What is passed on for one machine, each way so many bytes a second at most. 0: no limit."""

    def __init__(self, bytes_per_s: int) -> None:
        self.up, self.down = Lane(bytes_per_s), Lane(bytes_per_s)


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
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, idle: Idle, lane: Lane
) -> None:
    """Copy until the reader's end, and pass the end on."""
    with contextlib.suppress(OSError):
        while data := await reader.read(CHUNK_BYTES):
            writer.write(data)
            await writer.drain()
            await lane.passed(len(data))
            idle.moved()
        writer.write_eof()


async def copy_body(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    body: Body,
    idle: Idle,
    lane: Lane,
) -> None:
    """Copy one body exactly.

    Raises:
        BadHead: it is not chunked as it says.
        asyncio.IncompleteReadError: it ended too early.
    """
    if body.chunked:
        await _copy_chunked(reader, writer, idle, lane)
    else:
        await _copy_exactly(reader, writer, body.length, idle, lane)


async def _copy_exactly(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    count: int,
    idle: Idle,
    lane: Lane,
) -> None:
    while count:
        data = await reader.readexactly(min(count, CHUNK_BYTES))
        writer.write(data)
        await writer.drain()
        await lane.passed(len(data))
        idle.moved()
        count -= len(data)


async def _copy_chunked(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, idle: Idle, lane: Lane
) -> None:
    while size := await _chunk_size(reader):
        # Written anew, without extensions, so that the next hop reads what was read here.
        writer.write(b"%x\r\n" % size)
        await _copy_exactly(reader, writer, size, idle, lane)
        if await reader.readexactly(2) != b"\r\n":
            raise BadHead("a chunk is longer than it says")
        writer.write(b"\r\n")
    for _ in range(MOST_TRAILERS):
        if await _line(reader) == b"\r\n":
            writer.write(b"0\r\n\r\n")
            await writer.drain()
            return
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
            tasks.create_task(copy_until_end(one[0], other[1], idle, traffic.up))
            tasks.create_task(copy_until_end(other[0], one[1], idle, traffic.down))
