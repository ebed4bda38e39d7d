"""What bad input gets from the real thing: a named problem with what to do; the session is as it
was; nothing is left running.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from tests.integration.api.real import FRAGMENT, SDP, Real, problem, real_offer
from tests.unit.api.desk import RECIPIENT
from tests.unit.api.test_who import OWNING, VIEWING

from fanlight.host.processes import children_of, start_time
from fanlight.store import OWNER
from fanlight.testing.server import RunningServer
from fanlight.wire import SessionId

pytestmark = pytest.mark.timeout(120)


@pytest.fixture(scope="module")
def real() -> Iterator[Real]:
    settings = {"shared_kernel": True, "max_sessions_per_principal": 3}
    with RunningServer(settings) as server, Real(server) as made:
        yield made


@pytest.fixture(scope="module")
def session(real: Real) -> str:
    """A desktop that everything here is thrown at."""
    return str(real.start()["sessionId"])


@pytest.fixture(autouse=True)
def as_it_was(real: Real, session: str) -> Iterator[None]:
    """Whatever was sent, the desktop goes on and no other session came of it."""
    yield
    assert real.owner.get(f"/api/auth/session/{session}").json()["status"] == "vm_created"
    alive = real.owner.get("/api/auth/sessions").json()["sessions"]
    others = [each["sessionId"] for each in alive if each["sessionId"] != session]
    for each in others:
        real.end(each)
    assert others == []


def test_an_unknown_tool(real: Real) -> None:
    answer = real.owner.post("/api/auth/start", json={"provider": "x", "recipient": RECIPIENT})
    problem(answer, 422, "unknown-tool")


def test_an_unknown_session(real: Real) -> None:
    for method, path in VIEWING + OWNING:
        answer = send(real.owner, method, path.format(id="none"))
        if method == "HEAD":
            assert answer.status_code == 404
        else:
            problem(answer, 404, "session-not-found")


def send(client: httpx.Client, method: str, path: str) -> httpx.Response:
    """Send a request that would be taken from the right person."""
    if "/whep" in path:
        kind = FRAGMENT if method == "PATCH" else SDP
        content = "a=ice-ufrag:abcd\r\n" if method == "PATCH" else OFFERED
        return client.request(method, path, content=content, headers=kind)
    body = {
        "offer": {"type": "offer", "sdp": OFFERED},
        "candidates": {"candidate": ""},
        "confirm": {"account": "me"},
    }.get(path.rpartition("/")[2])
    return client.request(method, path, json=body if method == "POST" else None)


OFFERED = real_offer()


def test_a_link_that_was_used_or_is_too_old(real: Real) -> None:
    client = real.nobody(origin=real.url)
    used = real.server.link.partition("#token=")[2]
    late = real.in_store(lambda store: store.new_link(OWNER, time.time() - 601))
    for token in (used, late, "x", "\x00", "ü" * 100):
        problem(client.post("/api/signin", json={"token": token}), 410, "expired")


def test_a_ticket_that_was_used_or_is_too_old(real: Real, session: str) -> None:
    path = f"/api/webrtc/session/{session}/whep"
    ticket = real.ticket(session, "whep")
    viewer = real.nobody(authorization=f"Bearer {ticket}")
    opened = viewer.post(path, content=OFFERED, headers=SDP)
    assert opened.status_code == 201, opened.text
    problem(viewer.post(path, content=OFFERED, headers=SDP), 410, "expired")
    assert viewer.delete(opened.headers["location"]).status_code == 200

    id_ = SessionId(session)
    late = real.in_store(lambda store: store.new_ticket(id_, OWNER, "whep", time.time() - 61))
    answer = real.nobody(authorization=f"Bearer {late}").post(path, content=OFFERED, headers=SDP)
    assert answer.status_code in (401, 410)
    problem(answer, answer.status_code, answer.json()["code"])


def test_a_key_that_was_revoked(real: Real) -> None:
    made = real.owner.post("/api/keys", json={"label": "short"}).json()
    program = real.program(made["key"])
    assert program.get("/api/me").status_code == 200
    assert real.owner.delete(f"/api/keys/{made['id']}").status_code == 204
    problem(program.get("/api/me"), 401, "not-signed-in")


@pytest.mark.parametrize(
    "sdp",
    [
        "",
        "x",
        "v=0\r\n" * 10_000,
        "v=0\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\n",
        OFFERED.replace("a=fingerprint", "a=fingerprin"),
        OFFERED.replace("m=video 9", "m=video 99999999999"),
        OFFERED.replace("sha-256 ", "sha-256 zz"),
        OFFERED.replace("a=mid:", "a=dim:"),
        OFFERED.replace("VP8", "\ud7ff"),
        OFFERED + "a=candidate:" + "9" * 10_000 + "\r\n",
        OFFERED + "m=audio 0 x 0\r\n" * 500,
    ],
)
def test_a_malformed_session_description(real: Real, session: str, sdp: str) -> None:
    for answer in (
        real.owner.post(f"/api/webrtc/session/{session}/whep", content=sdp, headers=SDP),
        real.owner.post(
            f"/api/webrtc/session/{session}/offer", json={"type": "offer", "sdp": sdp}
        ),
    ):
        if answer.status_code == 201 and "connectionId" in answer.text:
            connection = answer.json()["connectionId"]
            path = f"/api/webrtc/session/{session}/answer?connectionId={connection}&wait=10"
            answer = real.owner.get(path)
        assert answer.status_code < 500, answer.text
        if answer.status_code >= 400:
            assert answer.json()["hint"]
    good = real.owner.post(f"/api/webrtc/session/{session}/whep", content=OFFERED, headers=SDP)
    assert good.status_code == 201, good.text
    real.owner.delete(good.headers["location"])


@pytest.mark.parametrize(
    ("body", "kind", "status", "code"),
    [
        (b"{", "application/json", 400, "malformed-body"),
        (b"\xff\xfe", "application/json", 400, "malformed-body"),
        (b"[" * 60_000, "application/json", 400, "malformed-body"),
        (b"[]", "application/json", 422, "invalid-request"),
        (b'{"env": {"HTTP_PROXY": "x"}}', "application/json", 422, "invalid-request"),
        (b'{"label": "' + b"x" * 60_000 + b'"}', "application/json", 422, "invalid-request"),
        (b"{}", "text/plain", 415, "unsupported-media-type"),
        (b" " * 70_000, "application/json", 413, "too-large"),
        (json.dumps({"screen": {"widthPx": 10**9, "heightPx": 1}}).encode(),
         "application/json", 422, "invalid-request"),
    ],
)  # fmt: skip
def test_a_malformed_body(real: Real, body: bytes, kind: str, status: int, code: str) -> None:
    answer = real.owner.post("/api/auth/start", content=body, headers={"content-type": kind})
    problem(answer, status, code)


@pytest.mark.parametrize(
    "text", ["", "x", "a=candidate:\r\n", "a=" + "\x00" * 10, "a=x\r\n" * 1000]
)
def test_a_malformed_fragment(real: Real, session: str, text: str) -> None:
    opened = real.owner.post(f"/api/webrtc/session/{session}/whep", content=OFFERED, headers=SDP)
    place = opened.headers["location"]
    problem(real.owner.patch(place, content=text, headers=FRAGMENT), 400, "fragment-rejected")
    huge = real.owner.patch(place, content="a=x\r\n" * 60_000, headers=FRAGMENT)
    problem(huge, 413, "too-large")
    assert real.owner.delete(place).status_code == 200
    assert real.owner.delete(place).status_code == 200, "twice is once"


@pytest.mark.parametrize("value", ["x", "bytes=", "bytes=9-1", "bytes=" + "0-," * 15_000])
def test_a_malformed_range(real: Real, value: str) -> None:
    for path in ("/", "/openapi.json", "/dashboard"):
        began = time.monotonic()
        answer = real.nobody().get(path, headers={"range": value})
        assert answer.status_code in (200, 206, 307, 400, 416), answer.text
        assert time.monotonic() - began < 2


@pytest.mark.parametrize("value", ["-1", "x", "9" * 40, "1e3", "\u0661"])
def test_a_malformed_last_event_id(real: Real, session: str, value: str) -> None:
    path = f"/api/auth/session/{session}/events"
    headers = {b"last-event-id": value.encode()}
    problem(real.owner.get(path, headers=headers), 422, "invalid-request")


def test_two_offers_at_once(real: Real, session: str) -> None:
    path = f"/api/webrtc/session/{session}/whep"
    offers = [OFFERED, real_offer()]
    with ThreadPoolExecutor(2) as pool:
        answers = list(
            pool.map(lambda sdp: real.owner.post(path, content=sdp, headers=SDP), offers)
        )
    assert [each.status_code for each in answers] == [201, 201]
    places = [each.headers["location"] for each in answers]
    assert len(set(places)) == 2
    assert [real.owner.delete(each).status_code for each in places] == [200, 200]


def test_an_answer_without_an_offer(real: Real) -> None:
    started = real.start(ready=False, answerer="machine")
    machine = real.program(started["machineToken"])
    path = f"/api/webrtc/session/{started['sessionId']}/answer"
    body = {"type": "answer", "sdp": "v=0\r\n"}
    problem(machine.post(path, json=body), 404, "connection-not-found")
    problem(machine.post(path + "?connectionId=x", json=body), 404, "connection-not-found")
    real.end(started["sessionId"])
    assert machine.post(path, json=body).status_code in (401, 403, 404, 409)


def test_the_event_stream_of_an_ended_session(real: Real) -> None:
    id_ = str(real.start(ready=False)["sessionId"])
    real.end(id_)
    path = f"/api/auth/session/{id_}/events"
    for after in ("0", "999999"):
        text = real.owner.get(path, headers={"last-event-id": after}).text
        events = [line[7:] for line in text.splitlines() if line.startswith("event: ")]
        assert events[-2:] == ["session", "end"], "its final state, then the end"
    for method, path in VIEWING[:1] + VIEWING[4:5]:
        problem(send(real.owner, method, path.format(id=id_)), 409, "session-ended")
    answer = real.owner.post("/api/tickets", json={"session": id_, "use": "vnc"})
    problem(answer, 409, "session-ended")
    problem(real.owner.post(f"/api/auth/session/{id_}/credential"), 410, "expired")


def test_a_credential_that_there_is_not(real: Real, session: str) -> None:
    base = f"/api/auth/session/{session}"
    for _ in range(2):
        problem(real.owner.post(f"{base}/credential"), 400, "bad-request")
    problem(real.owner.post(f"{base}/credential/ack"), 400, "bad-request")
    problem(real.owner.post(f"{base}/confirm", json={"account": "x"}), 400, "bad-request")
    problem(real.owner.post(f"{base}/reject"), 400, "bad-request")


def test_more_sessions_than_a_principal_may_have(real: Real) -> None:
    more = [str(real.start(ready=False)["sessionId"]) for _ in range(2)]
    problem(real.owner.post("/api/auth/start", json={}), 429, "limit-reached")
    for each in more:
        real.end(each)


def test_nothing_is_left_running_in_the_end() -> None:
    with RunningServer() as server, Real(server) as real:
        real.start()
        recorded = json.loads((server.data / "run" / "processes.json").read_text())
        below = {child for pid, _ in recorded for child in children_of(pid)}
        running = {pid: start_time(pid) for pid in {pid for pid, _ in recorded} | below}
        assert len(running) > 3, "gateway, proxy, a machine and what is in it"
    assert [pid for pid, began in running.items() if start_time(pid) == began] == []
