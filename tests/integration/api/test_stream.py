"""The stream over a WebSocket: chunks go both ways, a ticket and our own origin are needed."""

from __future__ import annotations

import contextlib
import socket
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Origin

from fanlight import wire
from fanlight.wire import SessionId

from .conftest import Served
from .test_vnc import ticket

pytestmark = pytest.mark.timeout(120)


@pytest.fixture
def gateway() -> Iterator[Path]:
    """A gateway that sends chunks back, hangs up at "bye", and pours pictures out at "pour"."""
    with tempfile.TemporaryDirectory(dir="/tmp") as directory:
        path = Path(directory) / "stream.sock"
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(path))
            listener.listen()
            thread = threading.Thread(target=_play, args=(listener,))
            thread.start()
            yield path
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()


PICTURE = wire.encode_chunk(
    wire.StreamFrame(1, 9, True, 0, 64, 48, 1.5, 0.0, bytes(range(256)) * 400)
)


def _play(listener: socket.socket) -> None:
    while True:
        try:
            connection, _ = listener.accept()
        except OSError:
            return
        cutter = wire.ChunkCutter(wire.MAX_TEXT_CHUNK_BYTES)
        with connection, contextlib.suppress(OSError):
            while data := connection.recv(65_536):
                said = list(cutter.feed(data))
                if b"\x01bye" in said:
                    break
                if b"\x01pour" in said:
                    _pour(connection)
                    break
                for chunk in said:
                    connection.sendall(len(chunk).to_bytes(4, "big") + chunk)


def _pour(connection: socket.socket) -> None:
    while True:
        connection.sendall(PICTURE)


@pytest.fixture
def session(served: Served, gateway: Path) -> str:
    with httpx.Client(base_url=served.url, headers=served.browser) as client:
        started: str = client.post("/api/auth/start", json={}).json()["sessionId"]
    assert served.desk is not None
    served.desk.controller.sessions_[SessionId(started)].stream = gateway
    return started


def view(
    served: Served,
    session: str,
    ticket: str,
    *,
    origin: str | None = None,
    more: str = "",
    headers: dict[str, str] | None = None,
) -> ClientConnection:
    url = served.url.replace("http", "ws", 1)
    return connect(
        f"{url}/api/webrtc/session/{session}/stream?ticket={ticket}{more}",
        origin=Origin(origin or served.url),
        additional_headers=headers,
        proxy=None,
    )


def said(message: str | bytes) -> wire.Message:
    assert isinstance(message, bytes)
    chunk = wire.decode_chunk(message)
    assert isinstance(chunk, wire.StreamText)
    return wire.decode(chunk.line)


def test_chunks_go_both_ways_after_the_word_that_opens(served: Served, session: str) -> None:
    with view(served, session, ticket(served, session, "stream")) as viewer:
        opened = said(viewer.recv())
        assert opened == wire.StreamOpened("vp8", wire.ConnectionId(f"{session}-s"))
        for length in (1, 2, 1000, wire.MAX_TEXT_CHUNK_BYTES):
            viewer.send(bytes(length))
            assert viewer.recv() == bytes(length)


@pytest.mark.parametrize(
    ("bad", "code"), [("text", 1003), (b"", 1009), (bytes(wire.MAX_TEXT_CHUNK_BYTES + 1), 1009)]
)
def test_what_is_no_chunk_ends_the_stream_with_a_reason(
    served: Served, session: str, bad: str | bytes, code: int
) -> None:
    with view(served, session, ticket(served, session, "stream")) as viewer:
        viewer.recv()
        viewer.send(bad)
        with pytest.raises(ConnectionClosed) as closed:
            viewer.recv()
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == code


def test_a_gateway_that_hangs_up_closes_it(served: Served, session: str) -> None:
    with view(served, session, ticket(served, session, "stream")) as viewer:
        viewer.recv()
        viewer.send(b"\x01bye")
        with pytest.raises(ConnectionClosed) as closed:
            viewer.recv()
    assert closed.value.rcvd is not None
    assert (closed.value.rcvd.code, "gateway" in closed.value.rcvd.reason) == (1000, True)


