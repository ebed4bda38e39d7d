"""What WHEP remembers of each open connection: the ICE generation that its ETag stands for.

In memory only. After a restart of the controller a connection goes on; its trickled candidates
are then taken without looking at the ETag.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

from fanlight.wire import ConnectionId, SessionId

MAX_RESOURCES = 10_000


@dataclass(frozen=True, slots=True)
class Resource:
    """One connection as WHEP sees it."""

    session: SessionId
    ufrag: str
    etag: str
    """A strong entity tag, with its quotes."""


class Resources:
    """The connections that WHEP opened; the oldest is forgotten when there are very many."""

    def __init__(self) -> None:
        self._open: OrderedDict[ConnectionId, Resource] = OrderedDict()

    def add(self, connection: ConnectionId, resource: Resource) -> None:
        """Remember a connection."""
        self._open[connection] = resource
        while len(self._open) > MAX_RESOURCES:
            self._open.popitem(last=False)

    def get(self, connection: ConnectionId) -> Resource | None:
        """Give what is known of a connection, or None."""
        return self._open.get(connection)

    def remove(self, connection: ConnectionId) -> None:
        """Forget a connection."""
        self._open.pop(connection, None)
