"""Reasons for people, and text of guests made harmless."""

from __future__ import annotations

import functools
import unicodedata

from fanlight import errors
from fanlight.errors import FanlightError
from fanlight.session import Reason
from fanlight.session.meanings import MEANINGS, RETRY

from .view import ReasonView

NAME_MAX, LINE_MAX, TAIL_MAX = 128, 500, 2000

_DESKTOP_PART = "-failed"
"""A guest names the part of its desktop that failed: `browser-failed`."""


def shown(reason: Reason, tail: str = "") -> ReasonView:
    """Give a reason as a person sees it. `tail`: the last lines of what failed, if any.

    It is read as title, detail, hint, one after the other; none repeats another.
    """
    title, hint = _title_and_hint(reason.code)
    detail = inert(reason.text, LINE_MAX)
    last = inert_lines(tail)
    if last:
        detail = f"{detail} Its last words:\n{last}".strip()
    return ReasonView(reason.code, title, detail, hint)


def _title_and_hint(code: str) -> tuple[str, str]:
    if meaning := MEANINGS.get(code):
        return meaning.title, meaning.hint
    if kind := _by_code().get(code):
        return kind.title, kind.hint
    if code.endswith(_DESKTOP_PART):
        part = MEANINGS["desktop-failed"]
        return part.title, part.hint
    return _title(code), RETRY


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
        case "gateway-failed" | "network-blocked":
            return errors.GatewayUnavailable(detail)
        case "limit-reached":
            return errors.TooManyViewers(detail)
        case "closed":
            return errors.ConnectionNotFound(detail)
        case "offer-rejected":
            return errors.OfferRejected(detail)
        case "codec-unsupported":
            return errors.CodecUnsupported(detail)
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
