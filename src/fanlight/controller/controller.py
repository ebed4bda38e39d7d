"""The controller as the API sees it: every session of this host, each with its driver."""

from __future__ import annotations

import asyncio
import dataclasses
import secrets
import time
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import Any

from fanlight import log
from fanlight.errors import (
    Expired,
    FanlightError,
    InvalidRequest,
    LimitReached,
    NotAllowed,
    NothingYet,
    SessionEnded,
    SessionNotFound,
)
from fanlight.host import KeeperEvent
from fanlight.machines import Machine, Provider
from fanlight.session import Reason, lifecycle, login, negotiation
from fanlight.session.negotiation import Candidate
from fanlight.store import SessionRecord, Store, hashed
from fanlight.wire import (
    CloseConnection,
    CloseSession,
    ConnectionId,
    EgressRefused,
    GatewayExited,
    GatewaySpawned,
    GatewayWelcome,
    MachineRef,
    Message,
    PrincipalId,
    SessionId,
)

from . import metrics, publish, recipients
from .driver import Around, Driver
from .gateway_link import GatewayLink
from .reasons import inert
from .settings import ControllerSettings
from .tokens import MachineTokens
from .tool_work import Installs, Tools
from .view import Session, SessionEvent, StartRequest, session_from_json

GATEWAY_FIRST_S = 3.0
"""How long adoption waits for what the gateway holds."""
SWEEP_S = 30.0
END_S, SETTLE_S = 15.0, 3.0

_log = log.get("controller")


