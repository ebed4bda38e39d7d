"""What viewers ask for: offers, answers, candidates, VNC."""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

from fanlight.errors import ConnectionNotFound, NothingYet
from fanlight.session import negotiation
from fanlight.session.negotiation import Candidate
from fanlight.wire import ConnectionId, PrincipalId, SessionId

from .fan_out import session_of
from .registry import Registry
from .streaming import StreamPipe, carried


class ViewerSide(Registry):
    """Connections of viewers to sessions of the principal's."""

    async def offer(
        self,
        principal: PrincipalId,
        id: SessionId,
        sdp: str,
        *,
        replaces: ConnectionId | None = None,
    ) -> ConnectionId:
        """Take a viewer's offer at any time of the session's life.

        `replaces` names the connection that the same viewer had before, alive or gone: the viewer
        is counted once, and keeps control if it held it.

        Raises:
            SessionEnded: it is over. LimitReached: as many viewers look as may.
            ConnectionNotFound: `replaces` is no connection of this session's.
        """
        driver = await self.live(principal, id)
        connection = _new_connection(id, replaces)
        driver.offered(connection, sdp, replaces)
        return connection

    @contextlib.asynccontextmanager
    async def streaming(
        self,
        principal: PrincipalId,
        id: SessionId,
        codecs: tuple[str, ...],
        *,
        replaces: ConnectionId | None = None,
    ) -> AsyncIterator[StreamPipe]:
        """Give the encoded frames and take input, for a WebSocket; a viewer while it lasts.

        `codecs`: what the viewer decodes (`vp8`, `h264`). `replaces`: as in `offer`.

        Raises:
            SessionEnded: it is over. LimitReached: as many viewers look as may.
            GatewayUnavailable, OfferRejected, CodecUnsupported: there is no stream, and why.
        """
        driver = await self.live(principal, id)
        connection = _new_connection(id, replaces)
        driver.stream_requested(connection, codecs, replaces)
        async with carried(driver, connection, self.gateway.path) as pipe:
            yield pipe

    async def answer(
        self, principal: PrincipalId, id: SessionId, connection: ConnectionId | None, wait_s: float
    ) -> str | None:
        """Give the answer to an offer (the newest), within `wait_s`; None: not yet.

        Raises:
            OfferRejected, GatewayUnavailable, SessionEnded: there will be none, and why.
        """
        driver = await self.live(principal, id)
        return await driver.signalling.answer(connection, wait_s)

    async def add_viewer_candidate(
        self,
        principal: PrincipalId,
        id: SessionId,
        connection: ConnectionId | None,
        candidate: Candidate,
    ) -> None:
        """Take a candidate of the viewer's. Raises ConnectionNotFound, LimitReached."""
        driver = await self.live(principal, id)
        which = driver.signalling.newest(connection)
        driver.talk(negotiation.ViewerCandidateReceived(which, candidate))

    async def machine_candidates(
        self,
        principal: PrincipalId,
        id: SessionId,
        connection: ConnectionId | None,
        after: int,
        wait_s: float,
    ) -> Sequence[Candidate]:
        """Give the candidates of the answering machine from number `after` on."""
        signalling = (await self.live(principal, id)).signalling
        box = signalling.boxes[signalling.newest(connection)]
        return await signalling.candidates(lambda: box.for_viewer, after, wait_s)

    async def close_connection(
        self, principal: PrincipalId, id: SessionId, connection: ConnectionId
    ) -> None:
        """Close a viewer's connection. Raises ConnectionNotFound."""
        driver = await self.live(principal, id)
        driver.talk(negotiation.ConnectionClosed(connection))

    async def preflight(self, principal: PrincipalId, sdp: str) -> tuple[ConnectionId, str]:
        """Answer an offer that has no session: what is behind it is the way alone.

        Raises:
            OfferRejected, GatewayUnavailable, LimitReached: as they say.
        """
        return await self.preflights.open(principal, sdp)

    async def close_preflight(self, principal: PrincipalId, connection: ConnectionId) -> None:
        """Close such a connection. Raises ConnectionNotFound."""
        self.preflights.close(principal, connection)

    @contextlib.asynccontextmanager
    async def viewing_by_vnc(self, principal: PrincipalId, id: SessionId) -> AsyncIterator[Path]:
        """Give the path of the machine's VNC socket; one viewer more while the block lasts.

        Raises:
            NothingYet: the session has no machine now.
            SessionEnded: it is over. LimitReached: as many look by VNC as may.
        """
        driver = await self.live(principal, id)
        driver.wanted()
        machine = driver.machine.machine
        if machine is None or driver.machine.is_gone:
            raise NothingYet("the session has no machine now")
        with driver.viewed_by_vnc():
            yield machine.directory / "vnc.sock"


def _new_connection(id: SessionId, replaces: ConnectionId | None) -> ConnectionId:
    if replaces is not None and session_of(replaces) != id:
        raise ConnectionNotFound("the connection to replace is not of this session")
    return ConnectionId(f"{id}-{secrets.token_hex(8)}")
