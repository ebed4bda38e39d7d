"""VNC over a WebSocket: bytes go both ways, a ticket and our own origin are needed."""

from __future__ import annotations

import socket
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Origin, Subprotocol

from fanlight.wire import SessionId

from .conftest import Served

pytestmark = pytest.mark.timeout(120)

GREETING = b"RFB 003.008\n"


@pytest.fixture
def machine() -> Iterator[Path]:
    """A VNC server that greets, sends everything back, and hangs up at "bye"."""
    with tempfile.TemporaryDirectory(dir="/tmp") as directory:
        path = Path(directory) / "vnc.sock"
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(path))
            listener.listen()
            thread = threading.Thread(target=_echo, args=(listener,))
            thread.start()
            yield path
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()


def _echo(listener: socket.socket) -> None:
    while True:
        try:
            connection, _ = listener.accept()
        except OSError:
            return
        with connection:
            connection.sendall(GREETING)
            while data := connection.recv(65_536):
                if data == b"bye":
                    break
                connection.sendall(data)


@pytest.fixture
def session(served: Served, machine: Path) -> str:
    with httpx.Client(base_url=served.url, headers=served.browser) as client:
        started: str = client.post("/api/auth/start", json={}).json()["sessionId"]
    assert served.desk is not None
    served.desk.controller.sessions_[SessionId(started)].vnc = machine
    return started


def ticket(served: Served, session: str, use: str = "vnc") -> str:
    with httpx.Client(base_url=served.url, headers=served.browser) as client:
        made = client.post("/api/tickets", json={"session": session, "use": use})
        given: str = made.json()["ticket"]
        return given


def view(served: Served, session: str, ticket: str, origin: str | None = None) -> ClientConnection:
    url = served.url.replace("http", "ws", 1)
    return connect(
        f"{url}/api/auth/session/{session}/vnc?ticket={ticket}",
        origin=Origin(origin or served.url),
        subprotocols=[Subprotocol("binary")],
        proxy=None,
    )


def test_bytes_go_both_ways(served: Served, session: str) -> None:
    with view(served, session, ticket(served, session)) as viewer:
        assert viewer.subprotocol == "binary"
        assert viewer.recv() == GREETING
        assert served.desk is not None
        assert ("vnc opened", session) in served.desk.controller.calls
        sent = bytes(range(256)) * 4096
        viewer.send(sent)
        got = b""
        while len(got) < len(sent):
            chunk = viewer.recv()
            assert isinstance(chunk, bytes)
            got += chunk
        assert got == sent


def test_a_machine_that_hangs_up_closes_with_a_reason(served: Served, session: str) -> None:
    with view(served, session, ticket(served, session)) as viewer:
        viewer.recv()
        viewer.send(b"bye")
        with pytest.raises(ConnectionClosed) as closed:
            viewer.recv()
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1000
        assert "display" in closed.value.rcvd.reason


def test_text_is_refused(served: Served, session: str) -> None:
    with view(served, session, ticket(served, session)) as viewer:
        viewer.recv()
        viewer.send("text")
        with pytest.raises(ConnectionClosed) as closed:
            viewer.recv()
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1003


def test_a_ticket_opens_one_websocket(served: Served, session: str) -> None:
    once = ticket(served, session)
    with view(served, session, once) as viewer:
        viewer.recv()
    assert refused(served, session, once) == 410


def test_another_origin_is_refused_and_uses_nothing_up(served: Served, session: str) -> None:
    once = ticket(served, session)
    for origin in ("http://evil.example", "http://localhost:1", "null"):
        assert refused(served, session, once, origin) == 403
    with view(served, session, once) as viewer:
        assert viewer.recv() == GREETING


def test_a_ticket_for_something_else_is_refused(served: Served, session: str) -> None:
    assert refused(served, session, ticket(served, session, "whep")) == 410
    assert refused(served, "no-such-session", ticket(served, session)) == 410
    assert refused(served, session, "") == 401


def test_a_display_that_is_not_there_is_said(served: Served, session: str, machine: Path) -> None:
    assert served.desk is not None
    served.desk.controller.sessions_[SessionId(session)].vnc = machine.with_name("none.sock")
    assert refused(served, session, ticket(served, session)) == 503


def refused(served: Served, session: str, ticket: str, origin: str | None = None) -> int:
    with pytest.raises(InvalidStatus) as refusal, view(served, session, ticket, origin):
        pass
    assert refusal.value.response.headers["content-type"] == "application/problem+json"
    return refusal.value.response.status_code
