"""A controller without machines: sessions are rows in memory, answers are scripted.

It has the methods of `fanlight.controller.Controller` that the HTTP edge calls, and the methods a
test moves it with (`publish`, `set_status`, ...). Ids are predictable.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from fanlight.controller import LoginView, Session, SessionEvent, StartRequest, StreamPipe
from fanlight.controller.view import EventKind
from fanlight.errors import (
    CodecUnsupported,
    ConnectionNotFound,
    Expired,
    FanlightError,
    HostError,
    IllegalEvent,
    LimitReached,
    NotAllowed,
    SessionEnded,
    SessionNotFound,
)
from fanlight.session.negotiation import Candidate
from fanlight.wire import ConnectionId, PrincipalId, SessionId, StreamOpened

T = TypeVar("T")

ANSWER = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n"


@dataclass
class FakeConnection:
    """One viewer's connection."""

    offer: str
    answer: str | None
    viewer_candidates: list[Candidate] = field(default_factory=list)
    machine_candidates: list[Candidate] = field(default_factory=list)


@dataclass
class FakeSession:
    """One session and all that belongs to it."""

    owner: PrincipalId
    shown: Session
    machine_token: str
    events: list[SessionEvent] = field(default_factory=list)
    connections: dict[ConnectionId, FakeConnection] = field(default_factory=dict)
    bundle: bytes | None = None
    acknowledged: bool = False
    vnc: Path | None = None
    stream: Path | None = None


