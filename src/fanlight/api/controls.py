"""What the HTTP edge asks of the controller. `fanlight.controller.Controller` does all of it, and
so does the fake of `fanlight.testing`.

Every method that names a session takes the principal first and raises SessionNotFound for
strangers; all raise from `fanlight.errors`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Protocol

from fanlight.controller import Session, SessionEvent, StartRequest, StreamPipe
from fanlight.session.negotiation import Candidate
from fanlight.wire import ConnectionId, PrincipalId, SessionId


class Controls(Protocol):
    """See docs/explanation/how-the-parts-talk.md, "Controller's own interface"."""

    async def start(self, principal: PrincipalId, request: StartRequest) -> Session: ...
    async def session(self, principal: PrincipalId, id: SessionId) -> Session: ...
    async def sessions(self, principal: PrincipalId, ended: bool) -> Sequence[Session]: ...
    async def end(self, principal: PrincipalId, id: SessionId) -> None: ...
    async def extend(self, principal: PrincipalId, id: SessionId) -> Session: ...
    def events(
        self, principal: PrincipalId, id: SessionId, after: int | None
    ) -> AsyncIterator[SessionEvent]: ...
    async def confirm(self, principal: PrincipalId, id: SessionId, account: str) -> None: ...
    async def reject(self, principal: PrincipalId, id: SessionId) -> None: ...
    async def credential(self, principal: PrincipalId, id: SessionId) -> bytes: ...
    async def acknowledge(self, principal: PrincipalId, id: SessionId) -> None: ...
    async def offer(
        self,
        principal: PrincipalId,
        id: SessionId,
        sdp: str,
        *,
        replaces: ConnectionId | None = None,
    ) -> ConnectionId: ...
    async def answer(
        self, principal: PrincipalId, id: SessionId, connection: ConnectionId | None, wait_s: float
    ) -> str | None: ...
    async def add_viewer_candidate(
        self,
        principal: PrincipalId,
        id: SessionId,
        connection: ConnectionId | None,
        candidate: Candidate,
    ) -> None: ...
    async def machine_candidates(
        self,
        principal: PrincipalId,
        id: SessionId,
        connection: ConnectionId | None,
        after: int,
        wait_s: float,
    ) -> Sequence[Candidate]: ...
    async def close_connection(
        self, principal: PrincipalId, id: SessionId, connection: ConnectionId
    ) -> None: ...
    async def preflight(self, principal: PrincipalId, sdp: str) -> tuple[ConnectionId, str]: ...
    async def close_preflight(self, principal: PrincipalId, connection: ConnectionId) -> None: ...
    async def offer_for_machine(
        self, machine_token: str, id: SessionId, connection: ConnectionId | None, wait_s: float
    ) -> tuple[ConnectionId, str] | None: ...
    async def answer_from_machine(
        self, machine_token: str, id: SessionId, connection: ConnectionId | None, sdp: str
    ) -> None: ...
    async def add_machine_candidate(
        self,
        machine_token: str,
        id: SessionId,
        connection: ConnectionId | None,
        candidate: Candidate,
    ) -> None: ...
    async def viewer_candidates(
        self,
        machine_token: str,
        id: SessionId,
        connection: ConnectionId | None,
        after: int,
        wait_s: float,
    ) -> Sequence[Candidate]: ...
    def streaming(
        self,
        principal: PrincipalId,
        id: SessionId,
        codecs: tuple[str, ...],
        *,
        replaces: ConnectionId | None = None,
    ) -> AbstractAsyncContextManager[StreamPipe]: ...
    def viewing_by_vnc(
        self, principal: PrincipalId, id: SessionId
    ) -> AbstractAsyncContextManager[Path]: ...