def test_why_there_is_no_picture_is_said_in_the_first_message(
    served: Served, session: str
) -> None:
    once = ticket(served, session, "stream")
    with view(served, session, once, more="&codecs=h264") as viewer:
        closed = said(viewer.recv())
    assert isinstance(closed, wire.StreamClosed)
    assert closed.code == "codec-unsupported"
    assert closed.detail


def test_only_the_owners_own_browser_goes_on_with_another_connection(
    served: Served, session: str
) -> None:
    more = f"&replaces={session}-s"
    own = {"cookie": served.browser["cookie"]}
    for headers in ({}, {"cookie": "fanlight_session=guessed"}):
        another = ticket(served, session, "stream")
        assert refused(served, session, another, more=more, headers=headers) == 404
    another = ticket(served, session, "stream")
    assert refused(served, session, another, more=f"{more}%20x", headers=own) == 422
    with view(served, session, ticket(served, session, "stream"), more=more, headers=own) as it:
        assert isinstance(said(it.recv()), wire.StreamOpened)


def test_a_viewer_that_reads_nothing_is_ended(served: Served, session: str) -> None:
    assert served.desk is not None
    calls = served.desk.controller.calls
    once = ticket(served, session, "stream")
    host = served.url.removeprefix("http://")
    with socket.create_connection(("127.0.0.1", int(host.partition(":")[2]))) as viewer:
        viewer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        viewer.sendall(
            f"GET /api/webrtc/session/{session}/stream?ticket={once} HTTP/1.1\r\n"
            f"Host: {host}\r\nOrigin: {served.url}\r\n"
            "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n".encode()
        )
        assert viewer.recv(4096).startswith(b"HTTP/1.1 101")
        viewer.sendall(b"\x82\x85\0\0\0\0\x01pour")
        deadline, tick = time.monotonic() + 30, threading.Event()
        while ("stream closed", session) not in calls:
            assert time.monotonic() < deadline
            tick.wait(0.05)


def test_a_flood_ends_its_stream_and_keeps_nobody_waiting(served: Served, session: str) -> None:
    tiny = b"\x82\x82\0\0\0\0\x01x"
    with (
        view(served, session, ticket(served, session, "stream")) as viewer,
        httpx.Client(base_url=served.url, headers=served.browser) as client,
    ):
        viewer.recv()
        viewer.socket.sendall(tiny * 30_000)
        since = time.monotonic()
        assert client.get("/api/me").status_code == 200
        assert time.monotonic() - since < 5
        assert code_of_the_end(viewer) == 1008


def code_of_the_end(viewer: ClientConnection) -> int | None:
    """Read until the server closes, and give its code."""
    try:
        while True:
            viewer.recv()
    except ConnectionClosed:
        return viewer.close_code


def test_a_ticket_is_for_one_stream_of_its_session(served: Served, session: str) -> None:
    once = ticket(served, session, "stream")
    for origin in ("http://evil.example", "http://localhost:1", "null"):
        assert refused(served, session, once, origin=origin) == 403
    assert refused(served, session, ticket(served, session, "vnc")) == 410
    assert refused(served, "no-such-session", ticket(served, session, "stream")) == 410
    assert refused(served, session, "") == 401
    with view(served, session, once) as viewer:
        viewer.recv()
    assert refused(served, session, once) == 410
    for codecs in ("", "av1", "vp8,vp8,vp8", "vp8,"):
        another = ticket(served, session, "stream")
        assert refused(served, session, another, more=f"&codecs={codecs}") == 422


def refused(
    served: Served,
    session: str,
    ticket: str,
    *,
    origin: str | None = None,
    more: str = "",
    headers: dict[str, str] | None = None,
) -> int:
    with (
        pytest.raises(InvalidStatus) as refusal,
        view(served, session, ticket, origin=origin, more=more, headers=headers),
    ):
        pass
    assert refusal.value.response.headers["content-type"] == "application/problem+json"
    return refusal.value.response.status_code
