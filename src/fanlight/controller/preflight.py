"""Connections to the gateway that have no session: a viewer tries its ways before it needs one.

Each principal has one session of this kind in the gateway, with no machine behind it, and for as
long as it tries something. A restart of the controller forgets them; the gateway is then told to
close what nobody knows, as for any session.
"""

from __future__ import annotations

import asyncio
import hashlib
import secrets
from dataclasses import dataclass, field

from fanlight.errors import ConnectionNotFound, FanlightError, GatewayUnavailable, LimitReached
from fanlight.wire import (
    CloseConnection,
    CloseSession,
    ConnectionAnswer,
    ConnectionId,
    ConnectionRejected,
    ConnectionState,
    Message,
    OpenConnection,
    OpenSession,
    PrincipalId,
    SessionId,
)

from .gateway_link import GatewayLink
from .reasons import error_for, inert

PREFIX = "preflight-"
ANSWER_S = 5.0
"""The gateway answers within 5 s or says that it cannot."""
LIFE_S = 20.0
"""A whole pre-flight takes 8 s at most; what is left open by a page that went is closed then."""
MOST_OF_ONE, MOST = 12, 64
"""Open at once: of one principal (each way of a pre-flight is one), and of all."""


def is_preflight(session: SessionId) -> bool:
    """Whether the gateway's session is one of these."""
    return session.startswith(PREFIX)


@dataclass
class Try:
    """One connection that is tried."""

    owner: PrincipalId
    session: SessionId
    answer: asyncio.Future[str] = field(default_factory=asyncio.Future)
    ends: asyncio.TimerHandle | None = None


class Preflights:
    """What is being tried now, on the gateway of `link`."""

    def __init__(self, link: GatewayLink) -> None:
        self._link = link
        self._tries: dict[ConnectionId, Try] = {}

    def __len__(self) -> int:
        return len(self._tries)

    async def open(self, principal: PrincipalId, sdp: str) -> tuple[ConnectionId, str]:
        """Have the gateway answer an offer of the principal's.

        Raises:
            LimitReached: too much is tried at once.
            OfferRejected: as it says.
            GatewayUnavailable: there is no gateway, or it did not answer in time.
        """
        mine = sum(each.owner == principal for each in self._tries.values())
        if mine >= MOST_OF_ONE or len(self._tries) >= MOST:
            raise LimitReached("too many connections are being checked", hint="Try again soon.")
        # The hash, so that neither the gateway nor its log learns who asks.
        session = SessionId(PREFIX + hashlib.sha256(principal.encode()).hexdigest()[:16])
        connection = ConnectionId(f"{session}-{secrets.token_hex(8)}")
        self._link.say(OpenSession(session))
        if not self._link.say(OpenConnection(session, connection, sdp, controls=False)):
            raise GatewayUnavailable
        tried = self._tries[connection] = Try(principal, session)
        loop = asyncio.get_running_loop()
        tried.ends = loop.call_later(LIFE_S, self._forget, connection)
        try:
            async with asyncio.timeout(ANSWER_S):
                return connection, await tried.answer
        except TimeoutError:
            self._forget(connection)
            raise GatewayUnavailable("there was no answer in time") from None
        except BaseException:
            self._forget(connection)
            raise

    def close(self, principal: PrincipalId, connection: ConnectionId) -> None:
        """Close one. Raises ConnectionNotFound, also for somebody else's."""
        tried = self._tries.get(connection)
        if tried is None or tried.owner != principal:
            raise ConnectionNotFound
        self._forget(connection)

    def hear(self, message: Message) -> None:
        """Take what the gateway says of one of these."""
        match message:
            case ConnectionAnswer(_, connection, sdp):
                if (tried := self._tries.get(connection)) and not tried.answer.done():
                    tried.answer.set_result(sdp)
            case ConnectionRejected(_, connection, code, detail):
                self._fail(connection, error_for(code, inert(detail, 300)))
            case ConnectionState(_, connection, "closed" | "failed"):
                self._forget(connection)
            case _:
                pass

    def lose_all(self) -> None:
        """The gateway is gone, and every connection with it."""
        for connection in list(self._tries):
            self._fail(connection, GatewayUnavailable())
            self._forget(connection)

    def _fail(self, connection: ConnectionId, error: FanlightError) -> None:
        tried = self._tries.get(connection)
        if tried is not None and not tried.answer.done():
            tried.answer.set_exception(error)

    def _forget(self, connection: ConnectionId) -> None:
        tried = self._tries.pop(connection, None)
        if tried is None:
            return
        if tried.ends is not None:
            tried.ends.cancel()
        if not tried.answer.done():
            tried.answer.set_exception(GatewayUnavailable())
        if not tried.answer.cancelled():
            # Nobody may wait for it; an error that nobody fetched would be logged as a bug.
            tried.answer.exception()
        self._link.say(CloseConnection(tried.session, connection))
        if not any(each.session == tried.session for each in self._tries.values()):
            self._link.say(CloseSession(tried.session))
