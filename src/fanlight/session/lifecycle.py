"""A session's life, from request to end: one machine at most, and none left when it is over.

    requested -> starting -> booting -> ready -> ending -> ended
                                      |  ^
                          pausing -> paused -> resuming

`starting` is the time between the command to start a machine and the provider's word on it. An end
that is asked for then leads to `abandoned`: the provider's word is waited for, because a machine
that starts late must still be destroyed. A tool that is to be signed in is brought onto the host
while the machine boots; the login starts when both are ready. To the outside, starting and booting
are one status, and so are abandoned and ending (`Lifecycle.status`).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import ClassVar

from fanlight.wire.messages import BootStage

from .lasting import Lasting
from .lifecycle_ends import why
from .lifecycle_words import (
    PAUSES,
    STAGES,
    STATUS,
    AbsoluteTimedOut,
    Adopted,
    AnnounceEnd,
    BootTimedOut,
    CloseGatewaySession,
    Command,
    DestroyMachine,
    DestroyTimedOut,
    Ending,
    EndRequested,
    Event,
    Extended,
    GatewayBack,
    GatewayLost,
    GuestFailed,
    GuestReadied,
    GuestStage,
    IdleLooms,
    IdleTimedOut,
    LeaveTool,
    LifecycleSettings,
    LimitLooms,
    LinkBack,
    LinkLost,
    LinkTimedOut,
    LoginFinished,
    MachineDestroyed,
    MachineDied,
    MachineStarted,
    MachineStartRefused,
    MachineSuspended,
    Open,
    OpenGatewaySession,
    Pause,
    PauseDue,
    PrepareTool,
    Publish,
    ResumeDeferred,
    ResumeMachine,
    StartLogin,
    StartMachine,
    State,
    Status,
    SuspendMachine,
    SuspendRefused,
    ToolFailed,
    ToolReadied,
    View,
    ViewerCame,
    ViewersCounted,
)
from .pausing import Pausing, pausing_rules
from .rules import CancelTimer, Reason, Rule, SetTimer, Table, find, ignored, nothing, table

__all__ = (
    "STAGES",
    "STATUS",
    "AbsoluteTimedOut",
    "Adopted",
    "AnnounceEnd",
    "BootTimedOut",
    "CloseGatewaySession",
    "Command",
    "DestroyMachine",
    "DestroyTimedOut",
    "EndRequested",
    "Ending",
    "Event",
    "Extended",
    "GatewayBack",
    "GatewayLost",
    "GuestFailed",
    "GuestReadied",
    "GuestStage",
    "IdleLooms",
    "IdleTimedOut",
    "LeaveTool",
    "Lifecycle",
    "LifecycleSettings",
    "LimitLooms",
    "LinkBack",
    "LinkLost",
    "LinkTimedOut",
    "LoginFinished",
    "MachineDestroyed",
    "MachineDied",
    "MachineStartRefused",
    "MachineStarted",
    "MachineSuspended",
    "Open",
    "OpenGatewaySession",
    "Pause",
    "PauseDue",
    "PrepareTool",
    "Publish",
    "ResumeDeferred",
    "ResumeMachine",
    "StartLogin",
    "StartMachine",
    "State",
    "Status",
    "SuspendMachine",
    "SuspendRefused",
    "ToolFailed",
    "ToolReadied",
    "View",
    "ViewerCame",
    "ViewersCounted",
    "why",
)  # fmt: skip

TIMERS: tuple[Event, ...] = (
    BootTimedOut(), IdleTimedOut(), IdleLooms(), AbsoluteTimedOut(), LimitLooms(), LinkTimedOut(),
    PauseDue(), ViewerCame(),
)  # fmt: skip


@dataclass
class Lifecycle(Pausing):
    """One session's life. Feed it events, carry out its commands in their order."""

    settings: LifecycleSettings = field(default_factory=LifecycleSettings)
    state: State = State.REQUESTED
    reason: Reason | None = None
    stages: dict[BootStage, float] = field(default_factory=dict)
    viewers: int = 0
    has_link: bool = True
    has_tool: bool = True
    """Whether nothing is to be waited for before a login."""
    lasting: Lasting = field(init=False)

    rules: ClassVar[Table[State]]

    def __post_init__(self) -> None:
        """Begin with the time that every session is granted."""
        self.lasting = Lasting(self.settings)

    def handle(self, event: Event) -> list[Command]:
        """Take one event, move, and say what must be done next.

        Raises:
            IllegalEvent: the event cannot happen in this state; nothing changed.
            LimitReached: the session may not last any longer; nothing changed.
        """
        rule = find(self.rules, self, self.state, event)
        before = self.view
        commands: list[Command] = rule.do(self, event)
        self.state = rule.to
        return [Publish(self.view), *commands] if self.view != before else commands

    @property
    def status(self) -> Status:
        """The state, as the HTTP API calls it."""
        return STATUS[self.state]

    @property
    def view(self) -> View:
        """What may be shown of the session's life now."""
        done = 100 * len(self.stages) // len(STAGES)
        percent = 100 if self.status == "vm_created" else done
        lives, stages = self.state in (*_LIVE, *PAUSES), tuple(self.stages.items())
        return View(
            self.status,
            percent,
            stages,
            self.reason,
            self.has_tool,
            viewers=self.viewers,
            ends_s=self.lasting.ends_s if lives else None,
            looming=self.lasting.looming if lives else None,
            pause=PAUSES.get(self.state),
        )

    def _open(self, _event: Open) -> list[Command]:
        # The gateway first: a viewer may come before the machine is asked for.
        return [
            OpenGatewaySession(),
            StartMachine(),
            *self._prepare_tool(begun=False),
            SetTimer(self.settings.boot_timeout_s, BootTimedOut()),
            *self.lasting.limit(0.0),
        ]

    def _prepare_tool(self, *, begun: bool) -> list[Command]:
        self.has_tool = begun or not self.settings.with_login
        return [] if self.has_tool else [PrepareTool()]

    def _adopt(self, event: Adopted) -> list[Command]:
        self.stages = dict(event.stages)
        self.lasting.granted_s = event.granted_s or self.lasting.granted_s
        commands: list[Command] = [
            OpenGatewaySession(),
            *self._prepare_tool(begun=event.login_begun),
            *self.lasting.limit(event.age_s),
        ]
        if event.ready:
            return [*commands, *self.lasting.unwatched(event.age_s, event.idle_until_s)]
        left_s = self.settings.boot_timeout_s - event.age_s
        return [*commands, SetTimer(max(0.0, left_s), BootTimedOut())]

    def _stage(self, event: GuestStage) -> list[Command]:
        self.stages.setdefault(event.stage, event.since_start_ms)
        return []

    def _ready(self, event: GuestReadied) -> list[Command]:
        commands: list[Command] = [CancelTimer(BootTimedOut())]
        if self.viewers == 0:
            commands += self.lasting.unwatched(event.age_s)
        if self.settings.with_login and self.has_tool:
            commands.append(StartLogin())
        return commands

    def _tool(self, _event: ToolReadied) -> list[Command]:
        self.has_tool = True
        return []

    def _tool_last(self, _event: ToolReadied) -> list[Command]:
        self.has_tool = True
        return [StartLogin()]

    def _count(self, event: ViewersCounted) -> list[Command]:
        self.viewers = event.count
        return []

    def _count_ready(self, event: ViewersCounted) -> list[Command]:
        was, self.viewers = self.viewers, event.count
        if event.count and not was:
            return self.lasting.watched()
        if was and not event.count:
            return self.lasting.unwatched(event.age_s)
        return []

    def _extend(self, event: Extended) -> list[Command]:
        return self.lasting.extend(event.age_s)

    def _idle_looms(self, _event: IdleLooms) -> list[Command]:
        return self.lasting.announce("idle")

    def _limit_looms(self, _event: LimitLooms) -> list[Command]:
        return self.lasting.announce("limit")

    def _link_lost(self, _event: LinkLost) -> list[Command]:
        self.has_link = False
        return [SetTimer(self.settings.link_timeout_s, LinkTimedOut())]

    def _link_back(self, _event: LinkBack) -> list[Command]:
        self.has_link = True
        return [CancelTimer(LinkTimedOut())]

    def _gateway_back(self, _event: GatewayBack) -> list[Command]:
        return [OpenGatewaySession()]

    def _never_opened(self, event: EndRequested) -> list[Command]:
        self.reason = event.reason
        return []

    def _end(self, event: Event) -> list[Command]:
        return [*self._stop(event), DestroyMachine()]

    def _stop(self, event: Event) -> list[Command]:
        """Begin the end: no timer but the one that drives the destruction is left."""
        return [
            *self._over(event),
            SetTimer(self.settings.destroy_timeout_s, DestroyTimedOut()),
        ]

    def _over(self, event: Event) -> list[Command]:
        """End at once: there is no machine."""
        self.reason = why(event)
        leave = [] if self.has_tool else [LeaveTool()]
        return [*leave, *(CancelTimer(timer) for timer in TIMERS), CloseGatewaySession()]

    def _destroy(self, _event: Event) -> list[Command]:
        return [
            DestroyMachine(),
            SetTimer(self.settings.destroy_timeout_s, DestroyTimedOut()),
        ]

    def _gone(self, _event: Event) -> list[Command]:
        return [CancelTimer(DestroyTimedOut())]


