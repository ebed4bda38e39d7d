"""What the routes share, and how they get at it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends
from starlette.requests import HTTPConnection

from fanlight.store import Store
from fanlight.tools import ListedTool

from .controls import Controls
from .passes import Passes
from .rates import Rate
from .resources import Resources
from .settings import ApiSettings


@dataclass(frozen=True, slots=True)
class Limits:
    """The running counts of the rates."""

    sign_in: Rate
    device: Rate
    ticket: Rate
    offer: Rate
    preflight: Rate


@dataclass(frozen=True, slots=True)
class Parts:
    """One application's parts."""

    controller: Controls
    store: Store
    settings: ApiSettings
    tools: Callable[[], Sequence[ListedTool]]
    """Lists the catalogue; run on a thread, as it looks at files."""
    clock: Callable[[], float]
    limits: Limits
    resources: Resources
    passes: Passes


def parts_of(connection: HTTPConnection) -> Parts:
    """Give the parts of the application that serves `connection`."""
    parts = connection.app.state.parts
    assert isinstance(parts, Parts)
    return parts


def address_of(connection: HTTPConnection) -> str:
    """Give the address of who asks, for counting."""
    return connection.client.host if connection.client else "?"


SharedParts = Annotated[Parts, Depends(parts_of)]
