"""However viewers come and go, owners extend and controllers restart: no end without notice.

The model beside the core knows three facts only: when somebody looked last or wanted more time,
what was promised, and when the end was announced.
"""

from __future__ import annotations

from typing import ClassVar

import pytest
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from fanlight.errors import LimitReached
from fanlight.session import Lifecycle, LifecycleSettings, SetTimer
from fanlight.session import lifecycle as life
from fanlight.session.lasting import Lasting
from fanlight.session.lifecycle_words import Command
from fanlight.testing.playbook import Playbook

LIMITS = LifecycleSettings(keep_s=600, session_timeout_s=3600, max_session_s=7200, notice_s=120)
NOTICE_S = 120
WAITS = st.sampled_from([1, 60, 119, 120, 121, 481, 600, 1500, 3500])
FINDING = settings(
    max_examples=300,
    phases=[Phase.generate],
    database=None,
    derandomize=True,
    report_multiple_bugs=False,
)


class SessionLasts(RuleBasedStateMachine):
    lasting_type: ClassVar[type[Lasting]] = Lasting

    @initialize()
    def begins(self) -> None:
        self.now_s = self.wanted_s = 0.0
        self.viewers, self.announced_s = 0, {"idle": 0.0, "limit": 0.0}
        self.is_restarted = False
        self.begin(life.Open(), life.MachineStarted(), life.GuestReadied())

    def begin(self, *events: life.Event) -> None:
        """Begin with a core as a controller that was just started does."""
        self.core = Lifecycle(LIMITS)
        self.core.lasting = self.lasting_type(LIMITS)
        self.play: Playbook[life.Event] = Playbook(self.core)
        self.play.clock.now_s = self.now_s
        self.heard = 0
        self.play(*events)
        self.pass_time(0)

    def lives(self) -> bool:
        return self.core.state is life.State.READY

    def pass_time(self, seconds: float) -> None:
        until_s = self.now_s + seconds
        while self.lives() and self.now_s < until_s:
            self.step(min(1.0, until_s - self.now_s))
        self.step(0)

    def step(self, seconds: float) -> None:
        self.play.wait(seconds)
        self.now_s = self.play.clock()
        told = self.play.said(life.AnnounceEnd)
        for each in told[self.heard :]:
            self.announced_s[each.why] = self.now_s
        self.heard = len(told)

    @precondition(lambda self: self.lives())
    @rule(seconds=WAITS)
    def time_passes(self, seconds: int) -> None:
        self.pass_time(seconds)

    @precondition(lambda self: self.lives())
    @rule(count=st.integers(0, 2))
    def viewers_come_and_go(self, count: int) -> None:
        if self.viewers and not count:
            self.wanted_s = self.now_s
        self.viewers = count
        self.play(life.ViewersCounted(count, self.now_s))

    @precondition(lambda self: self.lives())
    @rule()
    def owner_extends(self) -> None:
        before_s = self.core.view.ends_s or 0.0
        try:
            self.play(life.Extended(self.now_s))
        except LimitReached:
            assert before_s == LIMITS.max_session_s or self.viewers or self.core.view.looming
            return
        self.wanted_s = self.now_s
        assert (self.core.view.ends_s or 0.0) >= before_s

    @precondition(lambda self: self.lives())
    @rule(away_s=WAITS)
    def controller_is_restarted(self, away_s: int) -> None:
        kept, granted_s = self.core.lasting.idle_until_s, self.core.lasting.granted_s
        self.now_s += away_s
        self.is_restarted = True
        self.begin(life.Adopted(True, self.now_s, granted_s=granted_s, idle_until_s=kept))
        if self.viewers and self.lives():
            self.play(life.ViewersCounted(self.viewers, self.now_s))

    @precondition(lambda self: not self.lives())
    @rule()
    def it_is_over(self) -> None:
        assert self.core.view.ends_s is None

    @invariant()
    def nothing_lasts_longer_than_anything_may(self) -> None:
        assert (self.core.view.ends_s or 0.0) <= LIMITS.max_session_s

    @invariant()
    def an_end_by_itself_was_due_and_announced(self) -> None:
        if self.core.reason is None:
            return
        if self.core.reason.code == "session-timed-out":
            assert self.is_restarted or self.now_s - self.announced_s["limit"] >= NOTICE_S
            return
        assert self.core.reason.code == "idle"
        assert not self.viewers
        assert self.now_s - self.wanted_s >= LIMITS.keep_s
        assert self.now_s - self.announced_s["idle"] >= NOTICE_S

    @invariant()
    def what_looms_is_near(self) -> None:
        if self.core.view.looming:
            assert (self.core.view.ends_s or 0.0) - self.now_s <= NOTICE_S


TestSessionLasts = SessionLasts.TestCase
TestSessionLasts.settings = settings(max_examples=60, stateful_step_count=20, deadline=None)


class ForgetsTheNotice(Lasting):
    """A planted fault: what a restart finds over is over at once."""

    def unwatched(self, age_s: float, until_s: float | None = None) -> list[Command]:
        commands = super().unwatched(age_s, until_s)
        if until_s is None:
            return commands
        self.idle_until_s = until_s
        return [SetTimer(max(0.0, until_s - age_s), life.IdleTimedOut()), *commands[1:]]


def test_the_property_finds_a_core_that_ends_without_notice() -> None:
    class Faulty(SessionLasts):
        lasting_type = ForgetsTheNotice

    with pytest.raises(AssertionError):
        run_state_machine_as_test(Faulty, settings=FINDING)
