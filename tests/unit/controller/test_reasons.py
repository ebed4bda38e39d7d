"""A reason as a person reads it: title, detail, hint."""

from __future__ import annotations

import pytest

from fanlight.controller.reasons import shown
from fanlight.session import Reason, lifecycle, login

ENDS: tuple[lifecycle.Event, ...] = (
    lifecycle.BootTimedOut(),
    lifecycle.IdleTimedOut(),
    lifecycle.AbsoluteTimedOut(),
    lifecycle.LinkTimedOut(),
    lifecycle.MachineDestroyed(),
)
LOGIN_ENDS: tuple[login.Event, ...] = (
    login.GuestRejected(revoked=True),
    login.RejectTimedOut(),
    login.GuestLost(),
    login.LoginTimedOut(),
    login.SealTimedOut(),
    login.DeliveryTimedOut(),
    login.AccountVerified("eve@example.org"),
    login.CredentialSealed("..."),
)
REASONS = {type(each).__name__: lifecycle.why(each) for each in ENDS} | {
    type(each).__name__: login.why(each) for each in LOGIN_ENDS
}


def test_a_death_is_told_with_its_last_words_and_what_to_do() -> None:
    reason = shown(lifecycle.why(lifecycle.MachineDied(139)), "Segmentation fault")

    assert reason.title == "The machine died"
    assert reason.detail == (
        "It ended by itself, with status 139. Its last words:\nSegmentation fault"
    )
    assert reason.hint.startswith("Start a new session.")


@pytest.mark.parametrize("reason", REASONS.values(), ids=list(REASONS))
def test_a_detail_adds_to_its_title(reason: Reason) -> None:
    told = shown(reason)

    assert told.title
    assert told.hint.endswith(".")
    assert told.detail.endswith(".")
    assert told.title.lower() not in told.detail.lower()


def test_a_part_of_the_desktop_has_the_desktop_s_meaning() -> None:
    assert shown(Reason("browser-failed", "It died.")).title == "The machine's desktop failed"
    assert shown(Reason("something-new", "It died.")).title == "Something new"
