"""Who looks at one session, by whatever way: every one of them keeps it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

from fanlight.errors import LimitReached

from . import metrics


class Viewers:
    """Counts them; `on_change` is called with the number whenever it may be another."""

    def __init__(self, on_change: Callable[[int], None]) -> None:
        self._on_change = on_change
        self._by_gateway = self._by_vnc = self._counted = 0

    def set_by_gateway(self, count: int) -> None:
        """So many look by way of the gateway."""
        self._by_gateway = count
        self._tell()

    @contextlib.contextmanager
    def by_vnc(self, most: int) -> Iterator[None]:
        """Count one who looks by VNC for as long as the block lasts.

        Raises:
            LimitReached: `most` do already.
        """
        if self._by_vnc >= most:
            raise LimitReached(f"{most} viewers look at this session by VNC already")
        self._add_by_vnc(1)
        try:
            yield
        finally:
            self._add_by_vnc(-1)

    def forget(self) -> None:
        """The session is over: nobody looks at it."""
        metrics.VIEWERS.dec(self._counted)
        self._counted = 0

    def _add_by_vnc(self, more: int) -> None:
        self._by_vnc += more
        metrics.VIEWERS_BY_RUNG.labels("vnc").inc(more)
        self._tell()

    def _tell(self) -> None:
        count = self._by_gateway + self._by_vnc
        metrics.VIEWERS.inc(count - self._counted)
        self._counted = count
        self._on_change(count)
