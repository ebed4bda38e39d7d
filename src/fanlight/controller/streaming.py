"""A viewer's stream: a connection of its own to the gateway, carried for the viewer's WebSocket.

The chunks of `wire/stream.py` go through as they are; their borders are all that is looked at.
Each side is read only as fast as the other takes it, so that what a viewer's network does not
carry stays in the gateway, which knows what may be left out.
"""

from __future__ import annotations

import asyncio
import contextlib
import struct
from collections.abc import AsyncIterator
from pathlib import Path

from fanlight.errors import FanlightError, GatewayUnavailable, WireError
from fanlight.session import negotiation
from fanlight.wire import (
    MAX_CHUNK_BYTES,
    ConnectionId,
    ConnectionRejected,
    OpenStream,
    StreamOpened,
    StreamText,
    decode,
    encode,
    encode_chunk,
    with_length,
)

from .driver import Driver
from .reasons import error_for, inert

OPEN_TIMEOUT_S = 5.0
BUFFER_BYTES = 16_384
"""Kept of either direction here; pictures that wait are better off in the gateway."""

_LENGTH = struct.Struct(">I")


class StreamPipe:
    """The controller's end of a stream that the gateway has opened."""

    def __init__(
        self, opened: StreamOpened, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._first: bytes | None = encode_chunk(StreamText(encode(opened).rstrip()))[4:]
        self._reader, self._writer = reader, writer

    async def next(self) -> bytes | None:
        """Give the next chunk for the viewer, without its length; None: the gateway closed.

        Raises:
            WireError: it is longer than any chunk.
        """
        if self._first is not None:
            first, self._first = self._first, None
            return first
        try:
            (length,) = _LENGTH.unpack(await self._reader.readexactly(_LENGTH.size))
            if not 1 <= length <= MAX_CHUNK_BYTES:
                raise WireError(f"a chunk of {length} bytes")
            return await self._reader.readexactly(length)
        except (asyncio.IncompleteReadError, OSError):
            return None

    async def say(self, chunk: bytes) -> None:
        """Pass on what the viewer says, when the gateway takes it.

        Raises:
            WireError: it is empty, or longer than a viewer's may be.
            OSError: the gateway closed.
        """
        self._writer.write(with_length(chunk))
        await self._writer.drain()


@contextlib.asynccontextmanager
async def carried(
    driver: Driver, connection: ConnectionId, gateway_socket: Path
) -> AsyncIterator[StreamPipe]:
    """Open a stream that was requested, and end its connection with the block.

    Raises:
        GatewayUnavailable, SessionEnded, OfferRejected, CodecUnsupported, LimitReached: as they
            say.
    """
    try:
        request = await _wanted(driver, connection)
        reader, writer = await _connected(gateway_socket)
        with contextlib.closing(writer):
            opened = await _opened(driver, request, reader, writer)
            yield StreamPipe(opened, reader, writer)
    finally:
        if not driver.is_over:
            driver.late(driver.talk, negotiation.ConnectionClosed(connection))


async def _wanted(driver: Driver, connection: ConnectionId) -> OpenStream:
    """Give what the gateway is to be asked, once it is there."""
    box = driver.signalling.boxes[connection]

    def look() -> OpenStream | FanlightError | None:
        return box.refusal or box.stream

    # The negotiation's own timer refuses it before.
    found: OpenStream | FanlightError | None = await driver.signalling.wait(
        look, 4 * OPEN_TIMEOUT_S
    )
    match found:
        case OpenStream():
            return found
        case None:
            raise GatewayUnavailable("the media gateway did not open the stream in time")
        case _:
            raise found


async def _connected(path: Path) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    try:
        async with asyncio.timeout(OPEN_TIMEOUT_S):
            return await asyncio.open_unix_connection(path, limit=BUFFER_BYTES)
    except (OSError, TimeoutError) as error:
        raise GatewayUnavailable("the media gateway does not answer") from error


async def _opened(
    driver: Driver,
    request: OpenStream,
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
) -> StreamOpened:
    try:
        async with asyncio.timeout(OPEN_TIMEOUT_S):
            writer.write(encode(request))
            answer = decode(await reader.readline())
    except (OSError, TimeoutError, WireError) as error:
        raise GatewayUnavailable("the media gateway did not open the stream") from error
    match answer:
        case StreamOpened():
            return answer
        case ConnectionRejected(code=code, detail=detail):
            text = inert(detail, 300)
            refused = negotiation.OfferRefused(request.connection, code, text)
            driver.late(driver.talk, refused)
            raise error_for(code, text)
        case _:
            raise GatewayUnavailable("the media gateway did not open the stream")