class FakeController:
    """Answers like the real one, from memory.

    `gateway_answers` is what an offer is answered with; None: nothing answers. `failing` is raised
    by the next call. `store_session` is called with each new session (to satisfy a real store).
    """

    def __init__(self) -> None:
        self.sessions_: dict[SessionId, FakeSession] = {}
        self.calls: list[tuple[str, SessionId]] = []
        self.replaced: list[ConnectionId] = []
        """What offers named as the connection that they come after."""
        self.gateway_answers: str | None = ANSWER
        self.failing: FanlightError | Exception | None = None
        self.max_sessions = 100
        self.preflights: dict[ConnectionId, PrincipalId] = {}
        self.store_session: Callable[[PrincipalId, Session], Any] | None = None
        self._changed = asyncio.Condition()

    # --- what a test does ---------------------------------------------------------------------

    async def publish(self, id: SessionId, kind: EventKind, data: dict[str, Any]) -> None:
        """Add an event that is kept."""
        events = self.sessions_[id].events
        events.append(SessionEvent(len(events) + 1, kind, data))
        await self._notify()

    async def change(self, id: SessionId, **fields: Any) -> None:
        """Change what the session shows."""
        found = self.sessions_[id]
        found.shown = dataclasses.replace(found.shown, **fields)
        await self._notify()

    async def finish(self, id: SessionId) -> None:
        """End the session, with its `end` event."""
        await self.change(id, status="ended", ended_at=1.0)
        await self.publish(id, "end", {})

    # --- what the HTTP edge calls -------------------------------------------------------------

    async def start(self, principal: PrincipalId, request: StartRequest) -> Session:
        self._fail()
        mine = [each for each in self.sessions_.values() if each.owner == principal]
        if len([each for each in mine if each.shown.status != "ended"]) >= self.max_sessions:
            raise LimitReached(f"{self.max_sessions} sessions are the limit")
        id_ = SessionId(f"session-{len(self.sessions_) + 1}")
        token = f"flm_{id_}"
        shown = _requested(id_, request)
        self.sessions_[id_] = FakeSession(principal, shown, token)
        if self.store_session is not None:
            await self.store_session(principal, shown)
        if request.answerer == "machine":
            return dataclasses.replace(shown, machine_token=token)
        return shown

    async def session(self, principal: PrincipalId, id: SessionId) -> Session:
        return self._owned(principal, id).shown

    async def sessions(self, principal: PrincipalId, ended: bool) -> Sequence[Session]:
        mine = [each.shown for each in self.sessions_.values() if each.owner == principal]
        return [each for each in reversed(mine) if ended or each.status != "ended"]

    async def end(self, principal: PrincipalId, id: SessionId) -> None:
        self._owned(principal, id)
        self.calls.append(("end", id))
        await self.finish(id)

    async def extend(self, principal: PrincipalId, id: SessionId) -> Session:
        found = self._owned(principal, id)
        self._fail()
        if found.shown.status in ("ending", "ended"):
            raise SessionEnded
        self.calls.append(("extend", id))
        return found.shown

    async def events(
        self, principal: PrincipalId, id: SessionId, after: int | None
    ) -> AsyncIterator[SessionEvent]:
        found = self._owned(principal, id)
        if after is None:
            after = len(found.events)
            yield SessionEvent(after, "session", found.shown.to_json())
        while True:
            for event in found.events[after:]:
                after += 1
                yield event
                if event.kind == "end":
                    return
            if found.shown.status == "ended":
                yield SessionEvent(None, "end", {})
                return
            async with self._changed:
                await self._changed.wait()

    async def confirm(self, principal: PrincipalId, id: SessionId, account: str) -> None:
        login = self._owned(principal, id).shown.login
        if login is None or login.state != "verified":
            raise IllegalEvent("running", self)
        if login.account != account:
            raise NotAllowed("this is not the account that is signed in")
        self.calls.append(("confirm", id))

    async def reject(self, principal: PrincipalId, id: SessionId) -> None:
        self._owned(principal, id)
        self.calls.append(("reject", id))

    async def credential(self, principal: PrincipalId, id: SessionId) -> bytes:
        found = self._owned(principal, id)
        if found.acknowledged:
            raise Expired("the credential was delivered before")
        if found.bundle is None:
            raise IllegalEvent("running", self)
        return found.bundle

    async def acknowledge(self, principal: PrincipalId, id: SessionId) -> None:
        found = self._owned(principal, id)
        if found.bundle is None:
            raise IllegalEvent("running", self)
        found.acknowledged = True
        self.calls.append(("acknowledge", id))

    async def offer(
        self,
        principal: PrincipalId,
        id: SessionId,
        sdp: str,
        *,
        replaces: ConnectionId | None = None,
    ) -> ConnectionId:
        self._fail()
        found = self._owned(principal, id)
        if replaces is not None and not replaces.startswith(f"{id}-"):
            raise ConnectionNotFound
        if replaces is not None:
            self.replaced.append(replaces)
        if found.shown.status in ("ending", "ended"):
            raise SessionEnded
        connection = ConnectionId(f"{id}-connection-{len(found.connections) + 1}")
        answer = self.gateway_answers if found.shown.answerer == "gateway" else None
        found.connections[connection] = FakeConnection(sdp, answer)
        await self._notify()
        return connection

    async def answer(
        self, principal: PrincipalId, id: SessionId, connection: ConnectionId | None, wait_s: float
    ) -> str | None:
        found = self._owned(principal, id)
        return await self._until(lambda: _connection(found, connection)[1].answer, wait_s)

    async def add_viewer_candidate(
        self,
        principal: PrincipalId,
        id: SessionId,
        connection: ConnectionId | None,
        candidate: Candidate,
    ) -> None:
        found = self._owned(principal, id)
        _connection(found, connection)[1].viewer_candidates.append(candidate)
        await self._notify()

    async def machine_candidates(
        self,
        principal: PrincipalId,
        id: SessionId,
        connection: ConnectionId | None,
        after: int,
        wait_s: float,
    ) -> Sequence[Candidate]:
        _, opened = _connection(self._owned(principal, id), connection)
        return await self._until(lambda: opened.machine_candidates[after:], wait_s) or []

    async def close_connection(
        self, principal: PrincipalId, id: SessionId, connection: ConnectionId
    ) -> None:
        found = self._owned(principal, id)
        del found.connections[_connection(found, connection)[0]]

    async def preflight(self, principal: PrincipalId, sdp: str) -> tuple[ConnectionId, str]:
        self._fail()
        connection = ConnectionId(f"preflight-{len(self.preflights) + 1}")
        self.preflights[connection] = principal
        return connection, ANSWER

    async def close_preflight(self, principal: PrincipalId, connection: ConnectionId) -> None:
        if self.preflights.get(connection) != principal:
            raise ConnectionNotFound
        del self.preflights[connection]

    async def offer_for_machine(
        self, machine_token: str, id: SessionId, connection: ConnectionId | None, wait_s: float
    ) -> tuple[ConnectionId, str] | None:
        found = self._machine(machine_token, id)

        def newest() -> tuple[ConnectionId, str] | None:
            if connection is None and not found.connections:
                return None
            name, opened = _connection(found, connection)
            return name, opened.offer

        return await self._until(newest, wait_s)

    async def answer_from_machine(
        self, machine_token: str, id: SessionId, connection: ConnectionId | None, sdp: str
    ) -> None:
        opened = _connection(self._machine(machine_token, id), connection)[1]
        if opened.answer is not None:
            raise IllegalEvent("answered", self)
        opened.answer = sdp
        await self._notify()

    async def add_machine_candidate(
        self,
        machine_token: str,
        id: SessionId,
        connection: ConnectionId | None,
        candidate: Candidate,
    ) -> None:
        found = self._machine(machine_token, id)
        _connection(found, connection)[1].machine_candidates.append(candidate)
        await self._notify()

    async def viewer_candidates(
        self,
        machine_token: str,
        id: SessionId,
        connection: ConnectionId | None,
        after: int,
        wait_s: float,
    ) -> Sequence[Candidate]:
        _, opened = _connection(self._machine(machine_token, id), connection)
        return await self._until(lambda: opened.viewer_candidates[after:], wait_s) or []

    @contextlib.asynccontextmanager
    async def viewing_by_vnc(self, principal: PrincipalId, id: SessionId) -> AsyncIterator[Path]:
        path = self._owned(principal, id).vnc
        if path is None:
            raise HostError("the machine has no display yet")
        self.calls.append(("vnc opened", id))
        try:
            yield path
        finally:
            self.calls.append(("vnc closed", id))

    @contextlib.asynccontextmanager
    async def streaming(
        self,
        principal: PrincipalId,
        id: SessionId,
        codecs: tuple[str, ...],
        *,
        replaces: ConnectionId | None = None,
    ) -> AsyncIterator[StreamPipe]:
        self._fail()
        path = self._owned(principal, id).stream
        if path is None or "vp8" not in codecs:
            raise CodecUnsupported("no VP8")
        reader, writer = await asyncio.open_unix_connection(path)
        self.calls.append(("stream opened", id))
        try:
            yield StreamPipe(StreamOpened("vp8", ConnectionId(f"{id}-s")), reader, writer)
        finally:
            writer.close()
            self.calls.append(("stream closed", id))

    # --- inside -------------------------------------------------------------------------------

    def _owned(self, principal: PrincipalId, id: SessionId) -> FakeSession:
        found = self.sessions_.get(id)
        if found is None or found.owner != principal:
            raise SessionNotFound
        return found

    def _machine(self, token: str, id: SessionId) -> FakeSession:
        found = self.sessions_.get(id)
        if found is None or found.machine_token != token:
            raise SessionNotFound
        if found.shown.answerer != "machine":
            raise NotAllowed("this session is answered by the gateway")
        return found

    def _fail(self) -> None:
        if self.failing is not None:
            failing, self.failing = self.failing, None
            raise failing

    async def _notify(self) -> None:
        async with self._changed:
            self._changed.notify_all()

    async def _until(self, look: Callable[[], T], wait_s: float) -> T:
        """Give what `look` finds as soon as it finds anything, or its last word."""
        try:
            async with asyncio.timeout(wait_s), self._changed:
                await self._changed.wait_for(lambda: bool(look()))
        except TimeoutError:
            pass
        return look()


def _requested(id_: SessionId, request: StartRequest) -> Session:
    login = None
    if request.tool is not None:
        login = LoginView("requested", recipient=request.recipient)
    return Session(
        session_id=id_,
        provider=request.tool,
        status="requested",
        step="requested",
        percent=0,
        stages=(),
        reason=None,
        login=login,
        answerer=request.answerer,
        viewers=0,
        label=request.label,
        created_at=0.0,
        ended_at=None,
        page=f"/dashboard/remote-cli/auth?session={id_}",
    )


def _connection(
    session: FakeSession, name: ConnectionId | None
) -> tuple[ConnectionId, FakeConnection]:
    """The named connection, or the newest. Raises ConnectionNotFound."""
    if name is None and session.connections:
        name = list(session.connections)[-1]
    if name is None or name not in session.connections:
        raise ConnectionNotFound
    return name, session.connections[name]
