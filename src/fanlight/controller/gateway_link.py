"""The connection to the media gateway: made again at once, whenever it breaks."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from pathlib import Path

from fanlight import log
from fanlight.errors import PeerError, WireError
from fanlight.wire import Decoder, GatewayHello, GatewayWelcome, Message, encode

READ_BYTES = 65_536
RETRY_S, RETRY_MOST_S = 0.01, 0.25
WELCOME_TIMEOUT_S = 5.0
UNSENT_BYTES = 8 << 20

_log = log.get("controller")


class GatewayLink:
    """One connection to gateway.sock. The callbacks run on the event loop and must not wait."""

    def __init__(
        self,
        path: Path,
        *,
        on_back: Callable[[GatewayWelcome], None],
        on_lost: Callable[[], None],
        on_message: Callable[[Message], None],
    ) -> None:
        self.path = path
        self._on_back, self._on_lost, self._on_message = on_back, on_lost, on_message
        self._writer: asyncio.StreamWriter | None = None
        self._hurry = asyncio.Event()
        self.welcome: GatewayWelcome | None = None
        """What the gateway said last; None while it is away."""
        self._there = asyncio.Event()

    @property
    def is_there(self) -> bool:
        """Whether a gateway listens to us now."""
        return self.welcome is not None

    async def wait_there(self, timeout_s: float) -> bool:
        """Wait until there is a gateway; False: there is none in time."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                await self._there.wait()
        return self.is_there

    def hurry(self) -> None:
        """There is a gateway: do not wait any longer before the next attempt."""
        self._hurry.set()

    def say(self, message: Message) -> bool:
        """Send a message; False: there is nobody to hear it."""
        if self._writer is None or not self.is_there:
            return False
        if self._writer.transport.get_write_buffer_size() > UNSENT_BYTES:
            _log.warning("the gateway does not read; its connection is closed")
            self._writer.transport.abort()
            return False
        self._writer.write(encode(message))
        return True

    async def run(self) -> None:
        """Connect, read, connect again; until cancelled."""
        pause_s = RETRY_S
        while True:
            self._hurry.clear()
            try:
                await self._converse()
                pause_s = RETRY_S
            except (OSError, PeerError, TimeoutError) as error:
                _log.debug("no gateway yet", error=str(error))
            finally:
                self._lose()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause_s):
                    await self._hurry.wait()
            pause_s = min(RETRY_MOST_S, pause_s * 2)

    async def _converse(self) -> None:
        reader, writer = await asyncio.open_unix_connection(self.path)
        self._writer = writer
        decoder = Decoder()
        try:
            writer.write(encode(GatewayHello()))
            async with asyncio.timeout(WELCOME_TIMEOUT_S):
                while not self.is_there:
                    self._take(decoder, await reader.read(READ_BYTES))
            while True:
                self._take(decoder, await reader.read(READ_BYTES))
        except EOFError:
            return
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    def _take(self, decoder: Decoder, data: bytes) -> None:
        if not data:
            raise EOFError
        for message in decoder.feed(data):
            if isinstance(message, GatewayWelcome):
                self.welcome = message
                self._there.set()
                self._on_back(message)
            elif self.is_there:
                self._on_message(message)
            else:
                raise WireError("the gateway must say gateway.welcome first")

    def _lose(self) -> None:
        self._writer = None
        if self.welcome is not None:
            self.welcome = None
            self._there.clear()
            self._on_lost()
