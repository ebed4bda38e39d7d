"""A pre-flight's WebSocket and events over real HTTP: once by a ticket, bounded, at once."""

from __future__ import annotations

import httpx
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Origin

from fanlight.api import preflight

from .conftest import Served

pytestmark = pytest.mark.timeout(60)


def ticket(served: Served) -> str:
    with httpx.Client(base_url=served.url, headers=served.browser) as client:
        given: str = client.post("/api/tickets", json={"use": "preflight"}).json()["ticket"]
        return given


def open_socket(served: Served, ticket: str, origin: str | None = None) -> ClientConnection:
    url = served.url.replace("http", "ws", 1)
    return connect(
        f"{url}/api/webrtc/preflight/socket?ticket={ticket}",
        origin=Origin(origin or served.url),
        proxy=None,
    )


def closed(socket: ClientConnection) -> int:
    with pytest.raises(ConnectionClosed) as over:
        socket.recv(timeout=15)
    assert over.value.rcvd is not None
    return over.value.rcvd.code


def test_what_is_said_comes_back_so_often_and_no_oftener(served: Served) -> None:
    with open_socket(served, ticket(served)) as socket:
        for number in range(preflight.SOCKET_MESSAGES):
            socket.send(str(number))
            assert socket.recv(timeout=5) == str(number)
        assert closed(socket) == preflight.DONE


def test_long_texts_and_bytes_are_not_echoed(served: Served) -> None:
    for said in ("x" * (preflight.SOCKET_CHARACTERS + 1), b"bytes"):
        with open_socket(served, ticket(served)) as socket:
            socket.send(said)
            assert closed(socket) == preflight.TOO_BIG


def test_a_silent_socket_is_closed(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preflight, "SOCKET_LIFE_S", 0.2)
    with open_socket(served, ticket(served)) as socket:
        assert closed(socket) == preflight.DONE


def test_it_takes_a_fresh_ticket_for_it_and_our_own_page(served: Served) -> None:
    once = ticket(served)
    for origin in ("http://evil.example", "null"):
        assert refused(served, once, origin) == 403
    with open_socket(served, once):
        pass
    assert refused(served, once) == 410
    assert refused(served, "") == 410
    with httpx.Client(base_url=served.url, headers=served.browser) as client:
        session = client.post("/api/auth/start", json={}).json()["sessionId"]
        made = client.post("/api/tickets", json={"session": session, "use": "vnc"})
    assert refused(served, made.json()["ticket"]) == 410


def refused(served: Served, ticket: str, origin: str | None = None) -> int:
    with pytest.raises(InvalidStatus) as refusal, open_socket(served, ticket, origin):
        pass
    return refusal.value.response.status_code


def test_an_event_comes_before_the_stream_ends(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(preflight, "EVENTS_LIFE_S", 0.3)
    with (
        httpx.Client(base_url=served.url, headers=served.browser) as client,
        client.stream("GET", "/api/webrtc/preflight/events") as stream,
    ):
        assert stream.headers["content-type"].startswith("text/event-stream")
        lines = [line for line in stream.iter_lines() if line]
    assert "event: notice" in lines
