"""A media gateway that is played in this process, on a real Unix socket. It answers offers."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path

from fanlight.errors import WireError
from fanlight.wire import (
    CloseConnection,
    CloseSession,
    ConnectionAnswer,
    ConnectionId,
    ConnectionState,
    Decoder,
    FirstFrameSent,
    GatewayHello,
    GatewayWelcome,
    Message,
    OpenConnection,
    OpenSession,
    SessionId,
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
        for writer in self._writers:
            writer.close()
        self._writers.clear()
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
                    self._take(message)
        self._writers.discard(writer)
        writer.close()

    def _take(self, message: Message) -> None:
        match message:
            case GatewayHello():
                self.say(GatewayWelcome(1, tuple(self.sessions), tuple(self.connections)))
            case OpenSession(session):
                self.sessions.add(session)
            case CloseSession(session):
                self.sessions.discard(session)
                mine = [id_ for id_, of in self.connections.items() if of == session]
                for connection in mine:
                    del self.connections[connection]
            case OpenConnection(session, connection) if self.answers:
                self.connections[connection] = session
                self.say(ConnectionAnswer(session, connection, ANSWER))
                if self.connects:
                    self.say(ConnectionState(session, connection, "connected"))
                    self.say(FirstFrameSent(session, connection))
            case CloseConnection(_, connection):
                self.connections.pop(connection, None)
            case _:
                pass
