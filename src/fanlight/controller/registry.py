"""The sessions that are alive here, what all sides of the controller share, and who may."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

from fanlight.errors import LimitReached, NotAllowed, SessionEnded, SessionNotFound
from fanlight.machines import Provider
from fanlight.store import SessionRecord, Store
from fanlight.wire import GatewayWelcome, Message, PrincipalId, SessionId

from .around import Around
from .driver import Driver
from .gateway_link import GatewayLink
from .preflight import Preflights
from .pressure import Check, check_room
from .resting import Resting, suspending
from .settings import ControllerSettings
from .tokens import MachineTokens
from .tool_work import Tools


class Registry:
    """Every session that is not over, by its id. The controller is made of its sides."""

    def __init__(
        self,
        settings: ControllerSettings,
        *,
        store: Store,
        provider: Provider,
        gateway_socket: Path,
        tokens: MachineTokens,
        tools: Tools,
        clock: Callable[[], float] = time.time,
        check_room: Check = check_room,
    ) -> None:
        self._settings, self._store, self._provider = settings, store, provider
        self._tokens, self._tools, self._clock = tokens, tools, clock
        self._check_room = check_room
        suspends = suspending(provider)
        self.resting: Resting | None = (
            Resting(settings.data / "resting", suspends, tokens) if suspends else None
        )
        self.drivers: dict[SessionId, Driver] = {}
        self.around: Around | None = None
        self._is_empty = asyncio.Event()
        self.ready = asyncio.Event()
        self.gateway = GatewayLink(
            gateway_socket,
            on_back=self.gateway_back,
            on_lost=self.gateway_lost,
            on_message=self.gateway_said,
        )
        self.preflights = Preflights(self.gateway)

    def gateway_back(self, welcome: GatewayWelcome) -> None:
        """Hear that there is a gateway, and what it holds."""
        raise NotImplementedError

    def gateway_lost(self) -> None:
        """Hear that the gateway is gone."""
        raise NotImplementedError

    def gateway_said(self, message: Message) -> None:
        """Hear the gateway of a session."""
        raise NotImplementedError

    def work(self) -> Around:
        """Give what drivers work with. Raises SessionNotFound: the controller does not run."""
        if self.around is None:
            raise SessionNotFound("the controller does not run")
        return self.around

    def owned(self, principal: PrincipalId, id: SessionId) -> Driver | None:
        """Give a driver of the principal's, None when it is over. Raises SessionNotFound."""
        driver = self.drivers.get(id)
        if driver is not None and driver.record.owner != principal:
            raise SessionNotFound
        return driver

    async def stored(self, principal: PrincipalId, id: SessionId) -> SessionRecord:
        """Give the row of a session of the principal's. Raises SessionNotFound."""
        record = await self._store.session(id)
        if record is None or record.owner != principal:
            raise SessionNotFound
        return record

    async def live(self, principal: PrincipalId, id: SessionId) -> Driver:
        """Give the driver of a session that is not over. Raises SessionNotFound, SessionEnded."""
        if driver := self.owned(principal, id):
            return driver
        record = await self.stored(principal, id)
        raise SessionEnded(_detail(record))

    def of_machine(self, token: str, id: SessionId) -> Driver:
        """Give the driver whose machine has this token, and answers viewers. Raises NotAllowed."""
        driver = self.drivers.get(id)
        if driver is None or not driver.knows_token(token):
            raise NotAllowed("that is not the token of this session's machine")
        if driver.negotiation.answerer != "machine":
            raise NotAllowed(
                "the media gateway answers in this session",
                hint='Start one with `"answerer": "machine"`.',
            )
        return driver

    def check_limit(self, principal: PrincipalId) -> None:
        """Raise LimitReached when the principal has as many sessions as it may."""
        most = self._settings.max_sessions_per_principal
        mine = [each for each in self.drivers.values() if each.record.owner == principal]
        if len(mine) >= most:
            raise LimitReached(
                f"you have {most} sessions already",
                hint="End one, or raise max_sessions_per_principal.",
            )

    def over(self, driver: Driver) -> None:
        """Hear from a driver that nothing of its session is left."""
        self.drivers.pop(driver.id, None)
        if not self.drivers:
            self._is_empty.set()


def _detail(record: SessionRecord) -> str:
    reason = record.reason
    return f"{reason['title']}. {reason['detail']}" if reason else ""
