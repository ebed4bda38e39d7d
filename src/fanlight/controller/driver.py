"""Drives one session: what happened becomes an event for a core, what it commands is done.

Concurrency: everything here runs on one event loop. A core's commands are done at once and in
order, those that follow from them after them (`_queue`). What must wait (the store) goes through
the session's outbox, in order; making and destroying the machine are tasks of their own.
"""

from __future__ import annotations

import asyncio
import base64
import secrets
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from fanlight import log, wire
from fanlight.errors import CallerError, FanlightError, ToolNotInstalled
from fanlight.machines import Machine, MachineEnd, MachineSpec, Provider
from fanlight.session import (
    CancelTimer,
    Lifecycle,
    Login,
    Negotiation,
    Reason,
    SetTimer,
    lifecycle,
    login,
    negotiation,
)
from fanlight.store import SessionRecord, Store, hashed
from fanlight.wire import ConnectionId, MachineRef

from . import metrics
from .gateway_link import GatewayLink
from .guest_link import GuestLink
from .hearing import Heard, from_gateway, from_guest
from .machine_work import MachineEars, MachineWork
from .outbox import Outbox
from .publish import Followers
from .reasons import error_for, inert, inert_lines
from .settings import ControllerSettings
from .showing import Shown
from .signalling import Signalling
from .timers import Timers
from .tokens import MachineTokens
from .tool_work import Installs, ToolEars, Tools, ToolWork
from .view import Session, SessionEvent

NOTICES_MAX = 50
"""Notices of one session; a guest can cause them."""
HOSTNAME = "fanlight"

_log = log.get("controller")


@dataclass(frozen=True)
class Around:
    """What every driver works with."""

    settings: ControllerSettings
    store: Store
    provider: Provider
    gateway: GatewayLink
    tokens: MachineTokens
    tools: Tools
    installs: Installs
    tasks: asyncio.TaskGroup
    clock: Callable[[], float]
    on_over: Callable[[Driver], None]


