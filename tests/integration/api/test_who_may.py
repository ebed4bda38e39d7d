"""Attacks on a real server: other pages, other people, stolen and borrowed tokens."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from tests.integration.api.real import FRAGMENT, SDP, Real, problem
from tests.integration.api.test_bad_input import OFFERED, send
from tests.unit.api.desk import OFFER, RECIPIENT
from tests.unit.api.test_who import OWNING, VIEWING
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect
from websockets.typing import Origin, Subprotocol

from fanlight.store import OWNER
from fanlight.testing.server import RunningServer
from fanlight.wire import SessionId

pytestmark = pytest.mark.timeout(120)


@pytest.fixture(scope="module")
def real() -> Iterator[Real]:
    with RunningServer({"shared_kernel": True}) as server, Real(server) as made:
        yield made


@pytest.fixture(scope="module")
def session(real: Real) -> str:
    return str(real.start()["sessionId"])


@pytest.fixture(scope="module")
def eve(real: Real) -> httpx.Client:
    """Somebody else who is signed in, with a session of her own nowhere near."""
    return real.stranger("eve")


@pytest.fixture(autouse=True)
def the_desktop_goes_on(real: Real, session: str) -> Iterator[None]:
    yield
    found = real.owner.get(f"/api/auth/session/{session}").json()
    assert (found["status"], found["viewers"]) == ("vm_created", 0)


def all_paths(real: Real, session: str) -> list[tuple[str, str]]:
    document = real.nobody().get("/openapi.json").json()
    filled = [
        (method.upper(), path.replace("{id}", session).replace("{connection}", "x"))
        for path, methods in document["paths"].items()
        for method in methods
    ]
    return [*filled, ("GET", "/"), ("GET", "/signin"), ("GET", "/dashboard"), ("GET", "/x")]


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:{port}", "localhost", "localhost:1", "127.0.0.1.nip.io"]
)
def test_a_rebound_name_reaches_no_route(real: Real, session: str, host: str) -> None:
    name = host.replace("{port}", real.url.rpartition(":")[2])
    for method, path in all_paths(real, session):
        answer = real.owner.request(method, path, headers={"host": name})
        assert answer.status_code == 421, (method, path)
        assert "set-cookie" not in answer.headers


@pytest.mark.parametrize(
    "origin",
    [None, "null", "http://localhost:1", "http://evil.example", "https://localhost:{port}"],
)
def test_another_page_of_this_browser_writes_nothing(
    real: Real, session: str, origin: str | None
) -> None:
    # Cookies ignore ports, so a page on another port of localhost sends ours along.
    page = real.nobody(cookie="; ".join(f"{k}={v}" for k, v in real.owner.cookies.items()))
    if origin is not None:
        page.headers["origin"] = origin.replace("{port}", real.url.rpartition(":")[2])
    for method, path in all_paths(real, session):
        if method in ("POST", "PATCH", "DELETE") and not path.startswith("/api/device"):
            answer = send(page, method, path)
            assert answer.status_code in (401, 403, 422), (method, path, answer.text)
    problem(send(page, "DELETE", f"/api/auth/session/{session}"), 403, "origin-refused")
    reading = page.get(f"/api/auth/session/{session}")
    assert "access-control-allow-origin" not in reading.headers


def test_no_get_starts_confirms_or_delivers(real: Real, session: str) -> None:
    for path in ("/api/auth/start", "/api/signout", f"/api/auth/session/{session}/confirm",
                 f"/api/auth/session/{session}/credential", "/api/tickets"):  # fmt: skip
        assert real.owner.get(path).status_code == 405, path
    assert real.owner.get("/api/me").status_code == 200


def test_a_stranger_finds_no_trace_of_a_session(
    real: Real, session: str, eve: httpx.Client
) -> None:
    opened = real.owner.post(f"/api/webrtc/session/{session}/whep", content=OFFERED, headers=SDP)
    place = opened.headers["location"]
    for method, path in VIEWING + OWNING:
        theirs = send(eve, method, path.format(id=session))
        none = send(eve, method, path.format(id="none"))
        assert (theirs.status_code, theirs.text) == (none.status_code, none.text), path
        assert theirs.status_code == 404
    mine = real.ticket(session, "whep")
    for who in (eve, real.nobody(authorization=f"Bearer {mine}")):
        answer = who.patch(place, content="a=ice-ufrag:abcd\r\n", headers=FRAGMENT)
        assert answer.status_code == 404, "an unused ticket has no connection either"
        assert who.delete(place).status_code == 404
    for use in ("vnc", "whep", "stream"):
        answer = eve.post("/api/tickets", json={"session": session, "use": use})
        problem(answer, 404, "session-not-found")
    assert eve.get("/api/auth/sessions?ended=1").json() == {"sessions": []}
    assert session not in eve.get("/api/history").text
    assert real.owner.delete(place).status_code == 200


def vnc(real: Real, session: str, ticket: str, origin: str) -> int:
    address = real.url.replace("http", "ws", 1)
    try:
        with connect(
            f"{address}/api/auth/session/{session}/vnc?ticket={ticket}",
            origin=Origin(origin),
            subprotocols=[Subprotocol("binary")],
            proxy=None,
        ) as viewer:
            assert bytes(viewer.recv()).startswith(b"RFB 003.")  # type: ignore[arg-type]
            return 101
    except InvalidStatus as refused:
        return refused.response.status_code


def test_vnc_needs_a_fresh_ticket_for_it_and_our_own_page(real: Real, session: str) -> None:
    ticket = real.ticket(session, "vnc")
    assert vnc(real, session, ticket, "http://localhost:1") == 403
    assert vnc(real, "another", ticket, real.url) == 410
    assert vnc(real, session, real.ticket(session, "whep"), real.url) == 410
    assert vnc(real, session, ticket, real.url) == 101
    assert vnc(real, session, ticket, real.url) == 410


def stream(real: Real, session: str, ticket: str, origin: str) -> int:
    address = real.url.replace("http", "ws", 1)
    try:
        with connect(
            f"{address}/api/webrtc/session/{session}/stream?ticket={ticket}",
            origin=Origin(origin),
            proxy=None,
        ) as viewer:
            assert b"stream.opened" in bytes(viewer.recv())  # type: ignore[arg-type]
            while bytes(viewer.recv())[0] != FRAME:  # type: ignore[arg-type]
                pass
            return 101
    except InvalidStatus as refused:
        return refused.response.status_code


FRAME = 2


def test_a_stream_needs_a_fresh_ticket_for_it_and_our_own_page(
    real: Real, session: str, eve: httpx.Client
) -> None:
    ticket = real.ticket(session, "stream")
    assert stream(real, session, ticket, "http://localhost:1") == 403
    assert stream(real, "another", ticket, real.url) == 410
    for use in ("whep", "vnc"):
        assert stream(real, session, real.ticket(session, use), real.url) == 410
    asked = eve.post("/api/tickets", json={"session": session, "use": "stream"})
    problem(asked, 404, "session-not-found")
    assert stream(real, session, ticket, real.url) == 101
    assert stream(real, session, ticket, real.url) == 410


def test_a_way_is_tried_by_a_persons_browser_and_closed_by_it_alone(
    real: Real, session: str, eve: httpx.Client
) -> None:
    key = real.owner.post("/api/keys", json={"label": "ci"}).json()["key"]
    path, offer = "/api/webrtc/preflight", OFFERED
    for who, status in ((real.nobody(), 401), (real.program(key), 403)):
        assert who.post(path, content=offer, headers=SDP).status_code == status
    for who in (real.owner, eve):
        answer = who.post(path, content=offer, headers=SDP)
        assert answer.status_code == 201, answer.text
        assert "a=candidate:" in answer.text
        assert session not in answer.text
        place = answer.headers["location"]
        others = eve if who is real.owner else real.owner
        assert others.delete(place).status_code == 404
        name = place.rpartition("/")[2]
        assert who.delete(f"/api/webrtc/session/{session}/whep/{name}").status_code == 404
        assert who.delete(place).status_code == 200
    problem(real.owner.post(path, content=OFFER, headers=SDP), 400, "offer-rejected")


def test_a_key_alone_neither_views_nor_confirms(real: Real, session: str) -> None:
    key = real.owner.post("/api/keys", json={"label": "ci"}).json()["key"]
    program = real.program(key)
    assert program.get(f"/api/auth/session/{session}").status_code == 200
    for method, path in VIEWING:
        assert send(program, method, path.format(id=session)).status_code == 403, path
    for path, body in (("/api/tickets", {"session": session, "use": "vnc"}), ("/api/keys", {})):
        assert program.post(path, json=body).status_code == 403


def test_a_sessions_token_is_good_for_that_session_alone(real: Real, session: str) -> None:
    other = str(real.start(ready=False)["sessionId"])
    token = real.in_store(lambda store: store.new_session_token(SessionId(other), OWNER, 0.0))
    program = real.program(token)
    assert program.get(f"/api/auth/session/{other}").status_code == 200
    for method, path in VIEWING + OWNING:
        assert send(program, method, path.format(id=session)).status_code == 404, path
    for method, path in VIEWING:
        assert send(program, method, path.format(id=other)).status_code == 403, path
    assert program.post("/api/auth/start", json={}).status_code == 403
    real.end(other)


def test_a_machines_token_answers_for_its_own_session_only(real: Real, session: str) -> None:
    one, two = (real.start(ready=False, answerer="machine") for _ in range(2))
    machine = real.program(one["machineToken"])
    body = {"type": "answer", "sdp": "v=0\r\n"}
    for id_ in (two["sessionId"], session):
        base = f"/api/webrtc/session/{id_}"
        assert machine.get(f"{base}/offer").status_code in (403, 404)
        assert machine.post(f"{base}/answer", json=body).status_code in (403, 404)
        assert machine.get(f"{base}/candidates").status_code in (403, 404)
    assert machine.get(f"/api/auth/session/{one['sessionId']}").status_code == 403
    assert real.owner.post(f"/api/webrtc/session/{one['sessionId']}/answer", json=body
                           ).status_code == 403  # fmt: skip
    for each in (one, two):
        real.end(each["sessionId"])


def test_starting_takes_nothing_but_what_it_knows(real: Real) -> None:
    for field in ("env", "environment", "proxy", "ca", "caFile", "command", "egress", "identity"):
        body = {"provider": "gh", "recipient": RECIPIENT, field: "x"}
        problem(real.owner.post("/api/auth/start", json=body), 422, "invalid-request")


def test_a_second_principal_needs_the_operators_word() -> None:
    with RunningServer() as server, Real(server) as alone:
        with pytest.raises(subprocess.CalledProcessError) as refused:
            alone.command("principal", "add", "eve")
        assert "--shared-kernel" in refused.value.stderr


def test_the_sign_in_token_is_in_no_arguments_environment_or_log() -> None:
    with RunningServer({"log_level": "debug"}) as server:
        token = server.link.partition("#token=")[2].encode()
        with Real(server) as real:
            real.start()
            cookie = next(iter(real.owner.cookies.values())).encode()
            public = b"".join(_arguments_and_environments())
        output = "".join(server.output)
        logs = [each.read_bytes() for each in (server.data / "log").iterdir()]
        stored = [each.read_bytes() for each in (server.data / "store").iterdir()]
    assert token not in public
    assert cookie not in public
    assert output.count(token.decode()) == 1, "the printed line aside"
    assert cookie.decode() not in output
    for text in (*logs, *stored):
        assert token not in text
        assert cookie not in text


def _arguments_and_environments() -> Iterator[bytes]:
    for each in Path("/proc").iterdir():
        for name in ("cmdline", "environ"):
            try:
                yield (each / name).read_bytes()
            except OSError:
                continue


FANLIGHT = str(Path(sys.executable).parent / "fanlight")


@pytest.mark.parametrize("host", ["0.0.0.0", "::"])
def test_other_than_loopback_without_tls_is_refused(tmp_path: Path, host: str) -> None:
    done = run(["serve", "--host", host, "--port", "0", "--data", str(tmp_path)])
    assert done.returncode == 2
    assert "unencrypted" in done.stderr
    assert "--tls-cert" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_connect_sends_nothing_unencrypted_to_another_host() -> None:
    done = run(["connect", "gh", "--server", "http://desk.example.org"])
    assert done.returncode not in (0, 70)
    assert "not encrypted" in done.stdout + done.stderr


def run(words: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [FANLIGHT, *words],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
        env=os.environ | {"COLUMNS": "300", "NO_COLOR": "1"},
    )
