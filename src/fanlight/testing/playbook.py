"""A script for a pure core: events in, commands written down, timers on a clock of its own."""

from __future__ import annotations

from typing import Any, Generic, Protocol, TypeVar

from fanlight.session import CancelTimer, SetTimer

from .clock import ManualClock

EventT = TypeVar("EventT", contravariant=True)


class Core(Protocol[EventT]):
    """What all three cores can do."""

    def handle(self, event: EventT) -> list[Any]:
        """Take one event and give the commands."""


class Playbook(Generic[EventT]):
    """Plays events to a core. Timers are kept, not shown; everything else is in `commands`.

    play = Playbook(Lifecycle())
    assert play(Open()) == [...]
    play.wait(60)                 # what is due goes off, in its order
    """

    def __init__(self, core: Core[EventT]) -> None:
        self.core = core
        self.clock = ManualClock()
        self.commands: list[Any] = []
        """Everything that was commanded so far, timers aside."""

    def __call__(self, *events: EventT) -> list[Any]:
        """Play events in turn; give what they led to, timers aside."""
        before = len(self.commands)
        for event in events:
            self._play(event)
        return self.commands[before:]

    def wait(self, seconds: float) -> list[Any]:
        """Let time pass; give what the timers that went off led to."""
        before = len(self.commands)
        self.clock.advance(seconds)
        return self.commands[before:]

    @property
    def timers(self) -> list[Any]:
        """The events of the timers that are set, the next to go off first."""
        return self.clock.timers

    def said(self, kind: type) -> list[Any]:
        """Give the commands of one kind so far."""
        return [command for command in self.commands if isinstance(command, kind)]

    def _play(self, event: EventT) -> None:
        for command in self.core.handle(event):
            match command:
                case SetTimer(after_s, later):
                    self.clock.set_timer(later, after_s, lambda later=later: self._play(later))  # type: ignore[misc]
                case CancelTimer(later):
                    self.clock.cancel_timer(later)
                case _:
                    self.commands.append(command)