_LIVE = (State.STARTING, State.BOOTING, State.READY)
_OVER = (State.ABANDONED, State.ENDING, State.ENDED)
_LATE = (
    GuestStage, GuestReadied, GuestFailed, ToolReadied, ToolFailed, LinkLost, LinkBack,
    LinkTimedOut, BootTimedOut, IdleTimedOut, IdleLooms, AbsoluteTimedOut, LimitLooms,
    ViewersCounted, GatewayLost, GatewayBack, LoginFinished, EndRequested,
    PauseDue, MachineSuspended, SuspendRefused, ViewerCame,
)  # fmt: skip


def _rules() -> Iterable[Rule[State]]:
    yield from _on_the_way()
    yield from _while_alive()
    yield from pausing_rules(Lifecycle)
    yield from _at_the_end()


def _on_the_way() -> Iterable[Rule[State]]:
    at, life = State, Lifecycle
    yield Rule(at.REQUESTED, Open, at.STARTING, life._open)
    yield Rule(at.REQUESTED, Adopted, at.PAUSED, life._adopt, lambda _, e: e.paused, "on disk")
    yield Rule(at.REQUESTED, Adopted, at.READY, life._adopt, lambda _, e: e.ready, "ready")
    yield Rule(at.REQUESTED, Adopted, at.BOOTING, life._adopt, word="not ready yet")
    yield Rule(at.REQUESTED, EndRequested, at.ENDED, life._never_opened)
    yield Rule(at.REQUESTED, ViewersCounted, at.REQUESTED, life._count)
    yield from ignored(at.REQUESTED, GatewayLost, GatewayBack)

    yield Rule(at.STARTING, MachineStarted, at.BOOTING, nothing)
    yield Rule(at.STARTING, MachineStartRefused, at.ENDED, life._over)
    for state in (at.STARTING, at.BOOTING):
        yield Rule(state, GuestStage, state, life._stage)
        yield Rule(state, GuestReadied, at.READY, life._ready)
        yield Rule(state, ToolReadied, state, life._tool)
        yield Rule(state, ViewersCounted, state, life._count)
    yield Rule(at.READY, ViewersCounted, at.READY, life._count_ready)
    yield Rule(at.READY, GuestStage, at.READY, life._stage)
    missing = lambda c, _: not c.has_tool  # noqa: E731
    yield Rule(at.READY, ToolReadied, at.READY, life._tool_last, missing, "last of all")
    yield from ignored(at.READY, ToolReadied)
    yield Rule(at.READY, LinkLost, at.READY, life._link_lost)
    yield Rule(at.READY, LinkBack, at.READY, life._link_back)


