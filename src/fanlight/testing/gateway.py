"""A media gateway that is played in this process, on a real Unix socket. It answers offers, and
sends back the chunks of a stream.
"""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path

from fanlight.errors import WireError
from fanlight.wire import (
    MAX_CHUNK_BYTES,
    ChunkCutter,
    CloseConnection,
    CloseSession,
    ConnectionAnswer,
    ConnectionId,
    ConnectionRejected,
    ConnectionState,
    Decoder,
    FirstFrameSent,
    GatewayHello,
    GatewayWelcome,
    Message,
    OpenConnection,
    OpenSession,
    OpenStream,
    SessionId,
    SetControl,
    StreamOpened,
    encode,
)

ANSWER = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\n"


class FakeGateway:
    """Use as `async with`. What it heard is in `heard`; `die` and `listen` are a restart."""

    def __init__(self, path: Path, *, answers: bool = True, connects: bool = True) -> None:
        """Listen at `path`. `answers`: offers get an answer; `connects`: ICE works, too."""
        self.path, self.answers, self.connects = path, answers, connects
        self.heard: list[Message] = []
        self.sessions: set[SessionId] = set()
        self.connections: dict[ConnectionId, SessionId] = {}
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._streams: dict[ConnectionId, asyncio.StreamWriter] = {}
        self.controlling: ConnectionId | None = None
        """Who was given control last, there or gone."""

    async def __aenter__(self) -> FakeGateway:
        await self.listen()
        return self

    async def __aexit__(self, *_error: object) -> None:
        self.die()

    async def listen(self) -> None:
        """Listen, as a gateway that was spawned just now."""
        self._server = await asyncio.start_unix_server(self._serve, self.path)

    def die(self) -> None:
        """Close everything and forget everything."""
        if self._server is not None:
            self._server.close()
        for writer in (*self._writers, *self._streams.values()):
            writer.close()
        self._writers.clear()
        self._streams.clear()
        self.sessions.clear()
        self.connections.clear()
        self.path.unlink(missing_ok=True)

    def say(self, message: Message) -> None:
        """Say something to every controller."""
        for writer in self._writers:
            writer.write(encode(message))

    def count(self, kind: type) -> int:
        """Give how many messages of a kind were heard."""
        return sum(isinstance(each, kind) for each in self.heard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        decoder = Decoder()
        self._writers.add(writer)
        with contextlib.suppress(OSError, WireError):
            while data := await reader.read(65_536):
                for message in decoder.feed(data):
                    self.heard.append(message)
                    if isinstance(message, OpenStream):
                        self._writers.discard(writer)
                        self._take(message)
                        await self._stream(message, reader, writer)
                        return
                    self._take(message)
        self._writers.discard(writer)
        writer.close()

    async def _stream(
        self, request: OpenStream, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        session, connection = request.session, request.connection
        try:
            if "vp8" not in request.codecs:
                why = ConnectionRejected(session, connection, "codec-unsupported", "No VP8.")
                writer.write(encode(why))
                return
            self.connections[connection] = session
            self._streams[connection] = writer
            writer.write(encode(StreamOpened("vp8", connection)))
            self.say(ConnectionState(session, connection, "connected"))
            self.say(FirstFrameSent(session, connection))
            cutter = ChunkCutter(MAX_CHUNK_BYTES)
            while data := await reader.read(65_536):
                for chunk in cutter.feed(data):
                    writer.write(len(chunk).to_bytes(4, "big") + chunk)
                await writer.drain()
        finally:
            if self.connections.pop(connection, None):
                self.say(ConnectionState(session, connection, "closed"))
            self._streams.pop(connection, None)
            writer.close()

    def _take(self, message: Message) -> None:
        if isinstance(message, OpenConnection | OpenStream | SetControl) and message.controls:
            self.controlling = message.connection
        match message:
            case GatewayHello():
                controlling = () if self.controlling is None else (self.controlling,)
                held = tuple(self.connections)
                self.say(GatewayWelcome(1, tuple(self.sessions), held, controlling))
            case OpenSession(session):
                self.sessions.add(session)
            case CloseSession(session):
                self.sessions.discard(session)
                mine = [id_ for id_, of in self.connections.items() if of == session]
                for connection in mine:
                    self._take(CloseConnection(session, connection))
            case OpenConnection(session, connection) if self.answers:
                self.connections[connection] = session
                self.say(ConnectionAnswer(session, connection, ANSWER))
                if self.connects:
                    self.say(ConnectionState(session, connection, "connected"))
                    self.say(FirstFrameSent(session, connection))
            case CloseConnection(_, connection):
                self.connections.pop(connection, None)
                if (stream := self._streams.pop(connection, None)) is not None:
                    stream.close()
            case _:
                pass
