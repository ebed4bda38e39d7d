"""What every driver of a session works with."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fanlight.machines import Provider
from fanlight.store import Store

from .gateway_link import GatewayLink
from .resting import Resting
from .settings import ControllerSettings
from .tokens import MachineTokens
from .tool_work import Installs, Tools

if TYPE_CHECKING:
    from .driver import Driver


@dataclass(frozen=True)
class Around:
    """What a driver is given by its controller."""

    settings: ControllerSettings
    store: Store
    provider: Provider
    resting: Resting | None
    """None: machines never rest on disk."""
    gateway: GatewayLink
    tokens: MachineTokens
    tools: Tools
    installs: Installs
    tasks: asyncio.TaskGroup
    clock: Callable[[], float]
    on_over: Callable[[Driver], None]
