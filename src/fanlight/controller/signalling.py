"""What waits to be fetched: offers and answers, and each side's candidates."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from fanlight.errors import ConnectionNotFound, FanlightError, LimitReached
from fanlight.session.negotiation import Candidate
from fanlight.wire import ConnectionId, OpenStream

T = TypeVar("T")
MAX_CANDIDATES, MAX_BOXES = 256, 512


@dataclass
class Box:
    """What was said about one connection."""

    offered_at: float
    offer: str | None = None
    """For a machine that answers; the gateway is sent its offers."""
    stream: OpenStream | None = None
    """For whoever carries the viewer's WebSocket."""
    answer: str | None = None
    refusal: FanlightError | None = None
    for_machine: list[Candidate] = field(default_factory=list)
    for_viewer: list[Candidate] = field(default_factory=list)


class Signalling:
    """The boxes of one session's connections, oldest first, and waiting for what is not there."""

    def __init__(self) -> None:
        self.boxes: dict[ConnectionId, Box] = {}
        self._changed = asyncio.Event()

    def add(self, connection: ConnectionId, now: float) -> None:
        """Make a box. The oldest go when there are very many."""
        self.boxes[connection] = Box(now)
        while len(self.boxes) > MAX_BOXES:
            del self.boxes[next(iter(self.boxes))]

    def newest(self, connection: ConnectionId | None) -> ConnectionId:
        """Give the connection, or the newest. Raises ConnectionNotFound."""
        if connection is None:
            if not self.boxes:
                raise ConnectionNotFound("nobody has offered yet")
            return next(reversed(self.boxes))
        if connection not in self.boxes:
            raise ConnectionNotFound(f"there is no connection {connection[:64]!r}")
        return connection

    def put(self, into: list[Candidate], candidate: Candidate) -> None:
        """Add a candidate. Raises LimitReached."""
        if len(into) >= MAX_CANDIDATES:
            raise LimitReached(f"over {MAX_CANDIDATES} candidates")
        into.append(candidate)
        self.changed()

    def changed(self) -> None:
        """Wake everybody who waits."""
        self._changed.set()
        self._changed = asyncio.Event()

    async def wait(self, look: Callable[[], T | None], wait_s: float) -> T | None:
        """Give what `look` finds, now or within so many seconds; None: nothing."""
        try:
            async with asyncio.timeout(max(0.0, wait_s)):
                while True:
                    found = look()
                    if found is not None:
                        return found
                    await self._changed.wait()
        except TimeoutError:
            return look()

    async def answer(self, connection: ConnectionId | None, wait_s: float) -> str | None:
        """Give the answer, or None when there is none in time.

        Raises:
            FanlightError: there will be none; which one says why.
        """
        box = self.boxes[self.newest(connection)]

        def look() -> Box | None:
            return box if box.answer is not None or box.refusal is not None else None

        await self.wait(look, wait_s)
        if box.refusal is not None:
            raise box.refusal
        return box.answer

    async def candidates(
        self, which: Callable[[], list[Candidate]], after: int, wait_s: float
    ) -> Sequence[Candidate]:
        """Give a list's candidates from number `after` on."""
        first = max(0, after)
        return await self.wait(lambda: which()[first:] or None, wait_s) or []
