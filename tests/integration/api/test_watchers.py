"""Whoever looks keeps a session, by whatever way; whose browser sleeps does not for long."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.integration.api.real import SDP, Real

from fanlight.testing.server import RunningServer

pytestmark = pytest.mark.timeout(180)

LONELY = Path(__file__).parents[1] / "gateway" / "lonely_viewer.py"
KEEP_S = 2
NOTICED_S = 110.0
"""Within so much a silent WebRTC viewer is over: libnice gives up after about 50 s."""


@pytest.fixture(scope="module")
def real() -> Iterator[Real]:
    with RunningServer() as server, Real(server) as made:
        yield made


@contextlib.contextmanager
def sleeping_vnc(real: Real, session: str) -> Iterator[None]:
    """A browser that opened noVNC and was put to sleep: it neither reads nor answers."""
    host, port = real.url.removeprefix("http://").split(":")
    ticket = real.ticket(session, "vnc")
    key = base64.b64encode(os.urandom(16)).decode()
    with socket.create_connection((host, int(port))) as browser:
        browser.sendall(
            f"GET /api/auth/session/{session}/vnc?ticket={ticket} HTTP/1.1\r\n"
            f"Host: {host}:{port}\r\nOrigin: {real.url}\r\nUpgrade: websocket\r\n"
            f"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n"
            "Sec-WebSocket-Protocol: binary\r\n\r\n".encode()
        )
        assert b" 101 " in browser.recv(200)
        yield


@contextlib.contextmanager
def sleeping_webrtc(real: Real, session: str) -> Iterator[None]:
    """A WebRTC viewer that had its picture and was stopped."""
    viewer = subprocess.Popen(
        [sys.executable, str(LONELY)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert viewer.stdin
    assert viewer.stdout
    try:
        offer = json.loads(viewer.stdout.readline())["sdp"]
        answer = real.owner.post(f"/api/webrtc/session/{session}/whep", content=offer, headers=SDP)
        viewer.stdin.write(json.dumps({"sdp": answer.text}) + "\n")
        viewer.stdin.flush()
        wait_for(lambda: timeline(real, session) >= {"connected", "first_frame"}, 20)
        viewer.send_signal(signal.SIGSTOP)
        yield
    finally:
        viewer.kill()
        viewer.wait()
        viewer.stdin.close()
        viewer.stdout.close()


def look(real: Real, session: str) -> dict[str, object]:
    found: dict[str, object] = real.owner.get(f"/api/auth/session/{session}").json()
    return found


def timeline(real: Real, session: str) -> set[str]:
    steps = look(real, session)["timeline"]
    assert isinstance(steps, list)
    return {each["name"] for each in steps}


def wait_for(condition: Callable[[], object], timeout_s: float) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "it did not come to be in time"
        time.sleep(0.05)


def test_viewers_that_sleep_keep_a_session_only_until_they_are_missed(
    real: Real, record_property: Callable[[str, object], None]
) -> None:
    started = real.start(ready=False, keepS=KEEP_S)
    session = str(started["sessionId"])
    assert started["keepS"] == KEEP_S
    with sleeping_webrtc(real, session):
        real.until(session, "vm_created")
        begun = time.monotonic()
        with sleeping_vnc(real, session):
            wait_for(lambda: look(real, session)["viewers"] == 2, 10)
            wait_for(lambda: look(real, session)["viewers"] == 1, 40)
            record_property("vnc_missed_s", round(time.monotonic() - begun, 1))
            assert look(real, session)["status"] == "vm_created", "it is looked at by the other"
        wait_for(lambda: look(real, session)["status"] == "ended", NOTICED_S)
        record_property("webrtc_missed_s", round(time.monotonic() - begun - KEEP_S, 1))
    over = look(real, session)
    assert over["viewers"] == 0
    assert isinstance(over["reason"], dict)
    assert over["reason"]["code"] == "idle"
    figures = real.owner.get("/metrics").text
    assert 'fanlight_viewers_failed_total{cause="connection-lost"} 1.0' in figures
    assert "\nfanlight_viewers 0.0" in figures
