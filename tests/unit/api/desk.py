"""An application in this process: real store, fake controller, a clock that a test moves."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import httpx
import pyrage
from fastapi import FastAPI

from fanlight.api import ApiSettings, create_app
from fanlight.controller import Session
from fanlight.store import OWNER, SessionRecord, Store
from fanlight.testing.clock import ManualClock
from fanlight.testing.controller import FakeController
from fanlight.tools import ListedTool
from fanlight.wire import PrincipalId

PORT = 8080
ORIGIN = "http://localhost:8080"
RECIPIENT = str(pyrage.x25519.Identity.generate().to_public())
STRANGER = PrincipalId("stranger")
OFFER = (
    "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0\r\n"
    "m=video 9 UDP/TLS/RTP/SAVPF 96\r\nc=IN IP4 0.0.0.0\r\na=mid:0\r\na=recvonly\r\n"
    "a=ice-ufrag:abcd\r\na=ice-pwd:abcdefghijklmnopqrstuvwx\r\n"
)
TOOLS = (
    ListedTool(
        name="gh",
        title="GitHub CLI",
        vendor="GitHub",
        version="2.0",
        installed=True,
        installable=True,
        note="",
    ),
)


@dataclass
class Desk:
    """Everything a test of the API needs."""

    app: FastAPI
    store: Store
    controller: FakeController
    clock: ManualClock
    settings: ApiSettings
    clients: list[httpx.AsyncClient] = field(default_factory=list)

    def client(self, **headers: str) -> httpx.AsyncClient:
        """Somebody who is nobody yet; `headers` go with every request."""
        made = httpx.AsyncClient(
            transport=httpx.ASGITransport(self.app, raise_app_exceptions=False),
            base_url=ORIGIN,
            headers=headers,
        )
        self.clients.append(made)
        return made

    async def browser(self, principal: PrincipalId = OWNER) -> httpx.AsyncClient:
        """A browser that is signed in, sending our origin with everything."""
        client = self.client(origin=ORIGIN)
        cookie = await self.store.new_browser_session(principal, self.clock())
        client.cookies.set("fanlight_session", cookie)
        return client

    async def program(self, principal: PrincipalId = OWNER) -> httpx.AsyncClient:
        """A program with an API key."""
        _, key = await self.store.new_key(principal, "test", self.clock())
        return self.client(authorization=f"Bearer {key}")

    async def stranger(self) -> httpx.AsyncClient:
        """A browser of another principal."""
        if await self.store.principal(STRANGER) is None:
            await self.store.add_principal(
                STRANGER, "Stranger", now=self.clock(), shared_kernel=True
            )
        return await self.browser(STRANGER)


@asynccontextmanager
async def make_desk(directory: Path, settings: ApiSettings | None = None) -> AsyncIterator[Desk]:
    """Open a store in `directory` and put the application together."""
    clock = ManualClock(1_800_000_000.0)
    controller = FakeController()
    settings = settings or replace(
        ApiSettings.serving(PORT), heartbeat_s=0.02, answer_wait_s=0.02, max_wait_s=5
    )
    async with await Store.open(directory / "store", now=clock()) as store:

        async def keep(owner: PrincipalId, session: Session) -> None:
            record = SessionRecord(session.session_id, owner, clock(), tool=session.provider)
            await store.add_session(record)

        controller.store_session = keep
        app = await asyncio.to_thread(
            create_app, controller, store, settings, tools=lambda: TOOLS, clock=clock
        )
        desk = Desk(app, store, controller, clock, settings)
        yield desk
        for client in desk.clients:
            await client.aclose()
