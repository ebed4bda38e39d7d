"""The link to the controller: link.sock in the machine's directory; one controller at a time.

A new link replaces the old one, because a controller that restarted may have left its old
connection half open. Nothing is said on a link before `machine.identify` came on it.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

from fanlight import wire
from fanlight.errors import PeerError

from .journal import Journal

IDENTIFY_TIMEOUT_S = 5.0
UNSENT_BYTES = 4 << 20
"""A controller that reads nothing is cut off when this much waits for it."""

OnIdentity = Callable[[wire.IdentifyMachine], None]
OnMessage = Callable[[wire.Message], Awaitable[None]]


class Identity:
    """Who this machine is: nobody yet, then one for ever. Pure."""

    def __init__(self) -> None:
        self.known: wire.IdentifyMachine | None = None

    def take(self, said: wire.IdentifyMachine) -> bool:
        """Take an identity, or hear the one that is known again. Whether it is new.

        Raises:
            PeerError: it is another machine's.
        """
        if self.known is None:
            if not said.token:
                raise PeerError("an identity without a token")
            self.known = said
            return True
        same = (said.machine, said.session, said.token) == (
            self.known.machine,
            self.known.session,
            self.known.token,
        )
        if not same:
            raise PeerError("this machine is another one already")
        return False


class Link:
    """Listens for the controller, and passes messages both ways."""

    def __init__(
        self, path: Path, journal: Journal, *, on_identity: OnIdentity, on_message: OnMessage
    ) -> None:
        self._path, self._journal = path, journal
        self._on_identity, self._on_message = on_identity, on_message
        self.identity = Identity()
        self._writer: asyncio.StreamWriter | None = None

    async def run(self) -> None:
        """Listen until cancelled."""
        self._path.unlink(missing_ok=True)
        server = await asyncio.start_unix_server(self._serve, self._path)
        self._path.chmod(0o600)
        async with server:
            await server.serve_forever()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await self._converse(reader, writer)
        except (PeerError, OSError, TimeoutError):
            pass  # the link closes; the machine and its session go on
        finally:
            if self._writer is writer:
                self._writer = self._journal.send = None
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        messages = _messages(reader)
        async with asyncio.timeout(IDENTIFY_TIMEOUT_S):
            first = await anext(messages, None)
        if first is None:
            return
        if not isinstance(first, wire.IdentifyMachine):
            raise PeerError("the first message must be machine.identify")
        self._identify(first, writer)
        async for message in messages:
            match message:
                case wire.LinkPing():
                    writer.write(wire.encode(wire.LinkPong()))
                case wire.IdentifyMachine():
                    self._identify(message, writer)
                case _:
                    await self._on_message(message)

    def _identify(self, said: wire.IdentifyMachine, writer: asyncio.StreamWriter) -> None:
        is_new = self.identity.take(said)
        if self._writer and self._writer is not writer:
            self._writer.close()
        self._writer = writer
        writer.write(wire.encode(wire.MachineIdentified(machine=said.machine)))
        for message in self._journal.replay():
            writer.write(wire.encode(message))
        self._journal.send = self._send
        if is_new:
            self._on_identity(said)

    def _send(self, message: wire.Message) -> None:
        if self._writer is None:
            return
        self._writer.write(wire.encode(message))
        if self._writer.transport.get_write_buffer_size() > UNSENT_BYTES:
            self._writer.transport.abort()


async def _messages(reader: asyncio.StreamReader) -> AsyncIterator[wire.Message]:
    decoder = wire.Decoder()
    while data := await reader.read(65536):
        for message in decoder.feed(data):
            yield message
