"""Every order, not a sample of them: how many there are, and that planted faults are found.

`python -m tests.property.exploring --help` explores more than there is time for here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

import pytest
from tests.property.exploring import Broken, Budget, Explorer, explore

from fanlight.session import Negotiation
from fanlight.session import negotiation as talk
from fanlight.session.negotiation_rules import _answer
from fanlight.session.rules import Rule, Table, ignored, table

PAIR = Budget(viewers=2, candidates=0, ready=1, leaves=0, ends=0)
MISHAPS = {
    "a message lost": (Budget(lost=1, ends=0), 9_000),
    "a message that comes twice": (Budget(doubled=1, leaves=0, ends=0), 8_000),
    "a gateway that crashes, or its link": (Budget(crashes=1, leaves=0), 15_000),
    "a controller that is restarted": (Budget(restarts=1, leaves=0, ends=0), 6_000),
    "a message of two viewers lost": (PAIR._replace(lost=1), 20_000),
    "one that only watches, and a restart": (PAIR._replace(watchers=1, restarts=1), 20_000),
    "two paths of one viewer, and a crash": (PAIR._replace(replaces=1, crashes=1), 30_000),
    "a stream, a message lost, a crash": (Budget(streams=1, lost=1, crashes=1, ends=0), 5_000),
    "WebRTC, then a stream, and a crash": (
        PAIR._replace(replaces=1, streams=1, crashes=1),
        10_000,
    ),
    "two paths of one viewer, and a restart": (PAIR._replace(replaces=1, restarts=1), 50_000),
}


@pytest.mark.timeout(240)
@pytest.mark.parametrize("what", MISHAPS)
def test_every_viewer_ends_with_a_picture_or_a_reason_in_every_order_with(
    what: str, record_property: Callable[[str, object], None]
) -> None:
    budget, at_least = MISHAPS[what]

    found = explore(Explorer(budget))

    record_property("explored", str(found))
    print(f"\n{what}: {found}")  # noqa: T201
    assert found.worlds >= at_least
    assert found.orders > found.steps


class WaitsForEver(Negotiation):
    """A planted fault: an answer that does not come is waited for."""

    rules: ClassVar[Table[talk.State]] = Negotiation.rules | table(
        ignored(talk.State.ASKED, talk.AnswerTimedOut)
    )


class LosesCandidates(Negotiation):
    """A planted fault: what a viewer found while the gateway was away is forgotten."""

    rules: ClassVar[Table[talk.State]] = Negotiation.rules | table(
        ignored(talk.State.WAITING, talk.ViewerCandidateReceived)
    )


class LeavesControlBehind(Negotiation):
    """A planted fault: the viewer that left keeps control."""

    def _leave(self, connection: talk.Connection) -> list[talk.Command]:
        return []


class AnswersTheGone(Negotiation):
    """A planted fault: a late answer is delivered to a connection that is over."""

    rules: ClassVar[Table[talk.State]] = Negotiation.rules | table(
        [Rule(talk.State.CLOSED, talk.AnswerMade, talk.State.CLOSED, _answer)]
    )


class TakesControlTwice(Negotiation):
    """A planted fault: whoever gets control, the one before is not told."""

    def _give_control(self, heir: talk.Connection) -> list[talk.Command]:
        self.holder = None
        return super()._give_control(heir)


@pytest.mark.parametrize(
    ("fault", "budget", "says"),
    [
        (WaitsForEver, Budget(leaves=0), "waits"),
        (LosesCandidates, Budget(crashes=1, leaves=0, ends=0), "never reached the gateway"),
        (LeavesControlBehind, Budget(viewers=2), "who is not there"),
        (AnswersTheGone, Budget(leaves=0), "after the end of a"),
        (TakesControlTwice, PAIR._replace(replaces=1), "two viewers control"),
    ],
)
def test_the_shortest_way_to_a_fault_is_shown(
    fault: type[Negotiation], budget: Budget, says: str
) -> None:
    with pytest.raises(Broken, match=says) as broken:
        explore(Explorer(budget, fault))

    assert any("offers" in step for step in broken.value.path)
    print(broken.value)  # noqa: T201
