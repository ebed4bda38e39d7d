"""Reasons for people, and text of guests made harmless."""

from __future__ import annotations

import functools
import unicodedata

from fanlight import errors
from fanlight.errors import FanlightError
from fanlight.session import Reason

from .view import ReasonView

NAME_MAX, LINE_MAX, TAIL_MAX = 128, 500, 2000

_TITLES = {
    "ended-by-owner": "You ended the session",
    "idle": "Nobody was there",
    "session-timed-out": "The session's time is over",
    "guest-lost": "The machine stopped answering",
    "controller-restarted": "Fanlight was restarted",
    "shutdown": "Fanlight was stopped",
    "login-delivered": "Delivered",
    "login-rejected": "You rejected the account",
    "login-timed-out": "Nobody signed in in time",
    "delivery-expired": "The credential was not fetched in time",
}
_FINE = {"ended-by-owner", "login-delivered", "login-rejected", "shutdown", "idle"}


def shown(reason: Reason, tail: str = "") -> ReasonView:
    """Give a reason as a person sees it. `tail`: the last lines of what failed, if any."""
    known = _by_code().get(reason.code)
    title = _TITLES.get(reason.code) or (known.title if known else _title(reason.code))
    if known:
        hint = known.hint
    elif reason.code in _FINE:
        hint = "Start a new session whenever you like."
    else:
        hint = "Start a new session. If it happens again, run `fanlight doctor`."
    detail = inert(reason.text, LINE_MAX)
    last = inert_lines(tail)
    return ReasonView(reason.code, title, f"{detail}\n{last}" if last else detail, hint)


def inert(text: str, most: int = NAME_MAX) -> str:
    """Give one line without control characters or marks of direction, of bounded length."""
    kept = "".join(c if _is_plain(c) else " " for c in text[: 4 * most])
    return " ".join(kept.split())[:most]


def inert_lines(text: str, most: int = TAIL_MAX) -> str:
    """Give the last lines of a longer text, each inert."""
    lines = [inert(line, LINE_MAX) for line in text[-most:].splitlines()]
    return "\n".join(line for line in lines if line)


def error_for(code: str, detail: str) -> FanlightError:
    """Give the error that a viewer's refused offer becomes."""
    match code:
        case "gateway-unavailable" | "gateway-restarted" | "machine-did-not-answer":
            return errors.GatewayUnavailable(detail)
        case "limit-reached":
            return errors.LimitReached(detail)
        case "closed":
            return errors.ConnectionNotFound(detail)
        case "offer-rejected":
            return errors.OfferRejected(detail)
        case "session-not-found":
            return errors.GatewayUnavailable(detail)
        case _ if code.startswith(("bad-", "offer-", "no-")):
            return errors.OfferRejected(detail)
        case _:
            return errors.SessionEnded(detail)


def _is_plain(character: str) -> bool:
    return unicodedata.category(character)[0] not in "CZ" or character == " "


def _title(code: str) -> str:
    return code.replace("-", " ").capitalize()


@functools.cache
def _by_code() -> dict[str, type[FanlightError]]:
    kinds: dict[str, type[FanlightError]] = {}
    for kind in vars(errors).values():
        if isinstance(kind, type) and issubclass(kind, FanlightError):
            kinds.setdefault(kind.code, kind)
    return kinds
