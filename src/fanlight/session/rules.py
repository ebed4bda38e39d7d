"""What the three state machines share: rules, timers, reasons. A table of rules is a machine.

A core looks its rule up by state and kind of event; a pair without a rule is illegal. Events that
are merely late or doubled have a rule too, one that does nothing (`ignored`). The diagrams in
docs/explanation/states are drawn from the same tables (`diagram.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import Enum
from typing import Any, Generic, TypeVar

from fanlight.errors import IllegalEvent

StateT = TypeVar("StateT", bound=Enum)
EventT = TypeVar("EventT")


@dataclass(frozen=True, slots=True)
class Reason:
    """Why something ended. `code` is kebab-case, as in an error; `text` is a whole sentence."""

    code: str
    text: str


@dataclass(frozen=True)  # no slots: `SetTimer[Event](...)` writes to it
class SetTimer(Generic[EventT]):
    """Hand `event` back in `after_s` seconds. It is known by its event; set again, it moves."""

    after_s: float
    event: EventT


@dataclass(frozen=True)  # no slots: `CancelTimer[Event](...)` writes to it
class CancelTimer(Generic[EventT]):
    """Forget the timer of this event; nothing happens when there is none."""

    event: EventT


@dataclass(frozen=True, slots=True)
class Rule(Generic[StateT]):
    """At a state, an event: where it leads, and the method that gives the commands."""

    at: StateT
    event: type
    to: StateT
    do: Callable[[Any, Any], list[Any]]
    when: Callable[[Any, Any], bool] | None = None
    """A condition on core and event; rules of one pair are tried in their order."""
    word: str = ""
    """The condition in words, for the diagram."""

    @property
    def does_nothing(self) -> bool:
        """Whether the event is taken and has no effect: it is late, or came twice."""
        return self.do is nothing and self.to is self.at


Table = dict[tuple[StateT, type], tuple[Rule[StateT], ...]]


def nothing(_core: object, _event: object) -> list[Any]:
    """Command nothing."""
    return []


def ignored(at: StateT, *events: type) -> list[Rule[StateT]]:
    """Give the rules that take `events` at a state without any effect."""
    return [Rule(at, event, at, nothing) for event in events]


def table(rules: Iterable[Rule[StateT]]) -> Table[StateT]:
    """Order rules by the pair of state and kind of event that they are for."""
    pairs: dict[tuple[StateT, type], tuple[Rule[StateT], ...]] = {}
    for rule in rules:
        pairs[rule.at, rule.event] = (*pairs.get((rule.at, rule.event), ()), rule)
    return pairs


def find(rules: Table[StateT], core: object, state: StateT, event: object) -> Rule[StateT]:
    """Give the rule for an event.

    Raises:
        IllegalEvent: the event cannot happen at this state.
    """
    for rule in rules.get((state, type(event)), ()):
        if rule.when is None or rule.when(core, event):
            return rule
    raise IllegalEvent(state, event)
