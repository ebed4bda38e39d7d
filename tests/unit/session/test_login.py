"""A login, scene by scene."""

from __future__ import annotations

import pytest

from fanlight.errors import CallerError, Expired, IllegalEvent
from fanlight.session import Login, Reason
from fanlight.session.login import (
    AccountVerified,
    Acknowledged,
    Begin,
    CliStarted,
    CredentialSealed,
    DeliveryFetched,
    DropBundle,
    EndSession,
    Event,
    GuestLoginFailed,
    GuestLost,
    GuestRejected,
    HandOverBundle,
    OwnerConfirmed,
    OwnerRejected,
    PageOpened,
    Publish,
    RejectTimedOut,
    SendReject,
    SendRelease,
    SendStartLogin,
    SessionEnded,
    State,
    StoreBundle,
    UserCodeShown,
    why,
)
from fanlight.testing.playbook import Playbook

ADA = "ada@example.org"
SIGNED_IN = (Begin(), CliStarted(), PageOpened("idp.test"), AccountVerified(ADA))
SEALED = (*SIGNED_IN, OwnerConfirmed(ADA), CredentialSealed("c2VhbGVk"))


def played(*events: Event) -> tuple[Login, Playbook[Event]]:
    core = Login()
    play: Playbook[Event] = Playbook(core)
    play(*events)
    return core, play


def test_a_login_goes_from_request_to_delivery() -> None:
    core, play = played(*SEALED, DeliveryFetched(), Acknowledged())
    assert core.view.state == "delivered"
    shown = [command for command in play.commands if type(command).__name__ != "Publish"]
    assert shown == [
        SendStartLogin(),
        SendRelease(),
        StoreBundle("c2VhbGVk"),
        HandOverBundle(),
        DropBundle(),
        EndSession(
            Reason(
                "login-delivered",
                "The credential is with whoever asked for it; no copy is left here.",
            )
        ),
    ]
    assert play.timers == []


def test_a_page_that_opened_waits_for_you_a_moment_later() -> None:
    core, play = played(Begin(), CliStarted(), PageOpened("idp.test"))
    assert [each.view.state for each in play.said(Publish)][-1] == "page_open"
    play.wait(1)
    assert core.view.state == "waiting_for_you"
    play(PageOpened("login.idp.test"))
    assert core.view.url_host == "login.idp.test"


def test_a_user_code_is_shown_until_the_account_is_known() -> None:
    core, play = played(Begin(), PageOpened("github.com"), UserCodeShown("ABCD-1234"))
    assert core.view.state == "waiting_for_you"
    assert core.view.user_code == "ABCD-1234"
    play(AccountVerified(ADA))
    assert core.view.user_code is None


def test_another_account_than_the_one_signed_in_cannot_be_confirmed() -> None:
    core, play = played(*SIGNED_IN)
    with pytest.raises(CallerError):
        play(OwnerConfirmed("eve@example.org"))
    assert core.state is State.VERIFIED
    assert play.said(SendRelease) == []


def test_an_account_that_changes_after_the_confirmation_fails_the_login() -> None:
    core, _ = played(*SIGNED_IN, OwnerConfirmed(ADA), AccountVerified("eve@example.org"))
    assert core.view.reason
    assert core.view.reason.code == "login-account-changed"


def test_a_credential_that_nobody_confirmed_is_not_stored() -> None:
    core, play = played(*SIGNED_IN, CredentialSealed("c2VhbGVk"))
    assert core.state is State.FAILED
    assert play.said(StoreBundle) == []
    assert core.reason
    assert core.reason.code == "login-unconfirmed-release"


def test_nothing_can_be_confirmed_before_an_account_is_known() -> None:
    _, play = played(Begin())
    with pytest.raises(IllegalEvent):
        play(OwnerConfirmed(ADA))


def test_a_rejected_account_is_signed_out_before_the_session_ends() -> None:
    core, play = played(*SIGNED_IN)
    assert SendReject() in play(OwnerRejected())
    assert core.view.state == "rejected"
    assert play.said(EndSession) == []
    play(GuestRejected(revoked=True))
    assert len(play.said(EndSession)) == 1
    assert core.reason
    assert "provider was told" in core.reason.text


def test_a_guest_that_does_not_sign_out_in_time_loses_its_machine_all_the_same() -> None:
    core, play = played(*SIGNED_IN, OwnerRejected())
    play.wait(20)
    assert core.state is State.REJECTED
    assert why(RejectTimedOut()).code == "login-rejected"


def test_a_login_can_be_rejected_before_it_began() -> None:
    core, play = played(OwnerRejected())
    assert core.state is State.REJECTED
    assert play.said(SendReject) == []


def test_a_bundle_may_be_fetched_again_until_it_is_acknowledged() -> None:
    _, play = played(*SEALED, DeliveryFetched())
    assert HandOverBundle() in play(DeliveryFetched())
    play(Acknowledged())
    with pytest.raises(Expired):
        play(DeliveryFetched())
    assert play(Acknowledged()) == []


def test_a_bundle_that_nobody_fetched_cannot_be_acknowledged() -> None:
    _, play = played(*SEALED)
    with pytest.raises(IllegalEvent):
        play(Acknowledged())


def test_a_bundle_that_nobody_fetches_is_deleted_after_a_quarter_of_an_hour() -> None:
    core, play = played(*SEALED)
    commands = play.wait(900)
    assert DropBundle() in commands
    assert core.view.state == "failed"
    assert core.reason
    assert core.reason.code == "delivery-expired"


def test_nobody_is_waited_for_longer_than_the_login_may_take() -> None:
    core, play = played(Begin())
    play.wait(900)
    assert core.reason
    assert core.reason.code == "login-timed-out"


def test_a_guest_that_does_not_seal_is_not_waited_for() -> None:
    core, play = played(*SIGNED_IN, OwnerConfirmed(ADA))
    play.wait(60)
    assert core.reason
    assert core.reason.code == "login-not-sealed"


@pytest.mark.parametrize(
    ("event", "code"),
    [
        (GuestLoginFailed("login-denied", "The provider said no."), "login-denied"),
        (GuestLost(), "guest-lost"),
        (SessionEnded(Reason("idle", "Nobody looked.")), "idle"),
        (GuestRejected(revoked=False), "login-rejected"),
        (Begin(), "internal"),
    ],
)
def test_every_end_of_a_login_has_a_reason(event: Event, code: str) -> None:
    assert why(event).code == code


def test_a_login_begins_once() -> None:
    _, play = played(Begin(), Begin(), CliStarted(), Begin())
    assert play.said(SendStartLogin) == [SendStartLogin()]
