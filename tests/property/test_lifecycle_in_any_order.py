"""Any order, doubling or lateness: at most one machine, none left, no command after the end.

What the provider says of a machine is a return value of ours: it may come late and in any order,
but is not lost. What the guest, the keeper and the gateway say may be lost as well.
"""

from __future__ import annotations

from typing import Any, ClassVar

import pytest
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from fanlight.session import Lifecycle, LifecycleSettings, Reason
from fanlight.session import lifecycle as life
from fanlight.session.rules import ignored, table
from fanlight.testing.playbook import Playbook

GUEST: list[life.Event] = [
    life.GuestStage("display", 10.0),
    life.GuestReadied(),
    life.LinkLost(),
    life.LinkBack(),
]
ANYTIME: list[life.Event] = [
    life.GatewayLost(),
    life.GatewayBack(),
    life.ViewersCounted(0),
    life.ViewersCounted(1),
]
ENDS: list[life.Event] = [
    life.BootTimedOut(),
    life.IdleTimedOut(),
    life.IdleLooms(),
    life.LimitLooms(),
    life.AbsoluteTimedOut(),
    life.LinkTimedOut(),
    life.GuestFailed("display-died", "The display died."),
    life.LoginFinished(Reason("login-delivered", "The credential was delivered.")),
    life.EndRequested(Reason("ended-by-owner", "You ended it.")),
]
SELDOM = st.integers(0, 9).map(lambda number: number == 7)
"""Without it most runs would end before they began."""

FINDING = settings(
    max_examples=1000,
    phases=[Phase.generate],
    database=None,
    derandomize=True,
    report_multiple_bugs=False,
)
"""For planted faults: it is enough to find them."""


