"""The words of a login: its states, events, commands and limits."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Literal

from .rules import CancelTimer, Reason, SetTimer


class State(Enum):
    """Where a login is."""

    REQUESTED = "requested"
    STARTING = "starting"
    CLI_STARTED = "cli_started"
    PAGE_OPEN = "page_open"
    WAITING_FOR_YOU = "waiting_for_you"
    VERIFIED = "verified"
    CONFIRMED = "confirmed"
    SEALED = "sealed"
    FETCHED = "fetched"
    DELIVERED = "delivered"
    REJECTING = "rejecting"
    REJECTED = "rejected"
    FAILED = "failed"


Status = Literal[
    "requested", "cli_started", "page_open", "waiting_for_you", "verified", "confirmed",
    "sealed", "delivered", "rejected", "failed",
]  # fmt: skip

STATUS: dict[State, Status] = {
    State.REQUESTED: "requested",
    State.STARTING: "requested",
    State.CLI_STARTED: "cli_started",
    State.PAGE_OPEN: "page_open",
    State.WAITING_FOR_YOU: "waiting_for_you",
    State.VERIFIED: "verified",
    State.CONFIRMED: "confirmed",
    State.SEALED: "sealed",
    State.FETCHED: "sealed",
    State.DELIVERED: "delivered",
    State.REJECTING: "rejected",
    State.REJECTED: "rejected",
    State.FAILED: "failed",
}
"""What the HTTP API calls a state."""


@dataclass(frozen=True, slots=True)
class LoginSettings:
    """The limits of a login, in seconds."""

    login_timeout_s: float = 900.0
    """From the start to the owner's confirmation."""
    page_settles_s: float = 1.0
    """From the page's address reaching the browser to `waiting_for_you`."""
    seal_timeout_s: float = 60.0
    """From the owner's confirmation to the sealed bundle."""
    reject_timeout_s: float = 20.0
    """How long the guest may take to sign out after a rejection."""
    delivery_s: float = 900.0
    """How long a sealed bundle is kept for its owner."""


# --- events ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Begin:
    """The guest is ready and the link is there."""


@dataclass(frozen=True, slots=True)
class CliStarted:
    """The tool's sign-in command runs."""


@dataclass(frozen=True, slots=True)
class PageOpened:
    """The sign-in page of this host is in the machine's browser."""

    url_host: str


@dataclass(frozen=True, slots=True)
class PageSettled:
    """The page had its moment to appear."""


@dataclass(frozen=True, slots=True)
class UserCodeShown:
    """The tool shows a code to type on the page."""

    user_code: str


@dataclass(frozen=True, slots=True)
class AccountVerified:
    """The tool itself says that it is signed in, as `account`."""

    account: str


@dataclass(frozen=True, slots=True)
class OwnerConfirmed:
    """The owner, in the owner's browser, confirmed this account."""

    account: str


@dataclass(frozen=True, slots=True)
class OwnerRejected:
    """The owner does not want this."""


@dataclass(frozen=True, slots=True)
class CredentialSealed:
    """The guest sealed the credential to the requester's key."""

    bundle_b64: str


@dataclass(frozen=True, slots=True)
class GuestRejected:
    """The guest gave the credential up."""

    revoked: bool
    detail: str = ""


@dataclass(frozen=True, slots=True)
class GuestLoginFailed:
    """The tool could not be signed in."""

    code: str
    detail: str


@dataclass(frozen=True, slots=True)
class GuestLost:
    """The machine or its guest is gone."""


@dataclass(frozen=True, slots=True)
class DeliveryFetched:
    """The requester asks for the bundle."""


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """The requester has the bundle and opened it."""


@dataclass(frozen=True, slots=True)
class LoginTimedOut:
    """Nobody signed in and confirmed in time."""


@dataclass(frozen=True, slots=True)
class SealTimedOut:
    """The guest did not seal in time."""


@dataclass(frozen=True, slots=True)
class RejectTimedOut:
    """The guest did not say in time that it signed out."""


@dataclass(frozen=True, slots=True)
class DeliveryTimedOut:
    """Nobody acknowledged the bundle in time."""


@dataclass(frozen=True, slots=True)
class SessionEnded:
    """The session is over for a reason of its own."""

    reason: Reason


Event = (
    Begin
    | CliStarted
    | PageOpened
    | PageSettled
    | UserCodeShown
    | AccountVerified
    | OwnerConfirmed
    | OwnerRejected
    | CredentialSealed
    | GuestRejected
    | GuestLoginFailed
    | GuestLost
    | DeliveryFetched
    | Acknowledged
    | LoginTimedOut
    | SealTimedOut
    | RejectTimedOut
    | DeliveryTimedOut
    | SessionEnded
)

# --- commands ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class View:
    """What may be shown of a login."""

    state: Status
    account: str | None
    url_host: str | None
    user_code: str | None
    reason: Reason | None


@dataclass(frozen=True, slots=True)
class Publish:
    """Store this and tell everybody who follows the session."""

    view: View


@dataclass(frozen=True, slots=True)
class SendStartLogin:
    """`login.start` to the guest."""


@dataclass(frozen=True, slots=True)
class SendRelease:
    """`login.release` to the guest: the owner confirmed."""


@dataclass(frozen=True, slots=True)
class SendReject:
    """`login.reject` to the guest."""


@dataclass(frozen=True, slots=True)
class StoreBundle:
    """Keep the sealed bundle for its owner."""

    bundle_b64: str


@dataclass(frozen=True, slots=True)
class HandOverBundle:
    """Give the stored bundle to the requester who is asking."""


@dataclass(frozen=True, slots=True)
class DropBundle:
    """Delete the sealed bundle for good."""


@dataclass(frozen=True, slots=True)
class EndSession:
    """The login is over: end the session with this reason (`lifecycle.LoginFinished`)."""

    reason: Reason


Command = (
    Publish
    | SendStartLogin
    | SendRelease
    | SendReject
    | StoreBundle
    | HandOverBundle
    | DropBundle
    | EndSession
    | SetTimer[Event]
    | CancelTimer[Event]
)
