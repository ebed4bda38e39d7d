"""Which class is which name on the wire: filled by the modules beside this one."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

NAMES: dict[type, str] = {}
KINDS: dict[str, type] = {}


def named(name: str) -> Callable[[type[T]], type[T]]:
    """Let the decorated class be the message `name`."""

    def register(kind: type[T]) -> type[T]:
        NAMES[kind], KINDS[name] = name, kind
        return kind

    return register
