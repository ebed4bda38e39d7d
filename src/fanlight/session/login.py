"""Signing one tool in: what the guest says, what the owner decides, what is released and when.

    requested -> cli_started -> page_open -> waiting_for_you -> verified -> confirmed
              -> sealed -> delivered,  or rejected, or failed

The rule above all: nothing is released before the owner confirmed the very account that the tool
named. The sealed bundle is kept until it is acknowledged, or for a while, and then it is gone.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import ClassVar

from fanlight.errors import CallerError, Expired

from .login_words import (
    STATUS,
    AccountVerified,
    Acknowledged,
    Begin,
    CliStarted,
    Command,
    CredentialSealed,
    DeliveryFetched,
    DeliveryTimedOut,
    DropBundle,
    EndSession,
    Event,
    GuestLoginFailed,
    GuestLost,
    GuestRejected,
    HandOverBundle,
    LoginSettings,
    LoginTimedOut,
    OwnerConfirmed,
    OwnerRejected,
    PageOpened,
    PageSettled,
    Publish,
    RejectTimedOut,
    SealTimedOut,
    SendReject,
    SendRelease,
    SendStartLogin,
    SessionEnded,
    State,
    Status,
    StoreBundle,
    UserCodeShown,
    View,
)
from .rules import CancelTimer, Reason, Rule, SetTimer, Table, find, ignored, nothing, table

__all__ = (
    "STATUS",
    "AccountVerified",
    "Acknowledged",
    "Begin",
    "CliStarted",
    "Command",
    "CredentialSealed",
    "DeliveryFetched",
    "DeliveryTimedOut",
    "DropBundle",
    "EndSession",
    "Event",
    "GuestLoginFailed",
    "GuestLost",
    "GuestRejected",
    "HandOverBundle",
    "Login",
    "LoginSettings",
    "LoginTimedOut",
    "OwnerConfirmed",
    "OwnerRejected",
    "PageOpened",
    "PageSettled",
    "Publish",
    "RejectTimedOut",
    "SealTimedOut",
    "SendReject",
    "SendRelease",
    "SendStartLogin",
    "SessionEnded",
    "State",
    "Status",
    "StoreBundle",
    "UserCodeShown",
    "View",
)  # fmt: skip


@dataclass
class Login:
    """One login. Feed it events, carry out its commands in their order."""

    settings: LoginSettings = field(default_factory=LoginSettings)
    state: State = State.REQUESTED
    account: str | None = None
    url_host: str | None = None
    user_code: str | None = None
    reason: Reason | None = None

    rules: ClassVar[Table[State]]

    def handle(self, event: Event) -> list[Command]:
        """Take one event, move, and say what must be done next.

        Raises:
            IllegalEvent: the event cannot happen in this state; nothing changed.
            CallerError: the confirmed account is not the verified one; nothing changed.
            Expired: the bundle is gone; nothing changed.
        """
        rule = find(self.rules, self, self.state, event)
        before = self.view
        commands: list[Command] = rule.do(self, event)
        self.state = rule.to
        return [Publish(self.view), *commands] if self.view != before else commands

    @property
    def view(self) -> View:
        """What may be shown of the login now."""
        return View(
            STATUS[self.state], self.account, self.url_host, self.user_code, self.reason
        )  # fmt: skip

    def _begin(self, _event: Begin) -> list[Command]:
        return [SendStartLogin(), SetTimer(self.settings.login_timeout_s, LoginTimedOut())]

    def _page(self, event: PageOpened) -> list[Command]:
        self.url_host = event.url_host
        return [SetTimer(self.settings.page_settles_s, PageSettled())]

    def _page_again(self, event: PageOpened) -> list[Command]:
        self.url_host = event.url_host
        return []

    def _user_code(self, event: UserCodeShown) -> list[Command]:
        self.user_code = event.user_code
        return []

    def _verified(self, event: AccountVerified) -> list[Command]:
        self.account, self.user_code = event.account, None
        return [CancelTimer(PageSettled())]

    def _confirm(self, event: OwnerConfirmed) -> list[Command]:
        if event.account != self.account:
            raise CallerError(
                "the account that was confirmed is not the one that is signed in",
                hint="Read the account on the page again and confirm that one, or reject it.",
            )
        return [
            CancelTimer(LoginTimedOut()),
            SendRelease(),
            SetTimer(self.settings.seal_timeout_s, SealTimedOut()),
        ]

    def _sealed(self, event: CredentialSealed) -> list[Command]:
        return [
            CancelTimer(SealTimedOut()),
            StoreBundle(event.bundle_b64),
            SetTimer(self.settings.delivery_s, DeliveryTimedOut()),
        ]

    def _hand_over(self, _event: DeliveryFetched) -> list[Command]:
        return [HandOverBundle()]

    def _acknowledged(self, _event: Acknowledged) -> list[Command]:
        text = "The credential is with whoever asked for it; no copy is left here."
        self.reason = Reason("login-delivered", text)
        return [
            CancelTimer(DeliveryTimedOut()),
            DropBundle(),
            EndSession(self.reason),
        ]

    def _undelivered(self, event: Event) -> list[Command]:
        self.reason = why(event)
        return [CancelTimer(DeliveryTimedOut()), DropBundle(), EndSession(self.reason)]

    def _reject(self, _event: OwnerRejected) -> list[Command]:
        return [
            *(CancelTimer(timer) for timer in TIMERS),
            SendReject(),
            SetTimer(self.settings.reject_timeout_s, RejectTimedOut()),
        ]

    def _rejected(self, event: Event) -> list[Command]:
        self.reason = why(event)
        return [CancelTimer(RejectTimedOut()), EndSession(self.reason)]

    def _fail(self, event: Event) -> list[Command]:
        self.reason = why(event)
        return [*(CancelTimer(timer) for timer in TIMERS), EndSession(self.reason)]

    def _gone(self, _event: Event) -> list[Command]:
        raise Expired("the credential was delivered already, or nobody fetched it in time")


TIMERS: tuple[Event, ...] = (LoginTimedOut(), PageSettled(), SealTimedOut())


def why(event: Event) -> Reason:
    """Give the reason for which an event ends a login."""
    match event:
        case GuestLoginFailed(code, detail):
            return Reason(code, detail)
        case GuestRejected(revoked, detail):
            told = "and its provider was told" if revoked else "on this machine, which is gone now"
            text = f"The credential was given up, {told}."
            return Reason("login-rejected", f"{text} {detail}".strip())
        case RejectTimedOut() | OwnerRejected():
            text = "The machine, and the credential in it, is gone."
            return Reason("login-rejected", text)
        case SessionEnded(reason):
            return reason
        case GuestLost():
            return Reason("guest-lost", "It was gone before the login was over.")
        case LoginTimedOut():
            return Reason("login-timed-out", "Nobody signed in and confirmed in time.")
        case SealTimedOut():
            return Reason("login-not-sealed", "The machine did not seal the credential in time.")
        case DeliveryTimedOut():
            text = "Nobody fetched the credential in time, so it was deleted."
            return Reason("delivery-expired", text)
        case AccountVerified():
            text = "Another account was signed in after you confirmed; nothing was released."
            return Reason("login-account-changed", text)
        case CredentialSealed():
            text = "The machine released a credential that nobody confirmed; it was thrown away."
            return Reason("login-unconfirmed-release", text)
        case _:
            return Reason("internal", f"{type(event).__name__} ended the login.")


def _other_account(login: Login, event: AccountVerified) -> bool:
    return event.account != login.account


_BEFORE = (State.STARTING, State.CLI_STARTED, State.PAGE_OPEN, State.WAITING_FOR_YOU)
_OPEN = (*_BEFORE, State.VERIFIED, State.CONFIRMED)
_STORED = (State.SEALED, State.FETCHED)
_REJECTED = (State.REJECTING, State.REJECTED)
_OVER = (State.DELIVERED, State.REJECTED, State.FAILED)
_STEPS = (CliStarted, PageOpened, PageSettled, UserCodeShown)
_TIMEOUTS = (LoginTimedOut, SealTimedOut, RejectTimedOut)


def _rules() -> Iterable[Rule[State]]:
    yield from _rules_until_verified()
    yield from _rules_until_sealed()
    yield from _rules_until_delivered()
    yield from _rules_of_the_end()


def _rules_until_verified() -> Iterable[Rule[State]]:
    at = State
    yield Rule(at.REQUESTED, Begin, at.STARTING, Login._begin)
    yield Rule(at.REQUESTED, OwnerRejected, at.REJECTED, Login._fail)
    yield Rule(at.REQUESTED, GuestLost, at.FAILED, Login._fail)
    yield Rule(at.REQUESTED, SessionEnded, at.FAILED, Login._fail)
    yield Rule(at.STARTING, CliStarted, at.CLI_STARTED, nothing)
    for state in (at.CLI_STARTED, at.PAGE_OPEN, at.WAITING_FOR_YOU):
        yield from ignored(state, CliStarted)
    # Word of an earlier step may be lost: a later one implies it.
    for state in (at.STARTING, at.CLI_STARTED):
        yield Rule(state, PageOpened, at.PAGE_OPEN, Login._page)
        yield from ignored(state, PageSettled)
    for state in (at.STARTING, at.CLI_STARTED, at.WAITING_FOR_YOU):
        yield Rule(state, UserCodeShown, state, Login._user_code)
    yield Rule(at.PAGE_OPEN, UserCodeShown, at.WAITING_FOR_YOU, Login._user_code)
    yield Rule(at.PAGE_OPEN, PageSettled, at.WAITING_FOR_YOU, nothing)
    for state in (at.PAGE_OPEN, at.WAITING_FOR_YOU):
        yield Rule(state, PageOpened, state, Login._page_again)
    yield from ignored(at.WAITING_FOR_YOU, PageSettled)
    for state in _BEFORE:
        yield Rule(state, AccountVerified, at.VERIFIED, Login._verified)


def _rules_until_sealed() -> Iterable[Rule[State]]:
    at = State
    yield Rule(at.VERIFIED, AccountVerified, at.VERIFIED, Login._verified)
    yield Rule(at.VERIFIED, OwnerConfirmed, at.CONFIRMED, Login._confirm)
    yield Rule(
        at.CONFIRMED, AccountVerified, at.FAILED, Login._fail, _other_account, "another account"
    )
    yield from ignored(at.CONFIRMED, AccountVerified, OwnerConfirmed, *_STEPS)
    yield from ignored(at.VERIFIED, *_STEPS)
    yield Rule(at.CONFIRMED, CredentialSealed, at.SEALED, Login._sealed)
    yield Rule(at.CONFIRMED, SealTimedOut, at.FAILED, Login._fail)
    yield from ignored(at.CONFIRMED, LoginTimedOut)
    for state in (*_BEFORE, at.VERIFIED):
        yield Rule(state, OwnerRejected, at.REJECTING, Login._reject)
        yield Rule(state, CredentialSealed, at.FAILED, Login._fail)
        yield Rule(state, LoginTimedOut, at.FAILED, Login._fail)
    for state in _OPEN:
        for event in (GuestLoginFailed, GuestLost, SessionEnded):
            yield Rule(state, event, at.FAILED, Login._fail)
        # It says so of its own accord: then there is nothing that could be released.
        yield Rule(state, GuestRejected, at.REJECTED, Login._fail)


def _rules_until_delivered() -> Iterable[Rule[State]]:
    at = State
    late = (*_STEPS, *_TIMEOUTS, AccountVerified, OwnerConfirmed, CredentialSealed)
    for state in _STORED:
        yield Rule(state, DeliveryFetched, at.FETCHED, Login._hand_over)
        yield Rule(state, DeliveryTimedOut, at.FAILED, Login._undelivered)
        yield Rule(state, SessionEnded, at.FAILED, Login._undelivered)
        yield from ignored(state, *late, GuestLoginFailed, GuestLost, GuestRejected)
    yield Rule(at.FETCHED, Acknowledged, at.DELIVERED, Login._acknowledged)
    yield from ignored(at.DELIVERED, Acknowledged)


def _rules_of_the_end() -> Iterable[Rule[State]]:
    at = State
    for begun in (*_BEFORE, at.VERIFIED, at.CONFIRMED, *_STORED, at.REJECTING, *_OVER):
        yield from ignored(begun, Begin)
    for event in (GuestRejected, RejectTimedOut, GuestLost, SessionEnded):
        yield Rule(at.REJECTING, event, at.REJECTED, Login._rejected)
    guest = (*_STEPS, AccountVerified, CredentialSealed, GuestLoginFailed)
    yield from ignored(at.REJECTING, *guest, LoginTimedOut, SealTimedOut)
    for state in _REJECTED:
        yield from ignored(state, OwnerRejected)
    for state in _OVER:
        yield from ignored(state, *guest, *_TIMEOUTS, DeliveryTimedOut)
        yield from ignored(state, GuestRejected, GuestLost, SessionEnded)
        yield Rule(state, DeliveryFetched, state, Login._gone)


Login.rules = table(_rules())
