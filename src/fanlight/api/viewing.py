"""Who may see a session: a browser of its owner's, or whoever holds a ticket that such a browser
asked for. A ticket opens one connection, and afterwards speaks for that connection only.
"""

from __future__ import annotations

from dataclasses import dataclass

from starlette.requests import HTTPConnection

from fanlight.errors import ConnectionNotFound, FanlightError, NotSignedIn, SessionNotFound
from fanlight.wire import ConnectionId, PrincipalId, SessionId

from .identity import bearer, find_asker, require_browser_owner
from .parts import Parts


@dataclass(frozen=True, slots=True)
class Viewer:
    """Who views. A viewer by ticket is bound to `connection` once that is open."""

    principal: PrincipalId
    ticket: str | None = None
    connection: ConnectionId | None = None

    def may_touch(self, connection: ConnectionId | None) -> ConnectionId | None:
        """Give the connection that is meant; raises ConnectionNotFound for another's."""
        if self.ticket is None:
            return connection
        if self.connection is None or connection not in (None, self.connection):
            raise ConnectionNotFound
        return self.connection


async def find_viewer(request: HTTPConnection, session: SessionId, parts: Parts) -> Viewer:
    """Give who views, without using a ticket up.

    Raises NotSignedIn, NotAllowed, OriginRefused or SessionNotFound.
    """
    token = bearer(request)
    if token is not None and token.startswith("flt_"):
        found = await parts.store.ticket(token, parts.clock())
        if found is None:
            raise NotSignedIn("this ticket was used before, or is too old")
        if found.session != session or found.use != "whep":
            raise SessionNotFound
        return Viewer(found.principal, token, found.connection)
    asker = await find_asker(request, parts)
    if asker is None:
        raise NotSignedIn
    await require_browser_owner(asker, session, parts)
    return Viewer(asker.principal)


async def open_connection(
    viewer: Viewer,
    session: SessionId,
    sdp: str,
    parts: Parts,
    replaces: ConnectionId | None = None,
) -> ConnectionId:
    """Send the offer; uses the viewer's ticket up. Raises Expired, and what `offer` raises.

    When there is no connection in the end, `not_opened` makes the ticket good again.
    """
    if replaces is not None:
        viewer.may_touch(replaces)
    now = parts.clock()
    parts.limits.offer.take(viewer.principal, now)
    if viewer.ticket is not None:
        await parts.store.redeem_ticket(viewer.ticket, session, "whep", now)
    try:
        connection = await parts.controller.offer(
            viewer.principal, session, sdp, replaces=replaces
        )
    except FanlightError:
        await not_opened(viewer, parts)
        raise
    if viewer.ticket is not None:
        await parts.store.bind_ticket(viewer.ticket, connection, now)
    return connection


async def not_opened(viewer: Viewer, parts: Parts) -> None:
    """Make a ticket good again: who is told to come again in a second must be able to.

    Only for the request that redeemed it.
    """
    if viewer.ticket is not None:
        await parts.store.return_ticket(viewer.ticket, parts.clock())