class Driver:
    """One session. Its cores are driven by `life`, `talk` and `sign`."""

    def __init__(self, record: SessionRecord, around: Around) -> None:
        settings = around.settings
        self._around = around
        answerer: negotiation.Answerer = "machine" if record.answerer == "machine" else "gateway"
        self.lifecycle = Lifecycle(settings.lifecycle(with_login=record.tool is not None))
        self.negotiation = Negotiation(
            answerer, settings.negotiation(answerer), gateway_there=around.gateway.is_there
        )
        self.login = Login(settings.login()) if record.tool else None
        self.shown = Shown(record)
        self.signalling = Signalling()
        self.followers = Followers()
        self.outbox = Outbox(around.store, self.followers, around.clock)
        self.ref = record.machine_ref or MachineRef(f"m-{secrets.token_hex(12)}")
        ears = MachineEars(self._machine_made, self._machine_refused, self._machine_gone)
        self.machine = MachineWork(around.provider, self.ref, ears, around.tasks)
        tool_ears = ToolEars(
            self._installing, self._installs_on, self._tool_ready, self._tool_failed
        )
        self.tool = ToolWork(around.tools, around.installs, tool_ears, around.tasks)
        self._timers = Timers()
        self._link: GuestLink | None = None
        self._link_task: asyncio.Task[None] | None = None
        self._queue: deque[Callable[[], None]] = deque()
        self._is_running = False
        self._unsaid: list[wire.Message] = []
        self._notices = 0
        self._told_negotiation_of_end = False
        self._counted = 0

    # --- what is known ------------------------------------------------------------------------

    @property
    def id(self) -> wire.SessionId:
        """The session's id."""
        return self.shown.record.id

    @property
    def record(self) -> SessionRecord:
        """The session's row, as it will be stored next."""
        return self.shown.record

    @property
    def is_over(self) -> bool:
        """Whether nothing of the session is left to be done."""
        return self.lifecycle.state is lifecycle.State.ENDED

    @property
    def view(self) -> Session:
        """The session as its owner sees it."""
        return self.shown.view()

    @property
    def token(self) -> str:
        """The machine's token."""
        return self._around.tokens.token(self.ref)

    # --- begin, adopt -------------------------------------------------------------------------

    def open(self) -> None:
        """Begin: the gateway takes viewers, the machine is asked for."""
        metrics.SESSIONS_STARTED.labels(self.record.tool or "").inc()
        self.begin_work()
        self.outbox.audit(self.record, "started", {"tool": self.record.tool or ""})
        self.shown.story.reach("requested", self._around.clock())
        self.life(lifecycle.Open())

    def begin_work(self) -> None:
        """Take up the outbox; before anything else."""
        metrics.SESSIONS.inc()
        self._around.tasks.create_task(self.outbox.run())

    def adopt(self, machine: Machine | None, connections: tuple[ConnectionId, ...]) -> None:
        """Go on after a controller's restart. Without a machine: its credential is stored."""
        self.begin_work()
        age_s = max(0.0, self._around.clock() - self.record.created_at)
        ready = self.record.status == "vm_created"
        if machine is not None:
            self.machine.adopt(machine)
        else:
            self.machine.is_gone = True
        self._adopt_login(age_s)
        stages = self.shown.guest_stages()
        begun = self.login is not None and self.login.state is not login.State.REQUESTED
        self.life(lifecycle.Adopted(ready or machine is None, age_s, stages, begun))
        for connection in connections:
            self.signalling.add(connection, self._around.clock())
            self.talk(negotiation.ConnectionAdopted(connection))
        for connection in connections:
            holds = self.negotiation.holder == connection
            self._around.gateway.say(wire.SetControl(self.id, connection, holds))
        if machine is not None:
            self._open_link(machine)

    def end_unadopted(self, reason: Reason) -> None:
        """End after a restart that found nothing of the session."""
        self.begin_work()
        self._adopt_login(0.0)
        self.life(lifecycle.EndRequested(reason))

    def _adopt_login(self, age_s: float) -> None:
        """Set the login's state and timers as they were; the guest says again what came since."""
        if self.login is None:
            return
        self.shown.recall_login(self.login)
        settings, state = self.login.settings, login.State
        left_s = max(1.0, settings.login_timeout_s - age_s)
        match self.login.state:
            case state.REQUESTED | state.DELIVERED | state.REJECTED | state.FAILED:
                pass
            case state.CONFIRMED:
                self._set_timer(self.sign, SetTimer(settings.seal_timeout_s, login.SealTimedOut()))
            case state.SEALED | state.FETCHED:
                since_s = self._around.clock() - self.shown.sealed_at
                left_s = max(0.0, settings.delivery_s - since_s)
                self._set_timer(self.sign, SetTimer(left_s, login.DeliveryTimedOut()))
            case state.REJECTING:
                timer = SetTimer(settings.reject_timeout_s, login.RejectTimedOut())
                self._set_timer(self.sign, timer)
            case _:
                self._set_timer(self.sign, SetTimer(left_s, login.LoginTimedOut()))
                self._set_timer(self.sign, SetTimer(1.0, login.PageSettled()))

    # --- the cores ----------------------------------------------------------------------------

    def life(self, event: lifecycle.Event) -> None:
        """Drive the lifecycle. Raises IllegalEvent."""
        self._queue.extend(self._todo(self._do_life, self.lifecycle.handle(event)))
        self._run()

    def talk(self, event: negotiation.Event) -> None:
        """Drive the negotiation. Raises what `Negotiation.handle` raises."""
        self._queue.extend(self._todo(self._do_talk, self.negotiation.handle(event)))
        self._run()

    def sign(self, event: login.Event) -> None:
        """Drive the login. Raises what `Login.handle` raises."""
        if self.login is None:
            raise CallerError("this session signs nothing in")
        self._queue.extend(self._todo(self._do_sign, self.login.handle(event)))
        self._run()

    def late(self, feed: Callable[[Any], None], event: object) -> None:
        """Drive a core with what nobody waits for: what it refuses is logged, not raised."""
        try:
            feed(event)
        except FanlightError as error:
            _log.warning("an event came too late", session=self.id, error=str(error))

    @staticmethod
    def _todo(do: Callable[[Any], None], commands: list[Any]) -> list[Callable[[], None]]:
        return [lambda command=command: do(command) for command in commands]  # type: ignore[misc]

    def _soon(self, feed: Callable[[Any], None], event: object) -> None:
        self._queue.append(lambda: self.late(feed, event))

    def _run(self) -> None:
        if self._is_running:
            return
        self._is_running = True
        try:
            while self._queue:
                self._queue.popleft()()
        finally:
            self._is_running = False

    def _set_timer(self, feed: Callable[[Any], None], command: SetTimer[Any]) -> None:
        event = command.event
        self._timers.set(event, command.after_s, lambda: self.late(feed, event))

    # --- commands -----------------------------------------------------------------------------

    def _do_life(self, command: lifecycle.Command) -> None:
        match command:
            case lifecycle.Publish(view):
                self._life_changed(view)
            case lifecycle.OpenGatewaySession():
                self._around.gateway.say(wire.OpenSession(self.id, self._around.settings.codec))
            case lifecycle.CloseGatewaySession():
                self._around.gateway.say(wire.CloseSession(self.id))
            case lifecycle.StartMachine():
                self.machine.start(self._machine_spec())
            case lifecycle.DestroyMachine():
                self._close_link()
                if self.machine.is_gone:
                    self._soon(self.life, lifecycle.MachineDestroyed())
                else:
                    self.machine.destroy()
            case lifecycle.PrepareTool():
                self.tool.prepare(self.record.tool or "")
            case lifecycle.LeaveTool():
                self.tool.leave()
            case lifecycle.StartLogin():
                self._soon(self.sign, login.Begin())
            case SetTimer():
                self._set_timer(self.life, command)
            case CancelTimer(event):
                self._timers.cancel(event)

    def _do_talk(self, command: negotiation.Command) -> None:
        match command:
            case negotiation.AskGateway(connection, sdp, controls):
                self._around.gateway.say(wire.OpenConnection(self.id, connection, sdp, controls))
            case negotiation.PassCandidateToGateway(connection, given):
                self._around.gateway.say(
                    wire.ViewerCandidate(
                        self.id,
                        connection,
                        given.candidate,
                        given.sdp_mid,
                        given.sdp_m_line_index,
                    )
                )
            case negotiation.SetControlAtGateway(connection, controls):
                self._around.gateway.say(wire.SetControl(self.id, connection, controls))
            case negotiation.CloseAtGateway(connection):
                self._around.gateway.say(wire.CloseConnection(self.id, connection))
            case negotiation.CountViewers(count):
                self._viewers_changed(count)
            case negotiation.NameReason(connection, code, text):
                if code != "closed" and not self._told_negotiation_of_end:
                    self.notice(code, text, connection=connection)
            case SetTimer():
                self._set_timer(self.talk, command)
            case CancelTimer(event):
                self._timers.cancel(event)
            case _:
                self._deliver(command)

    def _deliver(self, command: negotiation.Command) -> None:
        """Put what somebody fetches where it is fetched."""
        connection = getattr(command, "connection", None)
        box = self.signalling.boxes.get(connection) if connection else None
        if box is None:
            return
        match command:
            case negotiation.OfferToMachine(_, sdp):
                box.offer = sdp
            case negotiation.DeliverAnswer(_, sdp):
                box.answer = sdp
                now = self._around.clock()
                metrics.OFFER_TO_ANSWER.observe(max(0.0, now - box.offered_at))
                self.shown.story.note("answer", now)
            case negotiation.DeliverRefusal(_, code, detail):
                box.refusal = error_for(code, inert(detail, 300))
            case negotiation.PassCandidateToMachine(_, given):
                self.signalling.put(box.for_machine, given)
            case negotiation.PassCandidateToViewer(_, given):
                self.signalling.put(box.for_viewer, given)
            case _:
                return
        self.signalling.changed()

    def _do_sign(self, command: login.Command) -> None:
        match command:
            case login.Publish(view):
                self._login_changed(view)
            case login.SendStartLogin():
                self._send_start_login()
            case login.SendRelease():
                self._tell_guest(wire.ReleaseCredential())
            case login.SendReject():
                self._tell_guest(wire.RejectLogin())
            case login.StoreBundle(bundle):
                self.outbox.store_bundle(
                    self.id,
                    base64.b64decode(bundle),
                    then=self._sealed,
                    failed=self._not_stored,
                )
            case login.HandOverBundle():
                pass  # whoever asks reads it from the store
            case login.DropBundle():
                self.outbox.drop_bundle(self.id)
            case login.EndSession(reason):
                self._soon(self.life, lifecycle.LoginFinished(reason))
            case SetTimer():
                self._set_timer(self.sign, command)
            case CancelTimer(event):
                self._timers.cancel(event)

    # --- what changed -------------------------------------------------------------------------

    def _life_changed(self, view: lifecycle.View) -> None:
        now = self._around.clock()
        was = self.shown.status
        for stage, _ in view.stages:
            self.shown.story.reach_guest(stage, now)
        if view.has_tool:
            self.shown.story.installed(now)
        if view.status == "vm_created":
            self.shown.story.reach("ready", now)
        self.shown.life_changed(view, now)
        is_new = view.status == "vm_created" and was != "vm_created"
        if is_new and self.negotiation.answerer == "gateway":
            self._soon(self.talk, negotiation.MachineReady())
        if view.status in ("ending", "ended") and view.reason:
            self._tell_of_end(view.reason)
        self.publish()
        if view.status == "ended":
            self._queue.append(self._finish)

    def _tell_of_end(self, reason: Reason) -> None:
        if self._told_negotiation_of_end:
            return
        self._told_negotiation_of_end = True
        _log.info("session ends", session=self.id, code=reason.code)
        self._soon(self.talk, negotiation.Ended(reason))
        if self.login is not None:
            self._soon(self.sign, login.SessionEnded(reason))

    def _login_changed(self, view: login.View) -> None:
        before = self.shown.login_state
        assert self.login is not None
        self.shown.login_changed(view, self.login.state, self._around.clock())
        self.publish()
        if view.state != before and view.state in ("verified", "confirmed", "rejected"):
            self.outbox.audit(self.record, view.state, {"account": view.account or ""})

    def _viewers_changed(self, count: int) -> None:
        metrics.VIEWERS.inc(count - self._counted)
        self._counted = count
        self.shown.viewers = count
        self.publish("viewers", {"count": count})
        self.publish()
        self._soon(self.life, lifecycle.ViewersCounted(count))

    def publish(self, kind: Any = "session", data: Any = None) -> None:
        """Keep the session as it is now, and tell everybody who follows it."""
        self.shown.save()
        self.outbox.event(self.record, kind, self.view.to_json() if data is None else data)

    def tell(self, kind: Any, data: Any) -> None:
        """Tell whoever follows now; it is not kept."""
        self.followers.tell(SessionEvent(None, kind, data))

    def notice(self, code: str, text: str, *, connection: ConnectionId | None = None) -> None:
        """Say something about the session that changes nothing in it."""
        self._notices += 1
        if self._notices > NOTICES_MAX or self.is_over:
            return
        data = {"text": inert(text, 300), "code": code}
        if connection is not None:
            data["connectionId"] = connection
        self.publish("notice", data)

    def _finish(self) -> None:
        if self._queue:
            # What follows from the end in the other cores is done first.
            self._queue.append(self._finish)
            return
        reason = self.lifecycle.reason
        code = reason.code if reason else "internal"
        self._timers.clear()
        self._close_link()
        self.machine.forget()
        if self._counted:
            metrics.VIEWERS.dec(self._counted)
            self._counted = 0
        metrics.SESSIONS.dec()
        metrics.SESSIONS_ENDED.labels(code).inc()
        self.outbox.audit(self.record, "ended", {"reason": code})
        self.publish("end", {"reason": self.view.to_json()["reason"]})
        self.outbox.close(lambda: self._around.on_over(self))
        self.signalling.changed()

    # --- the machine --------------------------------------------------------------------------

    def _machine_spec(self) -> MachineSpec:
        settings = self._around.settings
        return MachineSpec(
            self.ref,
            self.id,
            policy=settings.policy,
            memory_mib=settings.machine_memory_mib,
            pids=settings.machine_pids,
        )

    def _machine_made(self, machine: Machine) -> None:
        self.shown.story.reach("machine", self._around.clock())
        self.late(self.life, lifecycle.MachineStarted())
        if self.lifecycle.status in ("booting", "vm_created"):
            self.publish()
            self._open_link(machine)

    def _machine_refused(self, error: FanlightError) -> None:
        self.machine.is_gone = True
        self.shown.hint = error.hint
        self.late(self.life, lifecycle.MachineStartRefused(error.code, str(error)))

    def _machine_gone(self, end: MachineEnd) -> None:
        self._close_link()
        if self._is_sealed and self.lifecycle.status == "vm_created":
            return  # the credential waits in the store; the machine was retired, or went early
        if self.machine.is_unwanted:
            self.late(self.life, lifecycle.MachineDestroyed())
            return
        self.shown.tail = end.tail or self.shown.tail
        _log.warning("a machine died", session=self.id, status=end.status)
        self.late(self.life, lifecycle.MachineDied(end.status, end.tail))

    @property
    def _is_sealed(self) -> bool:
        stored = (login.State.SEALED, login.State.FETCHED)
        return self.login is not None and self.login.state in stored

    def _sealed(self) -> None:
        """The ciphertext is stored: nothing in the machine is needed any more."""
        self.outbox.audit(self.record, "sealed", {})
        if self._is_sealed and not self.machine.is_gone:
            self._close_link()
            self.machine.destroy()

    def _not_stored(self, error: FanlightError) -> None:
        reason = Reason(error.code, f"The sealed credential could not be stored: {error}.")
        self.late(self.life, lifecycle.EndRequested(reason))

    # --- the guest's link ---------------------------------------------------------------------

    def _open_link(self, machine: Machine) -> None:
        self._link = GuestLink(
            machine.directory / "link.sock",
            self._identity,
            heartbeat_s=self._around.settings.heartbeat_s,
            on_up=self._link_up,
            on_down=self._link_down,
            on_message=self.guest_said,
            on_hopeless=self._guest_hopeless,
        )
        self._link_task = self._around.tasks.create_task(self._link.run())

    def _close_link(self) -> None:
        if self._link_task is not None and self._link_task is not asyncio.current_task():
            self._link_task.cancel()
        self._link = self._link_task = None

    def _identity(self) -> wire.IdentifyMachine:
        settings, record = self._around.settings, self.record
        return wire.IdentifyMachine(
            session=self.id,
            machine=self.ref,
            token=self.token,
            hostname=HOSTNAME,
            seed_b64=base64.b64encode(secrets.token_bytes(64)).decode(),
            time_s=self._around.clock(),
            width_px=int(record.memo.get("widthPx", 1280)),
            height_px=int(record.memo.get("heightPx", 720)),
            codec=settings.codec,
            bitrate_kbps=settings.bitrate_kbps,
            # Nothing leaves the machine but sealed while something is signed in there.
            clipboard_out=record.tool is None,
            ca_pem=settings.machine_ca_pem,
        )

    def _link_up(self) -> None:
        self.late(self.life, lifecycle.LinkBack())
        unsaid, self._unsaid = self._unsaid, []
        for message in unsaid:
            self._tell_guest(message)

    def _link_down(self) -> None:
        if self.lifecycle.status in ("booting", "vm_created") and not self._is_sealed:
            self.late(self.life, lifecycle.LinkLost())

    def _guest_hopeless(self, why: str) -> None:
        text = f"The machine's agent breaks the protocol: {inert(why, 200)}."
        self.late(self.life, lifecycle.GuestFailed("guest-broke-protocol", text))

    def _tell_guest(self, message: wire.Message) -> None:
        if self._link is None or not self._link.say(message):
            self._unsaid.append(message)

    def _send_start_login(self) -> None:
        assert self.tool.spec is not None
        assert self.record.recipient is not None
        self._tell_guest(
            wire.StartLogin(self.tool.spec, self.record.recipient, secrets.token_hex(16), self.id)
        )

    # --- the tool -----------------------------------------------------------------------------

    def _installing(self, title: str) -> None:
        self.shown.story.install(title)
        self.outbox.audit(self.record, "tool_installing", {"tool": self.record.tool or ""})
        self.publish()

    def _installs_on(self, line: str) -> None:
        if self.shown.story.install_goes_on(line, self._around.clock()):
            self.publish()

    def _tool_ready(self) -> None:
        self.late(self.life, lifecycle.ToolReadied())

    def _tool_failed(self, error: FanlightError) -> None:
        self.shown.hint, self.shown.tail = error.hint, inert_lines(getattr(error, "tail", ""))
        self.late(self.life, lifecycle.ToolFailed(ToolNotInstalled.code, f"{error}."))

    # --- what others say ----------------------------------------------------------------------

    def guest_said(self, message: wire.Message) -> None:
        """Take a message of the guest's. Raises WireError when it makes no sense."""
        heard = from_guest(message)
        self.shown.tail = heard.tail or self.shown.tail
        self._take(heard)

    def gateway_said(self, message: wire.Message) -> None:
        """Take a message of the gateway's about this session."""
        heard = from_gateway(message)
        now = self._around.clock()
        match heard.talk:
            case negotiation.Connected():
                self.shown.story.note("connected", now)
                self.outbox.audit(self.record, "viewed", {"connection": heard.talk.connection})
            case negotiation.PictureShown() if "first_frame" not in self.shown.story.timeline:
                self.shown.story.note("first_frame", now)
                metrics.FIRST_FRAME.observe(max(0.0, now - self.record.created_at))
                _log.info("first frame", session=self.id, timeline=self.shown.story.timeline)
        self._take(heard)

    def _take(self, heard: Heard) -> None:
        if heard.life is not None:
            self.late(self.life, heard.life)
        if heard.talk is not None:
            self.late(self.talk, heard.talk)
        if heard.sign is not None:
            self.late(self.sign, heard.sign)
        if heard.notice is not None:
            self.notice(*heard.notice)
        if heard.quality is not None:
            self.tell("quality", heard.quality)

    def gateway_lost(self) -> None:
        """The media gateway is gone."""
        if self.lifecycle.status in ("ending", "ended"):
            return
        self.publish("gateway", {"state": "lost"})
        self.late(self.life, lifecycle.GatewayLost())
        self.late(self.talk, negotiation.GatewayLost())

    def gateway_back(self, *, again: bool) -> None:
        """There is a gateway. It is told of the session first, then of its offers."""
        self.late(self.life, lifecycle.GatewayBack())
        self.late(self.talk, negotiation.GatewayBack())
        if again and self.lifecycle.status not in ("ending", "ended"):
            self.publish("gateway", {"state": "back"})

    def offered(self, connection: ConnectionId, sdp: str) -> None:
        """A viewer offers. Raises SessionEnded, LimitReached."""
        now = self._around.clock()
        self.signalling.add(connection, now)
        try:
            self.talk(negotiation.OfferReceived(connection, sdp))
        except CallerError:
            del self.signalling.boxes[connection]
            raise
        self.shown.story.note("offer", now)

    def knows_token(self, token: str) -> bool:
        """Whether this is the machine's token."""
        return secrets.compare_digest(hashed(token), hashed(self.token))
