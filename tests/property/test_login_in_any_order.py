"""Any order, loss, doubling or lateness: nothing is released unconfirmed, nothing is kept."""

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

from fanlight.errors import CallerError
from fanlight.session import Login, Reason
from fanlight.session import login as sign
from fanlight.session.rules import Rule, table
from fanlight.testing.playbook import Playbook

ACCOUNTS = ("ada@example.org", "eve@example.org")
OVER = (sign.State.DELIVERED, sign.State.REJECTED, sign.State.FAILED)
NEXT: dict[sign.State, sign.Event] = {
    sign.State.REQUESTED: sign.Begin(),
    sign.State.STARTING: sign.CliStarted(),
    sign.State.CLI_STARTED: sign.PageOpened("idp.test"),
    sign.State.PAGE_OPEN: sign.PageSettled(),
    sign.State.WAITING_FOR_YOU: sign.AccountVerified(ACCOUNTS[0]),
    sign.State.VERIFIED: sign.OwnerConfirmed(ACCOUNTS[0]),
    sign.State.CONFIRMED: sign.CredentialSealed("c2VhbGVk"),
    sign.State.SEALED: sign.DeliveryFetched(),
    sign.State.FETCHED: sign.Acknowledged(),
}
"""What comes next when all is well: without it, few runs would get far."""
SELDOM = st.integers(0, 4).map(lambda number: number == 3)
"""Without it most runs would end before they began."""

guest_events = st.one_of(
    st.just(sign.CliStarted()),
    st.just(sign.PageOpened("idp.test")),
    st.just(sign.UserCodeShown("ABCD-1234")),
    st.sampled_from(ACCOUNTS).map(sign.AccountVerified),
    st.just(sign.CredentialSealed("c2VhbGVk")),
    st.booleans().map(sign.GuestRejected),
    st.just(sign.GuestLoginFailed("login-denied", "The provider said no.")),
    st.just(sign.GuestLost()),
)
owner_events = st.one_of(
    st.sampled_from(ACCOUNTS).map(sign.OwnerConfirmed),
    st.just(sign.OwnerRejected()),
    st.just(sign.DeliveryFetched()),
    st.just(sign.Acknowledged()),
)

FINDING = settings(
    max_examples=1000,
    phases=[Phase.generate],
    database=None,
    derandomize=True,
    report_multiple_bugs=False,
)
"""For planted faults: it is enough to find them."""


class SignIn(RuleBasedStateMachine):
    core_type: ClassVar[type[Login]] = Login

    def __init__(self) -> None:
        super().__init__()
        self.core = self.core_type()
        self.play: Playbook[sign.Event] = Playbook(self.core)
        self.shown: str | None = None
        self.confirmed = False
        self.stored = False

    def say(self, event: sign.Event) -> None:
        was_over = self.core.state in OVER
        if isinstance(event, sign.OwnerConfirmed) and event.account == self.shown:
            self.confirmed = True
        try:
            commands = self.play(event)
        except CallerError:
            return
        finally:
            self.shown = self.core.account
        assert not (was_over and commands), f"commanded after the end: {commands}"
        self.carry_out(commands)

    def carry_out(self, commands: list[Any]) -> None:
        for command in commands:
            match command:
                case sign.SendRelease():
                    assert self.confirmed, "released what nobody confirmed"
                case sign.StoreBundle():
                    assert self.confirmed, "stored what nobody confirmed"
                    self.stored = True
                case sign.HandOverBundle():
                    assert self.stored, "handed over what is not there"
                case sign.DropBundle():
                    self.stored = False
                case _:
                    pass

    @rule()
    def begins(self) -> None:
        self.say(sign.Begin())

    @rule(event=guest_events, seldom=SELDOM)
    def guest_says(self, event: sign.Event, seldom: bool) -> None:
        if seldom:
            self.say(event)

    @rule(event=owner_events, seldom=SELDOM)
    def owner_does(self, event: sign.Event, seldom: bool) -> None:
        if seldom:
            self.say(event)

    @precondition(lambda self: self.core.state is sign.State.VERIFIED)
    @rule()
    def owner_confirms_what_is_shown(self) -> None:
        self.say(sign.OwnerConfirmed(str(self.core.account)))

    @precondition(lambda self: self.play.timers)
    @rule(seconds=st.sampled_from([1, 1, 30, 901]))
    def time_passes(self, seconds: int) -> None:
        self.carry_out(self.play.wait(seconds))

    @precondition(lambda self: self.core.state in NEXT)
    @rule()
    def goes_well(self) -> None:
        self.say(NEXT[self.core.state])

    @precondition(lambda self: self.core.state in NEXT)
    @rule()
    def goes_on_well(self) -> None:
        self.goes_well()

    @precondition(lambda self: self.core.state is not sign.State.REQUESTED)
    @rule(seldom=SELDOM)
    def session_ends(self, seldom: bool) -> None:
        if not seldom:
            return
        self.say(sign.SessionEnded(Reason("idle", "Nobody looked.")))

    @invariant()
    def begun_once_and_ended_once(self) -> None:
        for kind in (sign.SendStartLogin, sign.SendRelease, sign.SendReject, sign.StoreBundle):
            assert len(self.play.said(kind)) <= 1
        assert len(self.play.said(sign.EndSession)) == (self.core.state in OVER)

    @invariant()
    def nothing_is_kept_after_the_end(self) -> None:
        assert not (self.stored and self.core.state in OVER)

    def teardown(self) -> None:
        self.say(sign.Begin())
        self.carry_out(self.play.wait(10_000))
        assert self.core.state in OVER, f"hangs, {self.core.state}"
        assert self.core.reason is not None
        assert not self.stored
        assert not self.play.timers


TestSignIn = SignIn.TestCase


class ReleasesAtOnce(Login):
    """A planted fault: the credential is released as soon as an account is named."""

    rules = Login.rules | table(
        [
            Rule(
                sign.State.WAITING_FOR_YOU,
                sign.AccountVerified,
                sign.State.CONFIRMED,
                lambda _, __: [sign.SendRelease()],
            )
        ]
    )


class KeepsTheBundle(Login):
    """A planted fault: what nobody fetched is kept."""

    rules = Login.rules | table(
        [
            Rule(at, sign.DeliveryTimedOut, sign.State.FAILED, lambda _, __: [])
            for at in (sign.State.SEALED, sign.State.FETCHED)
        ]
    )


@pytest.mark.parametrize("fault", [ReleasesAtOnce, KeepsTheBundle])
def test_the_property_finds_a_core_that(fault: type[Login]) -> None:
    class Faulty(SignIn):
        core_type = fault

    with pytest.raises(AssertionError):
        run_state_machine_as_test(Faulty, settings=FINDING)
