"""The link to one machine's guest. Guests are hostile: garbage or a flood closes the link.

The session goes on; the link is made again, and how long it may be away is the lifecycle's rule.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable
from pathlib import Path

from fanlight import log, wire
from fanlight.errors import PeerError, WireError
from fanlight.host import open_machine_socket
from fanlight.wire import Decoder, IdentifyMachine, Message, encode

from .metrics import LINKS_BROKEN

READ_BYTES = 65_536
RETRY_S, RETRY_MOST_S = 0.003, 0.5
IDENTIFIED_TIMEOUT_S = 15.0
HEALTHY_S = 10.0
"""A link that held for so long was a good one: the next attempt is made at once again."""
FLOOD_MESSAGES, FLOOD_PER_S = 300, 30.0
BROKEN_MOST = 8
"""Links in a row that broke the protocol, before the guest is given up."""

FromGuest = (
    wire.StageReached,
    wire.GuestReady,
    wire.GuestFailed,
    wire.messages.ProcessRestarted,
    wire.CliStarted,
    wire.PageOpened,
    wire.UserCodeShown,
    wire.AccountVerified,
    wire.LoginEnded,
    wire.CredentialSealed,
    wire.LoginRejected,
)

_log = log.get("controller")


class GuestLink:
    """Holds the link until cancelled. The callbacks run on the event loop and must not wait."""

    def __init__(
        self,
        path: Path,
        identity: Callable[[], IdentifyMachine],
        *,
        heartbeat_s: float,
        on_up: Callable[[], None],
        on_down: Callable[[], None],
        on_message: Callable[[Message], None],
        on_hopeless: Callable[[str], None],
    ) -> None:
        self._path, self._identity, self._heartbeat_s = path, identity, heartbeat_s
        self._on_up, self._on_down = on_up, on_down
        self._on_message, self._on_hopeless = on_message, on_hopeless
        self._writer: asyncio.StreamWriter | None = None
        self._is_up = False
        self._heard_at = 0.0
        self._budget = float(FLOOD_MESSAGES)

    def say(self, message: Message) -> bool:
        """Send a message; False: there is no link now."""
        if self._writer is None or not self._is_up:
            return False
        self._writer.write(encode(message))
        return True

    async def run(self) -> None:
        """Connect, identify, read; connect again; until cancelled or hopeless."""
        pause_s, broken = RETRY_S, 0
        while True:
            began = time.monotonic()
            try:
                await self._converse()
                _count("closed")
            except (PeerError, TimeoutError) as error:
                broken += 1
                _count("protocol" if isinstance(error, PeerError) else "silent")
                _log.warning(
                    "a guest's link was closed", path=self._path.parent.name, why=str(error)
                )
                if broken >= BROKEN_MOST:
                    self._on_hopeless(str(error))
                    return
            except OSError:
                pass  # nobody listens there yet, or not any more
            if time.monotonic() - began > HEALTHY_S:
                pause_s, broken = RETRY_S, 0
            await asyncio.sleep(pause_s)
            pause_s = min(RETRY_MOST_S, pause_s * 1.25)

    async def _converse(self) -> None:
        reader, writer = await open_machine_socket(self._path)
        self._writer, self._heard_at = writer, time.monotonic()
        try:
            writer.write(encode(self._identity()))
            await self._read_all(reader, writer)
        finally:
            self._writer = None
            if self._is_up:
                self._is_up = False
                self._on_down()
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    async def _read_all(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Read until the end. Silence is asked about, and too much of it is an end."""
        decoder = Decoder()
        while True:
            try:
                async with asyncio.timeout(self._heartbeat_s):
                    data = await reader.read(READ_BYTES)
            except TimeoutError:
                silent_s = time.monotonic() - self._heard_at
                if silent_s > max(3 * self._heartbeat_s, IDENTIFIED_TIMEOUT_S):
                    raise TimeoutError("the guest says nothing") from None
                writer.write(encode(wire.LinkPing()))
                continue
            if not data:
                return
            self._refill()
            for message in decoder.feed(data):
                self._take(message)

    def _take(self, message: Message) -> None:
        self._budget -= 1
        if self._budget < 0:
            raise WireError("the guest says too much")
        match message:
            case wire.LinkPong():
                pass
            case wire.MachineIdentified():
                if not self._is_up:
                    self._is_up = True
                    self._on_up()
            case _ if isinstance(message, FromGuest) and self._is_up:
                self._on_message(message)
            case _:
                raise WireError(f"a guest does not say {type(message).__name__} now")

    def _refill(self) -> None:
        now = time.monotonic()
        gained = (now - self._heard_at) * FLOOD_PER_S
        self._budget = min(FLOOD_MESSAGES, self._budget + gained)
        self._heard_at = now


def _count(why: str) -> None:
    LINKS_BROKEN.labels(why).inc()