class Controller:
    """Owns sessions. Every method that names one raises SessionNotFound for strangers.

    `run` must be running; `ready` is set when every session of before is adopted or ended.
    """

    def __init__(
        self,
        settings: ControllerSettings,
        *,
        store: Store,
        provider: Provider,
        gateway_socket: Path,
        tokens: MachineTokens,
        tools: Tools,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._settings, self._store, self._provider = settings, store, provider
        self._tokens, self._tools, self._clock = tokens, tools, clock
        self._drivers: dict[SessionId, Driver] = {}
        self._around: Around | None = None
        self._has_had_gateway = False
        self._is_empty = asyncio.Event()
        self.ready = asyncio.Event()
        self.gateway = GatewayLink(
            gateway_socket,
            on_back=self._gateway_back,
            on_lost=self._gateway_lost,
            on_message=self._gateway_said,
        )

    async def run(self) -> None:
        """Work until cancelled. Machines and viewers go on afterwards.

        Raises:
            HostError: the store or the provider cannot be used.
        """
        async with asyncio.TaskGroup() as tasks:
            self._around = Around(
                settings=self._settings,
                store=self._store,
                provider=self._provider,
                gateway=self.gateway,
                tokens=self._tokens,
                tools=self._tools,
                installs=Installs(self._tools, tasks),
                tasks=tasks,
                clock=self._clock,
                on_over=self._over,
            )
            tasks.create_task(self.gateway.run())
            await self._adopt_all()
            self.ready.set()
            tasks.create_task(self._sweep())

    async def end_all(self) -> None:
        """End every session and wait until nothing of them is left, within bounds."""
        reason = Reason("shutdown", "Fanlight was stopped on this host.")
        self._is_empty.clear()
        for driver in list(self._drivers.values()):
            driver.late(driver.life, lifecycle.EndRequested(reason))
        if not self._drivers:
            return
        async with asyncio.timeout(END_S):
            await self._is_empty.wait()

    async def settle(self) -> None:
        """Wait until what happened is stored, within bounds."""
        async with asyncio.timeout(SETTLE_S):
            for driver in list(self._drivers.values()):
                await driver.outbox.settled()

    # --- sessions -----------------------------------------------------------------------------

    async def start(self, principal: PrincipalId, request: StartRequest) -> Session:
        """Start a session; its machine is made in the background.

        Raises:
            UnknownTool: as it says.
            ToolNotInstalled: it is not here, and is not to be installed at its first use.
            InvalidRequest: a tool without a recipient, or one that is no age key.
            LimitReached: the principal has as many sessions as it may.
        """
        if request.tool is not None:
            await asyncio.to_thread(self._tools.needs_install, request.tool)
            if request.recipient is None:
                raise InvalidRequest("recipient: a login needs the key that it is sealed to")
        if request.recipient is not None:
            recipients.check(request.recipient)
        self._check_limit(principal)
        record = self._new_record(principal, request)
        around = self._work()
        driver = Driver(record, around)
        # Counted from now on: two requests at once do not both become the last.
        self._drivers[record.id] = driver
        try:
            await self._store.add_session(record)
        except BaseException:
            del self._drivers[record.id]
            raise
        driver.open()
        view = driver.view
        if request.answerer == "machine":
            return _with_token(view, driver.token)
        return view

    async def session(self, principal: PrincipalId, id: SessionId) -> Session:
        """Give a session, also one that is over."""
        if driver := self._owned(principal, id):
            return driver.view
        return _view_of(await self._stored(principal, id))

    async def sessions(self, principal: PrincipalId, ended: bool = False) -> Sequence[Session]:
        """Give the principal's sessions, newest first; with `ended` also those that are over."""
        records = await self._store.sessions(principal, ended=ended)
        found = []
        for record in records:
            driver = self._drivers.get(record.id)
            found.append(driver.view if driver else _view_of(record))
        return found

    async def end(self, principal: PrincipalId, id: SessionId) -> None:
        """End a session. Of one that is over: nothing."""
        if driver := self._owned(principal, id):
            reason = Reason("ended-by-owner", "You ended the session.")
            driver.life(lifecycle.EndRequested(reason))
        else:
            await self._stored(principal, id)

    async def events(
        self, principal: PrincipalId, id: SessionId, after: int | None = 0
    ) -> AsyncIterator[SessionEvent]:
        """Yield the session's events after number `after`, until `end`.

        None: the session as it stands instead of its past, then what comes.
        """
        if driver := self._owned(principal, id):
            source = publish.follow(self._store, id, driver.followers, after)
        else:
            final = _view_of(await self._stored(principal, id))
            source = publish.ended(self._store, final, after)
        async for event in source:
            yield event

    # --- the login ----------------------------------------------------------------------------

    async def confirm(self, principal: PrincipalId, id: SessionId, account: str) -> None:
        """The owner confirms the account that was shown.

        Raises:
            CallerError: it is another one. IllegalEvent: nothing is to be confirmed.
        """
        driver = await self._live(principal, id)
        driver.sign(login.OwnerConfirmed(account))
        await driver.outbox.settled()

    async def reject(self, principal: PrincipalId, id: SessionId) -> None:
        """The owner does not want this account. Raises IllegalEvent."""
        driver = await self._live(principal, id)
        driver.sign(login.OwnerRejected())
        await driver.outbox.settled()

    async def credential(self, principal: PrincipalId, id: SessionId) -> bytes:
        """Give the sealed credential; the same again until it is acknowledged.

        Raises:
            IllegalEvent: it is not sealed yet. Expired: it is gone.
        """
        driver = self._owned(principal, id)
        if driver is None:
            await self._stored(principal, id)
            raise Expired("the credential was delivered, deleted, or never made")
        driver.sign(login.DeliveryFetched())
        await driver.outbox.settled()
        found = await self._store.bundle(id, self._clock())
        if found is None:
            raise Expired("the credential could not be kept")
        driver.outbox.audit(driver.record, "delivered", {})
        return found

    async def acknowledge(self, principal: PrincipalId, id: SessionId) -> None:
        """The requester has the credential: it is deleted, the session ends. Twice is once.

        Raises:
            IllegalEvent: it was not fetched. Expired: it is gone unacknowledged.
        """
        driver = self._owned(principal, id)
        if driver is None:
            login_memo = (await self._stored(principal, id)).memo.get("login", {})
            if login_memo.get("state") != login.State.DELIVERED.value:
                raise Expired("the credential is gone; nobody acknowledged it in time")
            return
        before = driver.login.state if driver.login else None
        driver.sign(login.Acknowledged())
        if before is not login.State.DELIVERED:
            driver.outbox.audit(driver.record, "acknowledged", {})
        await driver.outbox.settled()

    # --- the viewer's side --------------------------------------------------------------------

    async def offer(self, principal: PrincipalId, id: SessionId, sdp: str) -> ConnectionId:
        """Take a viewer's offer at any time of the session's life.

        Raises:
            SessionEnded: it is over. LimitReached: as many viewers look as may.
        """
        driver = await self._live(principal, id)
        connection = ConnectionId(f"{id}-{secrets.token_hex(8)}")
        driver.offered(connection, sdp)
        return connection

    async def answer(
        self, principal: PrincipalId, id: SessionId, connection: ConnectionId | None, wait_s: float
    ) -> str | None:
        """Give the answer to an offer (the newest), within `wait_s`; None: not yet.

        Raises:
            OfferRejected, GatewayUnavailable, SessionEnded: there will be none, and why.
        """
        driver = await self._live(principal, id)
        return await driver.signalling.answer(connection, wait_s)

    async def add_viewer_candidate(
        self,
        principal: PrincipalId,
        id: SessionId,
        connection: ConnectionId | None,
        candidate: Candidate,
    ) -> None:
        """Take a candidate of the viewer's. Raises ConnectionNotFound, LimitReached."""
        driver = await self._live(principal, id)
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
        signalling = (await self._live(principal, id)).signalling
        box = signalling.boxes[signalling.newest(connection)]
        return await signalling.candidates(lambda: box.for_viewer, after, wait_s)

    async def close_connection(
        self, principal: PrincipalId, id: SessionId, connection: ConnectionId
    ) -> None:
        """Close a viewer's connection. Raises ConnectionNotFound."""
        driver = await self._live(principal, id)
        driver.talk(negotiation.ConnectionClosed(connection))

    async def vnc_path(self, principal: PrincipalId, id: SessionId) -> Path:
        """Give the path of the machine's VNC socket. Raises NothingYet."""
        driver = await self._live(principal, id)
        machine = driver.machine.machine
        if machine is None or driver.machine.is_gone:
            raise NothingYet("the session has no machine now")
        return machine.directory / "vnc.sock"

    # --- a machine that answers ---------------------------------------------------------------

    async def offer_for_machine(
        self, machine_token: str, id: SessionId, connection: ConnectionId | None, wait_s: float
    ) -> tuple[ConnectionId, str] | None:
        """Give a viewer's offer to the machine, within `wait_s`; None: there is none yet.

        Raises:
            NotAllowed: not this session's machine token, or the gateway answers there.
        """
        driver = self._of_machine(machine_token, id)
        driver.talk(negotiation.MachineReady())
        boxes = driver.signalling.boxes

        def look() -> tuple[ConnectionId, str] | None:
            ids = [connection] if connection is not None else list(reversed(boxes))
            for each in ids:
                box = boxes.get(each)
                if box is not None and box.offer is not None and box.refusal is None:
                    return each, box.offer
            return None

        return await driver.signalling.wait(look, wait_s)

    async def answer_from_machine(
        self, machine_token: str, id: SessionId, connection: ConnectionId | None, sdp: str
    ) -> None:
        """Take the machine's answer. Raises NotAllowed, ConnectionNotFound, IllegalEvent."""
        driver = self._of_machine(machine_token, id)
        driver.talk(negotiation.AnswerMade(driver.signalling.newest(connection), sdp))

    async def add_machine_candidate(
        self,
        machine_token: str,
        id: SessionId,
        connection: ConnectionId | None,
        candidate: Candidate,
    ) -> None:
        """Take a candidate of the machine's. Raises NotAllowed, ConnectionNotFound."""
        driver = self._of_machine(machine_token, id)
        which = driver.signalling.newest(connection)
        driver.talk(negotiation.MachineCandidateReceived(which, candidate))

    async def viewer_candidates(
        self,
        machine_token: str,
        id: SessionId,
        connection: ConnectionId | None,
        after: int,
        wait_s: float,
    ) -> Sequence[Candidate]:
        """Give the viewer's candidates to the machine, from number `after` on."""
        signalling = self._of_machine(machine_token, id).signalling
        box = signalling.boxes[signalling.newest(connection)]
        return await signalling.candidates(lambda: box.for_machine, after, wait_s)

    # --- what others say ----------------------------------------------------------------------

    def keeper_said(self, event: KeeperEvent) -> None:
        """Hear what the keeper says unasked."""
        match event:
            case GatewaySpawned():
                self.gateway.hurry()
            case GatewayExited(status, tail):
                metrics.GATEWAY_RESTARTS.inc()
                _log.error("the gateway died", status=status, tail=tail)
            case EgressRefused(machine, destination, reason, count):
                metrics.EGRESS_REFUSED.labels(reason).inc(count)
                self._tell_refused(machine, destination, reason)
            case _:
                pass  # providers tell of machines

    def _tell_refused(self, machine: MachineRef, destination: str, reason: str) -> None:
        for driver in self._drivers.values():
            if driver.ref == machine:
                text = f"The machine may not reach {inert(destination, 100)}: {inert(reason)}."
                driver.notice("egress-refused", text)

    def _gateway_back(self, welcome: GatewayWelcome) -> None:
        again, self._has_had_gateway = self._has_had_gateway, True
        for driver in list(self._drivers.values()):
            driver.gateway_back(again=again)
        if self.ready.is_set():
            self._close_unknown(welcome)

    def _gateway_lost(self) -> None:
        for driver in list(self._drivers.values()):
            driver.gateway_lost()

    def _gateway_said(self, message: Message) -> None:
        driver = self._drivers.get(getattr(message, "session", SessionId("")))
        if driver is not None:
            driver.gateway_said(message)

    def _close_unknown(self, welcome: GatewayWelcome) -> None:
        """Close what the gateway holds and no session of ours knows."""
        for session in welcome.sessions:
            if session not in self._drivers:
                self.gateway.say(CloseSession(session))
        for connection in welcome.connections:
            session = _session_of(connection)
            driver = self._drivers.get(session)
            if driver is not None and not any(
                each.id == connection for each in driver.negotiation.live
            ):
                self.gateway.say(CloseConnection(session, connection))

    # --- after a restart ----------------------------------------------------------------------

    async def _adopt_all(self) -> None:
        machines = {each.ref: each for each in await self._provider.list()}
        records = await self._store.unended_sessions()
        if records:
            await self.gateway.wait_there(GATEWAY_FIRST_S)
        welcome = self.gateway.welcome or GatewayWelcome(0)
        for record in records:
            ref = record.machine_ref
            self._adopt(record, machines.get(ref) if ref else None, welcome)
        await self._destroy_strays(machines)
        self._close_unknown(welcome)

    def _adopt(
        self, record: SessionRecord, machine: Machine | None, welcome: GatewayWelcome
    ) -> None:
        driver = self._drivers[record.id] = Driver(record, self._work())
        state = record.memo.get("login", {}).get("state")
        is_stored = state in (login.State.SEALED.value, login.State.FETCHED.value)
        if machine is None and not is_stored:
            text = "Fanlight was restarted, and the session's machine was gone."
            driver.end_unadopted(Reason("controller-restarted", text))
            return
        mine = tuple(each for each in welcome.connections if _session_of(each) == record.id)
        driver.adopt(machine, mine)
        _log.info("session adopted", session=record.id, viewers=len(mine))

    async def _destroy_strays(self, machines: dict[MachineRef, Machine]) -> None:
        for machine in machines.values():
            if machine.session not in self._drivers:
                _log.warning("a machine without a session is destroyed", machine=machine.ref)
                await self._provider.destroy(machine.ref)

    async def _sweep(self) -> None:
        """Now and then: a machine that was being made when a controller died comes late."""
        while True:
            await asyncio.sleep(SWEEP_S)
            try:
                machines = {each.ref: each for each in await self._provider.list()}
                await self._destroy_strays(machines)
            except FanlightError as error:
                _log.warning("machines were not listed", error=str(error))

    # --- who may ------------------------------------------------------------------------------

    def _work(self) -> Around:
        if self._around is None:
            raise SessionNotFound("the controller does not run")
        return self._around

    def _over(self, driver: Driver) -> None:
        self._drivers.pop(driver.id, None)
        if not self._drivers:
            self._is_empty.set()

    def _owned(self, principal: PrincipalId, id: SessionId) -> Driver | None:
        driver = self._drivers.get(id)
        if driver is not None and driver.record.owner != principal:
            raise SessionNotFound
        return driver

    async def _stored(self, principal: PrincipalId, id: SessionId) -> SessionRecord:
        record = await self._store.session(id)
        if record is None or record.owner != principal:
            raise SessionNotFound
        return record

    async def _live(self, principal: PrincipalId, id: SessionId) -> Driver:
        if driver := self._owned(principal, id):
            return driver
        record = await self._stored(principal, id)
        raise SessionEnded(_detail(record))

    def _of_machine(self, token: str, id: SessionId) -> Driver:
        driver = self._drivers.get(id)
        if driver is None or not driver.knows_token(token):
            raise NotAllowed("that is not the token of this session's machine")
        if driver.negotiation.answerer != "machine":
            raise NotAllowed(
                "the media gateway answers in this session",
                hint='Start one with `"answerer": "machine"`.',
            )
        return driver

    def _check_limit(self, principal: PrincipalId) -> None:
        most = self._settings.max_sessions_per_principal
        mine = [each for each in self._drivers.values() if each.record.owner == principal]
        if len(mine) >= most:
            raise LimitReached(
                f"you have {most} sessions already",
                hint="End one, or raise max_sessions_per_principal.",
            )

    def _new_record(self, principal: PrincipalId, request: StartRequest) -> SessionRecord:
        memo: dict[str, Any] = {"widthPx": request.width_px, "heightPx": request.height_px}
        if request.matching_code:
            memo["matchingCode"] = request.matching_code
        ref = MachineRef(f"m-{secrets.token_hex(12)}")
        return SessionRecord(
            id=SessionId(secrets.token_hex(16)),
            owner=principal,
            created_at=self._clock(),
            tool=request.tool,
            recipient=request.recipient,
            label=request.label,
            answerer=request.answerer,
            machine_ref=ref,
            machine_token_hash=hashed(self._tokens.token(ref)),
            memo=memo,
        )


def _session_of(connection: ConnectionId) -> SessionId:
    """A connection's id starts with its session's, so that a restart needs no list of them."""
    return SessionId(connection.rpartition("-")[0])


def _view_of(record: SessionRecord) -> Session:
    return session_from_json(record.view)


def _detail(record: SessionRecord) -> str:
    reason = record.reason
    return str(reason["detail"]) if reason else ""


def _with_token(view: Session, token: str) -> Session:
    return dataclasses.replace(view, machine_token=token)
