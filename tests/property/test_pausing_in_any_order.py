"""Whoever comes, and whenever: one machine or its file, never both, and nobody waits for ever.

What the provider says is a return value of ours: it may come late, and is not lost. A machine
that is suspended, started or resumed is in the provider's hands until then.
"""

from __future__ import annotations

from typing import Any, ClassVar, Literal

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

from fanlight.session import Lifecycle, LifecycleSettings, Reason
from fanlight.session import lifecycle as life
from fanlight.session.rules import ignored, table
from fanlight.testing.playbook import Playbook

LIMITS = LifecycleSettings(keep_s=3000, session_timeout_s=20_000, pause_after_s=300)
SELDOM = st.integers(0, 19).map(lambda number: number == 7)
FINDING = settings(
    max_examples=1000,
    phases=[Phase.generate],
    database=None,
    derandomize=True,
    report_multiple_bugs=False,
)
OVER = (life.State.ENDING, life.State.ABANDONED, life.State.ENDED)
Place = Literal["nowhere", "running", "on disk"]


class DesktopRests(RuleBasedStateMachine):
    core_type: ClassVar[type[Lifecycle]] = Lifecycle

    @initialize()
    def begins(self) -> None:
        self.core = self.core_type(LIMITS)
        self.play: Playbook[life.Event] = Playbook(self.core)
        self.place: Place = "nowhere"
        self.asked: list[type] = []
        """What the provider was told to do and has not done."""
        self.looking = 0
        self.say(life.Open())
        self.provider_works(fails=False)
        self.say(life.GuestReadied())

    def say(self, event: life.Event) -> None:
        for command in self.play(event):
            self.carry_out(command)

    def carry_out(self, command: Any) -> None:
        match command:
            case life.StartMachine():
                assert self.place == "nowhere"
                self.asked.append(life.StartMachine)
            case life.SuspendMachine():
                assert self.place == "running"
                assert not self.looking, "suspended while somebody looks"
                self.asked.append(life.SuspendMachine)
            case life.ResumeMachine():
                assert self.place == "on disk"
                self.asked.append(life.ResumeMachine)
            case life.DestroyMachine():
                self.asked.append(life.DestroyMachine)
            case _:
                pass

    @precondition(lambda self: self.asked)
    @rule(fails=SELDOM, full=SELDOM)
    def provider_works(self, fails: bool, full: bool = False) -> None:
        match self.asked.pop(0):
            case life.ResumeMachine if full:
                self.say(life.ResumeDeferred())
            case life.StartMachine | life.ResumeMachine if fails:
                self.place = "nowhere"
                self.say(life.MachineStartRefused("resume-failed", "It does not go on."))
            case life.StartMachine | life.ResumeMachine:
                self.place = "running"
                self.say(life.MachineStarted())
            case life.SuspendMachine if fails or self.place != "running":
                self.say(life.SuspendRefused())
            case life.SuspendMachine:
                self.place = "on disk"
                self.say(life.MachineSuspended())
            case life.DestroyMachine:
                self.place = "on disk" if self.place == "on disk" else "nowhere"
                self.say(life.MachineDestroyed())
            case other:
                raise AssertionError(other)

    @rule(count=st.integers(0, 2))
    def viewers_are_counted(self, count: int) -> None:
        self.looking = count
        self.say(life.ViewersCounted(count, self.play.clock()))

    @rule()
    def somebody_wants_to_look(self) -> None:
        self.say(life.ViewerCame())

    @precondition(lambda self: self.place == "running")
    @rule(event=st.sampled_from([life.LinkLost(), life.LinkBack(), life.GuestReadied()]))
    def guest_says(self, event: life.Event) -> None:
        self.say(event)

    @rule(seconds=st.sampled_from([1, 10, 61, 299, 301, 1000]))
    def time_passes(self, seconds: int) -> None:
        for command in self.play.wait(seconds):
            self.carry_out(command)

    @precondition(lambda self: self.place == "running")
    @rule(seldom=SELDOM)
    def machine_dies(self, seldom: bool) -> None:
        if seldom:
            self.place = "nowhere"
            self.say(life.MachineDied(9))

    @rule(seldom=SELDOM)
    def owner_ends_it(self, seldom: bool) -> None:
        if seldom:
            self.say(life.EndRequested(Reason("ended-by-owner", "You ended it.")))

    @invariant()
    def it_is_shown_as_it_is(self) -> None:
        is_at_rest = self.core.state is life.State.PAUSED
        assert (self.core.view.pause == "paused") == is_at_rest
        if is_at_rest:
            assert self.place == "on disk"
            assert not self.looking or life.ViewerCame() in self.play.timers

    def teardown(self) -> None:
        """Somebody comes and stays: there is a picture, or a reason why there is none."""
        if not hasattr(self, "core"):
            return
        self.say(life.ViewerCame())
        self.viewers_are_counted(1)
        while self.asked:
            self.provider_works(fails=False)
        if self.place == "running" and self.core.state not in OVER:
            self.say(life.LinkBack())
        assert self.core.state in (life.State.READY, *OVER), self.core.state
        self.say(life.EndRequested(Reason("shutdown", "The controller stops.")))
        while self.asked:
            self.provider_works(fails=False)
        assert self.core.state is life.State.ENDED
        assert self.place != "running", "a machine is left after the end"
        assert not self.play.timers


TestDesktopRests = DesktopRests.TestCase


class ForgetsWhoCame(Lifecycle):
    """A planted fault: who comes while the machine is being written waits for ever."""

    rules = Lifecycle.rules | table(
        ignored(life.State.PAUSING, life.ViewerCame, life.ViewersCounted)
    )


def test_the_property_finds_a_core_that_forgets_who_came_while_it_was_written() -> None:
    class Faulty(DesktopRests):
        core_type = ForgetsWhoCame

    with pytest.raises(AssertionError):
        run_state_machine_as_test(Faulty, settings=FINDING)
