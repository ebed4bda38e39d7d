"""Drives one session: what happened becomes an event for a core, what it commands is done.

Concurrency: everything here runs on one event loop. What must wait (the store) goes through the
session's outbox, in order; making and destroying the machine are tasks of their own.
"""

from __future__ import annotations

import secrets

from fanlight import log, wire
from fanlight.errors import CallerError, FanlightError, HostFull, ToolNotInstalled
from fanlight.machines import Machine, MachineEnd
from fanlight.session import Reason, lifecycle, login, negotiation
from fanlight.session.causes import CAUSES
from fanlight.session.offers import watches_only
from fanlight.store import SessionRecord, hashed
from fanlight.wire import ConnectionId, MachineRef

from . import commands, metrics
from .around import Around
from .guest_work import GuestEars, GuestWork, identity
from .hearing import Heard, from_gateway, from_guest
from .machine_work import MachineEars, MachineWork
from .outbox import Outbox
from .publish import Followers
from .reasons import inert, inert_lines
from .showing import Shown
from .sight import Sight
from .signalling import Signalling
from .telling import Telling
from .tool_work import ToolEars, ToolWork
from .viewers import Viewers

_log = log.get("controller")


class Driver(Telling):
    """One session. Its cores are driven by `life`, `talk` and `sign`."""

    def __init__(self, record: SessionRecord, around: Around) -> None:
        super().__init__(
            record,
            around.settings,
            gateway_there=around.gateway.is_there,
            can_pause=around.resting is not None,
        )
        self.around = around
        self.shown = Shown(record)
        self.shown.lasting, self.shown.negotiation = self.lifecycle.lasting, self.negotiation
        self.signalling = Signalling()
        self.followers = Followers()
        self.outbox = Outbox(around.store, self.followers, around.clock)
        self.ref = record.machine_ref or MachineRef(f"m-{secrets.token_hex(12)}")
        self.machine = MachineWork(
            around.provider,
            around.resting,
            self.ref,
            MachineEars(
                self._machine_made,
                self._machine_refused,
                self._machine_rested,
                self._machine_deferred,
                self._machine_not_rested,
                self._machine_gone,
            ),
            around.tasks,
        )
        self.tool = ToolWork(
            around.tools,
            around.installs,
            ToolEars(self._installing, self._installs_on, self._tool_ready, self._tool_failed),
            around.tasks,
        )
        self.guest = GuestWork(
            self._identity,
            GuestEars(self._link_up, self._link_down, self.guest_said, self._guest_hopeless),
            around.tasks,
            around.settings.heartbeat_s,
        )
        self.sight = Sight(
            self.id,
            self.shown.timeline,
            machine=lambda: self.shown.story.timeline,
            since_ms=lambda: self.age_s * 1000,
            on_mark=self.publish,
            tell=lambda quality: self.tell("quality", quality),
        )
        self._notices = 0
        self.is_end_told = False
        """Whether negotiation and login know that the session ends."""
        self.viewers = Viewers(self._viewers_are)

    # --- what is known ---------------------------------------------------------------------------

    @property
    def token(self) -> str:
        """The machine's token."""
        return self.around.tokens.token(self.ref)

    # --- begin -----------------------------------------------------------------------------------

    def open(self) -> None:
        """Begin: the gateway takes viewers, the machine is asked for."""
        metrics.SESSIONS_STARTED.labels(self.record.tool or "").inc()
        self.begin_work()
        self.outbox.audit(self.record, "started", {"tool": self.record.tool or ""})
        self.shown.story.reach("requested", self.around.clock())
        self.life(lifecycle.Open())

    def begin_work(self) -> None:
        """Take up the outbox; before anything else."""
        metrics.SESSIONS.inc()
        self.around.tasks.create_task(self.outbox.run())

    def talk(self, event: negotiation.Event) -> None:
        """Drive the negotiation, and have stored what a later controller recalls of viewers."""
        super().talk(event)
        if self.shown.save_viewers():
            self.outbox.keep(self.record)

    def do_life(self, command: lifecycle.Command) -> None:
        """Carry out a command of the lifecycle."""
        commands.do_life(self, command)

    def do_talk(self, command: negotiation.Command) -> None:
        """Carry out a command of the negotiation."""
        commands.do_talk(self, command)

    def do_sign(self, command: login.Command) -> None:
        """Carry out a command of the login."""
        commands.do_sign(self, command)

    # --- the end ---------------------------------------------------------------------------------

    def _finish(self) -> None:
        if self.is_busy:
            # What follows from the end in the other cores is done first.
            self.afterwards(self._finish)
            return
        reason = self.lifecycle.reason
        code = reason.code if reason else "internal"
        self.timers.clear()
        self.guest.close()
        self.machine.forget()
        self.viewers.forget()
        self.sight.forget()
        metrics.SESSIONS.dec()
        metrics.SESSIONS_ENDED.labels(code).inc()
        self.outbox.audit(self.record, "ended", {"reason": code})
        self.publish("end", {"reason": self.view.to_json()["reason"]})
        self.outbox.close(lambda: self.around.on_over(self))
        self.signalling.changed()

    # --- the machine -----------------------------------------------------------------------------

    def _machine_made(self, machine: Machine) -> None:
        self.shown.story.reach("machine", self.around.clock())
        self.late(self.life, lifecycle.MachineStarted())
        if self.lifecycle.status in ("booting", "vm_created"):
            self.publish()
            self.guest.open(machine)

    def _machine_refused(self, error: FanlightError) -> None:
        self.machine.is_gone = True
        self.shown.hint = error.hint
        self.late(self.life, lifecycle.MachineStartRefused(error.code, str(error)))

    def _machine_rested(self) -> None:
        self.guest.close()
        metrics.MACHINES_RESTED.inc()
        self.late(self.life, lifecycle.MachineSuspended())

    def _machine_deferred(self, error: HostFull) -> None:
        self.notice(error.code, str(error))
        self.late(self.life, lifecycle.ResumeDeferred())

    def _machine_not_rested(self, error: FanlightError) -> None:
        self.late(self.life, lifecycle.SuspendRefused())

    def _machine_gone(self, end: MachineEnd) -> None:
        self.guest.close()
        if self.is_sealed and self.lifecycle.status == "vm_created":
            return  # the credential waits in the store; the machine was retired, or went early
        if self.machine.is_unwanted:
            self.late(self.life, lifecycle.MachineDestroyed())
            return
        self.shown.tail = end.tail or self.shown.tail
        _log.warning("a machine died", session=self.id, status=end.status)
        self.late(self.life, lifecycle.MachineDied(end.status, end.tail, end.out_of_memory_mib))

    @property
    def is_sealed(self) -> bool:
        """Whether the credential waits in the store."""
        stored = (login.State.SEALED, login.State.FETCHED)
        return self.login is not None and self.login.state in stored

    def sealed(self) -> None:
        """The ciphertext is stored: nothing in the machine is needed any more."""
        self.outbox.audit(self.record, "sealed", {})
        if self.is_sealed and not self.machine.is_gone:
            self.guest.close()
            self.machine.destroy()

    def not_stored(self, error: FanlightError) -> None:
        """The ciphertext could not be stored: the session ends."""
        reason = Reason(error.code, f"The sealed credential could not be stored: {error}.")
        self.late(self.life, lifecycle.EndRequested(reason))

    # --- the guest -------------------------------------------------------------------------------

    def _identity(self) -> wire.IdentifyMachine:
        around = self.around
        return identity(self.record, self.ref, self.token, around.settings, around.clock())

    def _link_up(self) -> None:
        self.late(self.life, lifecycle.LinkBack())

    def _link_down(self) -> None:
        if self.lifecycle.status in ("booting", "vm_created") and not self.is_sealed:
            self.late(self.life, lifecycle.LinkLost())

    def _guest_hopeless(self, why: str) -> None:
        text = f"The machine's agent breaks the protocol: {inert(why, 200)}."
        self.late(self.life, lifecycle.GuestFailed("guest-broke-protocol", text))

    def send_start_login(self) -> None:
        """Have the guest sign the tool in, which is ready."""
        assert self.tool.spec is not None
        assert self.record.recipient is not None
        self.guest.tell(
            wire.StartLogin(self.tool.spec, self.record.recipient, secrets.token_hex(16), self.id)
        )

    # --- the tool --------------------------------------------------------------------------------

    def _installing(self, title: str) -> None:
        self.shown.story.install(title)
        self.outbox.audit(self.record, "tool_installing", {"tool": self.record.tool or ""})
        self.publish()

    def _installs_on(self, line: str) -> None:
        if self.shown.story.install_goes_on(line, self.around.clock()):
            self.publish()

    def _tool_ready(self) -> None:
        self.late(self.life, lifecycle.ToolReadied())

    def _tool_failed(self, error: FanlightError) -> None:
        self.shown.hint, self.shown.tail = error.hint, inert_lines(getattr(error, "tail", ""))
        self.late(self.life, lifecycle.ToolFailed(ToolNotInstalled.code, f"{error}."))

    # --- what others say -------------------------------------------------------------------------

    def guest_said(self, message: wire.Message) -> None:
        """Take a message of the guest's. Raises WireError when it makes no sense."""
        heard = from_guest(message, self.age_s)
        self.shown.tail = heard.tail or self.shown.tail
        self._take(heard)

    def gateway_said(self, message: wire.Message) -> None:
        """Take a message of the gateway's about this session."""
        was_silent = self.sight.is_silent
        self.sight.hear(message, alive=self.negotiation.is_live)
        if self.sight.is_silent and not was_silent and self.lifecycle.status == "vm_created":
            self.notice("machine-silent", CAUSES["machine-silent"].text)
        heard = from_gateway(message)
        if isinstance(heard.talk, negotiation.Connected):
            self.outbox.audit(self.record, "viewed", {"connection": heard.talk.connection})
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

    def offered(
        self, connection: ConnectionId, sdp: str, replaces: ConnectionId | None = None
    ) -> None:
        """A viewer offers. Raises SessionEnded, LimitReached."""
        watches = watches_only(sdp)
        self._begin_connection(negotiation.OfferReceived(connection, sdp, replaces, watches))

    def stream_requested(
        self,
        connection: ConnectionId,
        codecs: tuple[str, ...],
        replaces: ConnectionId | None = None,
    ) -> None:
        """A viewer wants a stream. Raises SessionEnded, LimitReached, OfferRejected."""
        self._begin_connection(negotiation.StreamRequested(connection, codecs, replaces))

    def wanted(self) -> None:
        """Somebody wants to look: a machine that rests goes on."""
        self.late(self.life, lifecycle.ViewerCame())

    def _begin_connection(
        self, event: negotiation.OfferReceived | negotiation.StreamRequested
    ) -> None:
        self.wanted()
        now = self.around.clock()
        self.signalling.add(event.connection, now)
        try:
            self.talk(event)
        except CallerError:
            del self.signalling.boxes[event.connection]
            raise
        self.sight.asked(event.connection)

    def knows_token(self, token: str) -> bool:
        """Whether this is the machine's token."""
        return secrets.compare_digest(hashed(token), hashed(self.token))
