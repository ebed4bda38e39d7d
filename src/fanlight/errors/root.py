"""The root of every error: what all of them have."""

from __future__ import annotations

from typing import ClassVar


class FanlightError(Exception):
    """The root. Catch it at the edges: HTTP, a link, the session driver, the command line."""

    code: ClassVar[str] = "internal"
    title: ClassVar[str] = "Something in Fanlight failed"
    status: ClassVar[int] = 500
    hint: str = "Run `fanlight doctor`; it says what this host lacks."

    def __init__(self, message: str = "", *, hint: str | None = None) -> None:
        super().__init__(message or self.title)
        if hint is not None:
            self.hint = hint