class SessionLife(RuleBasedStateMachine):
    core_type: ClassVar[type[Lifecycle]] = Lifecycle

    def __init__(self) -> None:
        super().__init__()
        self.core = self.core_type(LifecycleSettings(with_login=True))
        self.play: Playbook[life.Event] = Playbook(self.core)
        self.starting = self.destroying = self.preparing = 0
        self.alive = self.ever_alive = 0
        self.has_tool = False
        self.on_the_way: list[life.Event] = []
        self.said_before: list[life.Event] = []

    def say(self, event: life.Event) -> None:
        was_over = self.core.state is life.State.ENDED
        commands = self.play(event)
        assert not (was_over and commands), f"commanded after the end: {commands}"
        for command in commands:
            self.carry_out(command)
        self.said_before.append(event)

    def carry_out(self, command: Any) -> None:
        match command:
            case life.StartMachine():
                self.starting += 1
            case life.DestroyMachine():
                self.destroying += 1
            case life.PrepareTool():
                self.preparing += 1
            case life.LeaveTool():
                self.preparing = 0
            case life.StartLogin():
                assert self.has_tool, "a login without its tool"
            case _:
                pass

    def is_open(self) -> bool:
        return self.core.state is not life.State.REQUESTED

    @precondition(lambda self: not self.is_open())
    @rule()
    def asked_for(self) -> None:
        self.say(life.Open())

    @precondition(lambda self: self.starting)
    @rule(full=SELDOM)
    def provider_starts(self, full: bool) -> None:
        self.starting -= 1
        if full:
            self.on_the_way.append(life.MachineStartRefused("no-room", "The host is full."))
            return
        self.alive += 1
        self.ever_alive += 1
        self.on_the_way.append(life.MachineStarted())

    @precondition(lambda self: self.destroying)
    @rule()
    def provider_destroys(self) -> None:
        self.destroying -= 1
        self.alive = 0
        self.on_the_way.append(life.MachineDestroyed())

    @precondition(lambda self: self.preparing)
    @rule(fails=SELDOM)
    def tool_is_prepared(self, fails: bool) -> None:
        self.preparing -= 1
        if fails:
            self.on_the_way.append(life.ToolFailed("tool-not-installed", "No registry."))
            return
        self.has_tool = True
        self.on_the_way.append(life.ToolReadied())

    @precondition(lambda self: self.alive)
    @rule(word=st.booleans(), seldom=SELDOM)
    def machine_dies(self, word: bool, seldom: bool) -> None:
        if not seldom:
            return
        self.alive = 0
        if word:
            self.on_the_way.append(life.MachineDied(9))

    @precondition(lambda self: self.alive)
    @rule(event=st.sampled_from(GUEST))
    def guest_says(self, event: life.Event) -> None:
        self.say(event)

    @precondition(lambda self: self.is_open())
    @rule(event=st.sampled_from(ANYTIME))
    def comes_at_any_time(self, event: life.Event) -> None:
        self.say(event)

    @precondition(lambda self: self.is_open())
    @rule(event=st.sampled_from(ENDS), seldom=SELDOM)
    def something_ends_it(self, event: life.Event, seldom: bool) -> None:
        if seldom:
            self.say(event)

    @precondition(lambda self: self.on_the_way)
    @rule(data=st.data())
    def arrives(self, data: st.DataObject) -> None:
        event = data.draw(st.sampled_from(self.on_the_way))
        self.on_the_way.remove(event)
        self.say(event)

    @precondition(lambda self: self.on_the_way and self.is_open())
    @rule(data=st.data())
    def comes_again(self, data: st.DataObject) -> None:
        again = (*map(type, GUEST), life.ToolReadied)
        late = [each for each in self.said_before if isinstance(each, again)]
        if late:
            self.say(data.draw(st.sampled_from(late)))

    @rule(seconds=st.sampled_from([1, 1, 1, 15, 61, 2000]))
    def time_passes(self, seconds: int) -> None:
        self.pass_time(seconds)

    @invariant()
    def at_most_one_machine(self) -> None:
        assert self.ever_alive <= 1
        assert len(self.play.said(life.StartMachine)) <= 1

    @invariant()
    def a_login_starts_once_when_guest_and_tool_are_ready(self) -> None:
        started = len(self.play.said(life.StartLogin))
        assert started <= 1
        if self.core.state is life.State.READY:
            assert started == self.core.has_tool

    @invariant()
    def nobody_waits_for_a_tool_after_the_end(self) -> None:
        assert not (self.core.reason and self.preparing)

    @invariant()
    def an_end_has_a_reason(self) -> None:
        over = self.core.status in ("ending", "ended")
        assert over == (self.core.reason is not None)

    def teardown(self) -> None:
        self.say(life.EndRequested(Reason("shutdown", "The controller stops.")))
        for _ in range(20):
            self.let_provider_finish()
            while self.on_the_way:
                self.say(self.on_the_way.pop(0))
            self.pass_time(15)
        assert self.core.state is life.State.ENDED, self.core.state
        assert self.alive == 0, "a machine is left after the end"
        assert not self.play.timers

    def let_provider_finish(self) -> None:
        if self.starting:
            self.starting -= 1
            self.alive = self.ever_alive = 1
            self.on_the_way.append(life.MachineStarted())
        elif self.destroying:
            self.destroying -= 1
            self.alive = 0
            self.on_the_way.append(life.MachineDestroyed())

    def pass_time(self, seconds: float) -> None:
        for command in self.play.wait(seconds):
            self.carry_out(command)


TestSessionLife = SessionLife.TestCase


class ForgetsTheLateMachine(Lifecycle):
    """A planted fault: a machine that starts after the end was asked for is forgotten."""

    rules = Lifecycle.rules | table(ignored(life.State.ABANDONED, life.MachineStarted))


def test_the_property_finds_a_core_that_forgets_a_late_machine() -> None:
    class Faulty(SessionLife):
        core_type = ForgetsTheLateMachine

    with pytest.raises(AssertionError):
        run_state_machine_as_test(Faulty, settings=FINDING)
