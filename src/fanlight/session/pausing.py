"""A desktop that nobody looks at rests on disk, and goes on when somebody comes.

    ready -> pausing -> paused -> resuming -> ready

Somebody who comes while the machine is being written is noted: it goes on as soon as it is
written. An end that is asked for while it is resumed waits for the provider's word, as at a start.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from .lifecycle_words import (
    AbsoluteTimedOut,
    BootTimedOut,
    Command,
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
    LifecycleSettings,
    LimitLooms,
    LinkBack,
    LinkLost,
    LinkTimedOut,
    MachineDestroyed,
    MachineDied,
    MachineStarted,
    MachineStartRefused,
    MachineSuspended,
    PauseDue,
    ResumeDeferred,
    ResumeMachine,
    State,
    SuspendMachine,
    SuspendRefused,
    ToolFailed,
    ToolReadied,
    ViewerCame,
    ViewersCounted,
)
from .rules import CancelTimer, Rule, SetTimer, ignored, nothing

if TYPE_CHECKING:
    from .lasting import Lasting
    from .lifecycle import Lifecycle

DEFERRED_S = 5.0
"""After how long a machine for which there was no room is tried again."""
RESTING = (State.PAUSING, State.PAUSED, State.RESUMING)


class Pausing:
    """What a `Lifecycle` does about its machine's rest."""

    settings: LifecycleSettings
    lasting: Lasting
    viewers: int
    has_link: bool
    is_wanted = False
    """Whether somebody came while the machine was being written to disk."""

    def _pause(self, _event: Event) -> list[Command]:
        self.is_wanted = False
        return [SuspendMachine()]

    def _later(self, _event: Event) -> list[Command]:
        return self.lasting.pause_later() if self.viewers == 0 else []

    def _want(self, _event: Event) -> list[Command]:
        self.is_wanted = True
        return []

    def _count_resting(self, event: ViewersCounted) -> list[Command]:
        was, self.viewers = self.viewers, event.count
        self.is_wanted = self.is_wanted or event.count > 0
        if event.count and not was:
            return self.lasting.watched()
        if was and not event.count:
            return self.lasting.unwatched(event.age_s)
        return []

    def _count_resume(self, event: ViewersCounted) -> list[Command]:
        return [*self._count_resting(event), *self._resume(event)]

    def _resume(self, _event: Event) -> list[Command]:
        self.has_link = False
        return [ResumeMachine(), SetTimer(self.settings.boot_timeout_s, BootTimedOut())]

    def _defer(self, _event: Event) -> list[Command]:
        # As if somebody came again: whoever looks need not do so.
        return [CancelTimer(BootTimedOut()), SetTimer(DEFERRED_S, ViewerCame())]

    def _resumed(self, event: MachineStarted) -> list[Command]:
        return [
            CancelTimer(BootTimedOut()),
            SetTimer(self.settings.link_timeout_s, LinkTimedOut()),
            *self._later(event),
        ]


def pausing_rules(life: type[Lifecycle]) -> Iterable[Rule[State]]:
    """Give the rules of a machine's rest."""
    at = State
    rests = lambda c, _: c.settings.pauses and c.viewers == 0 and c.has_link  # noqa: E731
    yield Rule(at.READY, PauseDue, at.PAUSING, life._pause, rests, "no viewer")
    yield Rule(at.READY, ViewerCame, at.READY, life._later)
    for state in (at.REQUESTED, at.STARTING, at.BOOTING):
        yield from ignored(state, PauseDue, ViewerCame)
    yield from ignored(at.READY, PauseDue)
    yield from _to_disk(life)
    yield from _from_disk(life)
    yield from _at_rest(life)


def _to_disk(life: type[Lifecycle]) -> Iterable[Rule[State]]:
    at, resume = State, life._resume
    wanted = lambda c, _: c.is_wanted  # noqa: E731
    yield Rule(at.PAUSING, MachineSuspended, at.RESUMING, resume, wanted, "somebody looks")
    yield Rule(at.PAUSING, MachineSuspended, at.PAUSED, nothing)
    yield Rule(at.PAUSING, SuspendRefused, at.READY, life._later)
    yield Rule(at.PAUSING, ViewerCame, at.PAUSING, life._want)
    yield Rule(at.PAUSING, ViewersCounted, at.PAUSING, life._count_resting)
    for event in (EndRequested, AbsoluteTimedOut, GuestFailed):
        yield Rule(at.PAUSING, event, at.ENDING, life._end)
    yield Rule(at.PAUSING, IdleTimedOut, at.ENDING, life._end, _unwatched, "no viewer")
    yield Rule(at.PAUSING, MachineDied, at.ENDED, life._over)
    yield Rule(at.PAUSING, MachineDestroyed, at.ENDED, life._over)
    yield from ignored(at.PAUSING, BootTimedOut, MachineStarted)


def _from_disk(life: type[Lifecycle]) -> Iterable[Rule[State]]:
    at = State
    comes = lambda _, e: e.count > 0  # noqa: E731
    yield Rule(at.PAUSED, ViewerCame, at.RESUMING, life._resume)
    yield Rule(at.PAUSED, ViewersCounted, at.RESUMING, life._count_resume, comes, "one")
    yield Rule(at.PAUSED, ViewersCounted, at.PAUSED, life._count_resting)
    for event in (EndRequested, AbsoluteTimedOut):
        yield Rule(at.PAUSED, event, at.ENDED, life._over)
    yield Rule(at.PAUSED, IdleTimedOut, at.ENDED, life._over, _unwatched, "no viewer")
    # What the machine's end made others say comes late.
    yield from ignored(at.PAUSED, MachineDied, MachineDestroyed, GuestFailed, BootTimedOut)
    yield from ignored(at.PAUSED, MachineStarted)

    yield Rule(at.RESUMING, MachineStarted, at.READY, life._resumed)
    yield Rule(at.RESUMING, MachineStartRefused, at.ENDED, life._over)
    yield Rule(at.RESUMING, ResumeDeferred, at.PAUSED, life._defer)
    yield Rule(at.RESUMING, ViewersCounted, at.RESUMING, life._count_resting)
    yield Rule(at.RESUMING, BootTimedOut, at.ABANDONED, life._stop)
    for event in (EndRequested, AbsoluteTimedOut):
        yield Rule(at.RESUMING, event, at.ABANDONED, life._stop)
    yield Rule(at.RESUMING, IdleTimedOut, at.ABANDONED, life._stop, _unwatched, "no viewer")
    yield from ignored(at.RESUMING, MachineDied, MachineDestroyed, GuestFailed, ViewerCame)


def _at_rest(life: type[Lifecycle]) -> Iterable[Rule[State]]:
    """Give what is the same wherever the machine rests."""
    for state in RESTING:
        yield Rule(state, GatewayBack, state, life._gateway_back)
        yield Rule(state, LimitLooms, state, life._limit_looms)
        yield Rule(state, Extended, state, life._extend)
        yield Rule(state, IdleLooms, state, life._idle_looms, _unwatched, "no viewer")
        yield from ignored(state, GatewayLost, IdleLooms, IdleTimedOut, PauseDue)
        yield from ignored(state, LinkLost, LinkBack, LinkTimedOut)
        yield from ignored(state, GuestStage, GuestReadied, ToolReadied, ToolFailed)


def _unwatched(core: Lifecycle, _event: Event) -> bool:
    return core.viewers == 0
