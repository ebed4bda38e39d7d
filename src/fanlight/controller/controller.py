"""The controller as the API sees it: every session of this host, each with its driver."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from pathlib import Path

from fanlight.session.negotiation import Candidate
from fanlight.wire import ConnectionId, PrincipalId, SessionId

from .view import Session, SessionEvent, StartRequest


class Controller:
    """Owns sessions. Every method that names one raises SessionNotFound for strangers."""

    async def start(self, principal: PrincipalId, request: StartRequest) -> Session:
        raise NotImplementedError

    async def session(self, principal: PrincipalId, id: SessionId) -> Session:
        raise NotImplementedError

    async def sessions(self, principal: PrincipalId, ended: bool = False) -> Sequence[Session]:
        raise NotImplementedError

    async def end(self, principal: PrincipalId, id: SessionId) -> None:
        raise NotImplementedError

    def events(
        self, principal: PrincipalId, id: SessionId, after: int = 0
    ) -> AsyncIterator[SessionEvent]:
        raise NotImplementedError

    async def confirm(self, principal: PrincipalId, id: SessionId, account: str) -> None:
        raise NotImplementedError

    async def reject(self, principal: PrincipalId, id: SessionId) -> None:
        raise NotImplementedError

    async def credential(self, principal: PrincipalId, id: SessionId) -> bytes:
        raise NotImplementedError

    async def acknowledge(self, principal: PrincipalId, id: SessionId) -> None:
        raise NotImplementedError

    async def offer(self, principal: PrincipalId, id: SessionId, sdp: str) -> ConnectionId:
        raise NotImplementedError

    async def answer(
        self, principal: PrincipalId, id: SessionId, connection: ConnectionId | None, wait_s: float
    ) -> str | None:
        raise NotImplementedError

    async def add_viewer_candidate(
        self,
        principal: PrincipalId,
        id: SessionId,
        connection: ConnectionId | None,
        candidate: Candidate,
    ) -> None:
        raise NotImplementedError

    async def machine_candidates(
        self,
        principal: PrincipalId,
        id: SessionId,
        connection: ConnectionId | None,
        after: int,
        wait_s: float,
    ) -> Sequence[Candidate]:
        raise NotImplementedError

    async def close_connection(
        self, principal: PrincipalId, id: SessionId, connection: ConnectionId
    ) -> None:
        raise NotImplementedError

    async def offer_for_machine(
        self, machine_token: str, id: SessionId, connection: ConnectionId | None, wait_s: float
    ) -> tuple[ConnectionId, str] | None:
        raise NotImplementedError

    async def answer_from_machine(
        self, machine_token: str, id: SessionId, connection: ConnectionId | None, sdp: str
    ) -> None:
        raise NotImplementedError

    async def add_machine_candidate(
        self,
        machine_token: str,
        id: SessionId,
        connection: ConnectionId | None,
        candidate: Candidate,
    ) -> None:
        raise NotImplementedError

    async def viewer_candidates(
        self,
        machine_token: str,
        id: SessionId,
        connection: ConnectionId | None,
        after: int,
        wait_s: float,
    ) -> Sequence[Candidate]:
        raise NotImplementedError

    async def vnc_path(self, principal: PrincipalId, id: SessionId) -> Path:
        raise NotImplementedError
