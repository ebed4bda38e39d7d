"""The connection to the keeper, which is started when there is none, also in mid-session."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from fanlight import log
from fanlight.errors import FanlightError, KeeperUnavailable
from fanlight.host import KeeperClient, KeeperEvent, KeeperSettings, ensure_keeper, mark_of

RETRY_S, RETRY_MOST_S = 0.05, 2.0
HELLO_TIMEOUT_S = 3.0

_log = log.get("controller")


class KeeperLink:
    """Keeps one `KeeperClient` open. Providers hold the client, which is the same for ever."""

    def __init__(
        self,
        settings: KeeperSettings,
        *,
        on_event: Callable[[KeeperEvent], None],
        on_lost: Callable[[], None],
    ) -> None:
        self.client = KeeperClient(on_event)
        self._settings, self._on_lost = settings, on_lost
        self._is_ending = False
        self._is_over = asyncio.Event()

    async def open(self) -> None:
        """Have a keeper and connect to it.

        Raises:
            KeeperUnavailable: it did not start.
            SettingRejected: the data directory cannot be used.
        """
        socket_path = await ensure_keeper(self._settings)
        try:
            async with asyncio.timeout(HELLO_TIMEOUT_S):
                state = await self.client.open(socket_path)
        except TimeoutError:
            # A keeper that is dying may still have taken the connection.
            raise KeeperUnavailable("the keeper took the connection and said nothing") from None
        if state.settings != mark_of(self._settings):
            _log.warning(
                "the running keeper keeps the settings it was started with",
                concerns="announce viewer_networks udp_ports egress_upstream_proxy turn "
                "keeper_grace_s",
                hint="Ctrl-C ends it with every session; the next `fanlight serve` takes the new.",
            )

    async def end(self) -> None:
        """End the keeper with all it holds, and wait for it. No other one is started.

        Raises:
            KeeperUnavailable: it is gone already.
        """
        self._is_ending = True
        await self.client.end()
        await self._is_over.wait()

    async def run(self) -> None:
        """Read from the opened client; open it again whenever it ends; until cancelled."""
        pause_s = RETRY_S
        while True:
            await self.client.run()
            if self._is_ending:
                self._is_over.set()
                return
            _log.warning("the keeper is gone; another one is started")
            self._on_lost()
            await asyncio.sleep(RETRY_S)
            while True:
                try:
                    await self.open()
                    break
                except FanlightError as error:
                    _log.error("no keeper", error=str(error))
                    await asyncio.sleep(pause_s)
                    pause_s = min(RETRY_MOST_S, pause_s * 2)
            pause_s = RETRY_S
