"""The application behind a real HTTP server, on a thread of its own."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
import schemathesis
import uvicorn
from tests.unit.api.desk import Desk, make_desk

from fanlight.api import ApiSettings, Rates
from fanlight.store import OWNER

OFTEN = Rates(sign_in=10**6, device=10**6, ticket=10**6, offer=10**6)
START_TIMEOUT_S = 20.0


def as_text(_context: Any, value: Any) -> bytes:
    return str(value).encode("utf-8", "surrogatepass")


schemathesis.serializer("application/sdp", "application/trickle-ice-sdpfrag")(as_text)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@dataclass
class Served:
    """A running server, and the cookie of a browser that is signed in."""

    url: str
    cookie: str = ""
    desk: Desk | None = None
    ready: threading.Event = field(default_factory=threading.Event)
    done: threading.Event = field(default_factory=threading.Event)

    @property
    def browser(self) -> dict[str, str]:
        """The headers of our own page."""
        return {"cookie": f"fanlight_session={self.cookie}", "origin": self.url}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        running = Served(f"http://127.0.0.1:{port}")
        directory = tmp_path_factory.mktemp("served")
        thread = threading.Thread(
            target=lambda: asyncio.run(_serve(running, listener, port, directory))
        )
        thread.start()
        assert running.ready.wait(START_TIMEOUT_S)
        yield running
        running.done.set()
        thread.join(START_TIMEOUT_S)
        assert not thread.is_alive()


async def _serve(running: Served, listener: socket.socket, port: int, directory: Path) -> None:
    settings = replace(
        ApiSettings.serving(port),
        rates=OFTEN,
        max_wait_s=0.01,
        answer_wait_s=0.01,
        heartbeat_s=0.05,
    )
    async with make_desk(directory, settings) as desk:
        running.desk = desk
        running.cookie = await desk.store.new_browser_session(OWNER, desk.clock())
        desk.controller.max_sessions = 10**6
        config = uvicorn.Config(desk.app, log_level="warning", ws="websockets-sansio")
        server = uvicorn.Server(config)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(server.serve([listener]))
            running.ready.set()
            await asyncio.to_thread(running.done.wait)
            server.should_exit = True
