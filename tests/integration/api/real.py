"""A real server, and the people and programs that come to it."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any, TypeVar

import aiortc
import httpx

from fanlight.store import Store
from fanlight.testing.server import RunningServer

T = TypeVar("T")
SDP = {"content-type": "application/sdp"}
FRAGMENT = {"content-type": "application/trickle-ice-sdpfrag"}
READY_S = 30.0


class Real:
    """`fanlight serve` with everything real, and clients of it."""

    def __init__(self, server: RunningServer) -> None:
        self.server, self.url = server, server.url
        self._clients = ExitStack()
        self.owner = self.browser(server.link)

    def __enter__(self) -> Real:
        return self

    def __exit__(self, *_: object) -> None:
        self._clients.close()

    def nobody(self, **headers: str) -> httpx.Client:
        """Somebody who is nobody yet."""
        made = httpx.Client(base_url=self.url, headers=headers, timeout=30)
        return self._clients.enter_context(made)

    def browser(self, link: str) -> httpx.Client:
        """A browser that redeemed a link."""
        made = self.nobody(origin=self.url)
        answer = made.post("/api/signin", json={"token": link.partition("#token=")[2]})
        assert answer.status_code == 204, answer.text
        return made

    def stranger(self, name: str) -> httpx.Client:
        """Another person's browser."""
        self.command("principal", "add", name)
        return self.browser(self.command("link", "--principal", name).strip())

    def program(self, key: str) -> httpx.Client:
        """A program with a token of some kind."""
        return self.nobody(authorization=f"Bearer {key}")

    def command(self, *words: str) -> str:
        """Run the command line on this server's data."""
        program = str(Path(sys.executable).parent / "fanlight")
        return subprocess.run(
            [program, *words, "--data", str(self.server.data)],
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
            env=os.environ | {"COLUMNS": "300", "NO_COLOR": "1"},
        ).stdout

    def in_store(self, work: Callable[[Store], Awaitable[T]]) -> T:
        """Do something in the server's own database."""

        async def run() -> T:
            directory = self.server.data / "store"
            async with await Store.open(directory, now=time.time()) as store:
                return await work(store)

        return asyncio.run(run())

    def start(self, ready: bool = True, **body: Any) -> dict[str, Any]:
        """Start a session of the owner's and wait for its desktop."""
        answer = self.owner.post("/api/auth/start", json=body)
        assert answer.status_code == 202, answer.text
        started: dict[str, Any] = answer.json()
        if ready:
            self.until(started["sessionId"], "vm_created")
        return started

    def until(self, session: str, status: str) -> dict[str, Any]:
        """Wait for a session's status."""
        deadline = time.monotonic() + READY_S
        while True:
            found: dict[str, Any] = self.owner.get(f"/api/auth/session/{session}").json()
            if found["status"] == status:
                return found
            assert time.monotonic() < deadline, found
            assert found["status"] != "ended", found
            time.sleep(0.05)

    def end(self, session: str) -> None:
        """End a session and wait until it is over."""
        self.owner.delete(f"/api/auth/session/{session}")
        self.until(session, "ended")

    def ticket(self, session: str, use: str) -> str:
        """Make a ticket."""
        answer = self.owner.post("/api/tickets", json={"session": session, "use": use})
        assert answer.status_code == 201, answer.text
        return str(answer.json()["ticket"])


def real_offer() -> str:
    """An offer such as a browser makes, with ICE credentials of its own."""

    async def make() -> str:
        peer = aiortc.RTCPeerConnection()
        peer.addTransceiver("video", direction="recvonly")
        peer.createDataChannel("input")
        try:
            await peer.setLocalDescription(await peer.createOffer())
            return str(peer.localDescription.sdp)
        finally:
            await peer.close()

    return asyncio.run(make())


def problem(answer: httpx.Response, status: int, code: str) -> None:
    """A named problem with something to do about it."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    body = answer.json()
    assert body["code"] == code, body
    assert body["title"]
    assert body["hint"], body
