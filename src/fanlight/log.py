"""Structured logs for machines or people. A `Secret` cannot be printed, a URL loses its query.

Say a fixed message and put values into fields: `log.info("session ended", session=id, code=code)`.
"""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import MutableMapping
from typing import Any, Generic, Literal, TextIO, TypeVar
from urllib.parse import urlsplit

import structlog

T = TypeVar("T")

# C0 and C1 controls, and what turns the direction of text around (bidirectional overrides).
CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
FIELD_MAX = 2000
"""Characters of one field that are written; what a guest says may be of any length."""


class Secret(Generic[T]):
    """A value that shows itself to nobody who does not ask by name (`reveal`)."""

    __slots__ = ("_value",)

    def __init__(self, value: T) -> None:
        self._value = value

    def reveal(self) -> T:
        """Give the value. Never into a log, a URL, an argument list or an environment."""
        return self._value

    def __repr__(self) -> str:
        return "***"

    __str__ = __repr__

    def __format__(self, _spec: str) -> str:
        return "***"

    def __reduce__(self) -> tuple[Any, ...]:
        raise TypeError("a Secret is not written anywhere")


def redact_query(url: str) -> str:
    """Give scheme, host and path of a URL: what stands behind them may be a code or a token."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return "(not a URL)"
    where = f"{host}:{port}" if port else host
    shown = f"{parts.scheme}://{where}{parts.path}" if host else parts.path
    hidden = "?***" if parts.query else ""
    return shown + hidden + ("#***" if parts.fragment else "")


def plain(text: str) -> str:
    """Give `text` without control characters, so that it stays inert in a terminal."""
    return CONTROLS.sub("\N{REPLACEMENT CHARACTER}", text)


def configure(
    *,
    level: Literal["debug", "info", "warning", "error"] = "info",
    style: Literal["console", "json"] = "console",
    to: TextIO | None = None,
) -> None:
    """Set up the process's logs: ours and, at warning and above, those of libraries."""
    stream = to or sys.stderr
    number = logging.getLevelNamesMapping()[level.upper()]
    is_terminal = stream.isatty()
    renderer: Any = (
        structlog.processors.JSONRenderer()
        if style == "json"
        else structlog.dev.ConsoleRenderer(colors=is_terminal)
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            _clean,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.PrintLoggerFactory(stream),
        cache_logger_on_first_use=False,
    )
    logging.basicConfig(stream=stream, level=logging.WARNING, format="%(message)s", force=True)


def get(room: str) -> Any:
    """Give the log of a room: `log = fanlight.log.get("controller")`."""
    return structlog.get_logger(room=room)


def _clean(
    _logger: object, _method: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    for key, value in event.items():
        event[key] = _inert(value)
    return event


def _inert(value: object) -> object:
    if isinstance(value, (int, float, type(None))):
        return value
    text = value if isinstance(value, str) else str(value)
    return plain(text)[:FIELD_MAX]
