"""Writes the reference pages that are drawn from the code.

`./dev generate` runs it; a test checks that the pages are fresh.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from pathlib import Path

from fanlight import errors
from fanlight.client.api import (
    BundleRefused,
    LoginNotDelivered,
    ProblemReceived,
    ServerUnreachable,
)
from fanlight.session.meanings import ENDS, LOGIN_ENDS, NOTICES

DOCS = Path(__file__).parent


def problems() -> str:
    """Give docs/reference/problems.md: every error with its code, meaning and remedy."""
    lines = [
        "# Problems",
        "",
        "Every failure has a stable code, a sentence and a next step. HTTP answers carry them as",
        "`application/problem+json` (RFC 9457); the page and the command line say them in words.",
        "",
    ]
    for error in sorted(_errors(), key=lambda kind: kind.code):
        meaning = inspect.cleandoc(error.__doc__ or "").split("\n\n")[0].replace("\n", " ")
        lines += [f"## {error.code}", "", f"**{error.title}.** {meaning}", ""]
        lines += [f"What to do: {error.hint}", "", f"HTTP status {error.status}.", ""]
    for heading, meanings in (
        ("Why sessions end", ENDS),
        ("Why logins end", LOGIN_ENDS),
        ("What is noticed while a session goes on", NOTICES),
    ):
        lines += [f"# {heading}", ""]
        for code, known in sorted(meanings.items()):
            lines += [f"## {code}", "", f"**{known.title}.** {known.text}", ""]
            lines += [f"What to do: {known.hint}", ""]
    return "\n".join(lines).rstrip() + "\n"


def _errors() -> Iterator[type[errors.FanlightError]]:
    for name in errors.__all__:
        yield getattr(errors, name)
    yield from (ServerUnreachable, ProblemReceived, BundleRefused, LoginNotDelivered)


PAGES: dict[str, Callable[[], str]] = {"reference/problems.md": problems}
"""Page under docs/ -> what writes it."""


def main() -> None:
    """Write every page."""
    for name, page in PAGES.items():
        path = DOCS / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(page())


if __name__ == "__main__":
    main()