def _while_alive() -> Iterable[Rule[State]]:
    at, life = State, Lifecycle
    for state in _LIVE:
        over = at.ABANDONED if state is at.STARTING else at.ENDING
        end = life._stop if state is at.STARTING else life._end
        for event in (EndRequested, LoginFinished, GuestFailed, ToolFailed, AbsoluteTimedOut):
            yield Rule(state, event, over, end)
        yield Rule(state, MachineDied, at.ENDED, life._over)
        yield Rule(state, GatewayBack, state, life._gateway_back)
        yield Rule(state, LimitLooms, state, life._limit_looms)
        yield Rule(state, Extended, state, life._extend)
        yield from ignored(state, GatewayLost)
    yield Rule(at.STARTING, BootTimedOut, at.ABANDONED, life._stop)
    yield Rule(at.BOOTING, BootTimedOut, at.ENDING, life._end)
    # A timer that was cancelled may have gone off already: hence the two conditions.
    idle, lost = (lambda c, _: c.viewers == 0), (lambda c, _: not c.has_link)
    yield Rule(at.READY, IdleTimedOut, at.ENDING, life._end, idle, "no viewer")
    yield Rule(at.READY, IdleLooms, at.READY, life._idle_looms, idle, "no viewer")
    yield Rule(at.READY, LinkTimedOut, at.ENDING, life._end, lost, "still lost")
    early = (LinkLost, LinkBack, LinkTimedOut, IdleTimedOut, IdleLooms)
    yield from ignored(at.STARTING, *early)
    yield from ignored(at.BOOTING, *early, MachineStarted)
    yield from ignored(
        at.READY, IdleTimedOut, IdleLooms, LinkTimedOut, BootTimedOut, GuestReadied, MachineStarted
    )
    for state in (at.BOOTING, at.READY):
        yield Rule(state, MachineDestroyed, at.ENDED, life._over)


def _at_the_end() -> Iterable[Rule[State]]:
    at, life = State, Lifecycle
    yield Rule(at.ABANDONED, MachineStarted, at.ENDING, life._destroy)
    yield Rule(at.ABANDONED, MachineStartRefused, at.ENDED, life._gone)
    yield Rule(at.ABANDONED, ResumeDeferred, at.ENDED, life._gone)
    yield from ignored(at.ABANDONED, MachineDestroyed)
    yield Rule(at.ENDING, MachineDestroyed, at.ENDED, life._gone)
    yield from ignored(at.ENDING, MachineStarted, MachineStartRefused)
    for state in (at.ABANDONED, at.ENDING):
        yield Rule(state, MachineDied, at.ENDED, life._gone)
        yield Rule(state, DestroyTimedOut, state, life._destroy)
    for state in _OVER:
        yield from ignored(state, *_LATE)
    yield from ignored(at.ENDING, ResumeDeferred)
    late = (
        ResumeDeferred,
        MachineStarted,
        MachineStartRefused,
        MachineDied,
        MachineDestroyed,
        DestroyTimedOut,
    )
    yield from ignored(at.ENDED, *late)


Lifecycle.rules = table(_rules())
