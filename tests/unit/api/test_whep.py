"""WHEP, as the draft says and as players do it; and the older offer/answer routes."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from tests.unit.api.desk import OFFER, PORT, Desk, make_desk

from fanlight.api import ApiSettings
from fanlight.api.settings import Rates
from fanlight.errors import GatewayUnavailable, TooManyViewers
from fanlight.wire import ConnectionId, SessionId

SDP = {"content-type": "application/sdp"}
FRAGMENT = {"content-type": "application/trickle-ice-sdpfrag"}
LINE = "a=candidate:1 1 UDP 2113937151 127.0.0.1 40000 typ host\r\n"
TRICKLE = f"a=ice-ufrag:abcd\r\na=ice-pwd:p\r\nm=video 9 RTP/AVP 0\r\na=mid:0\r\n{LINE}"
RESTART = TRICKLE.replace("abcd", "efgh")


async def opened(client: httpx.AsyncClient, session: str) -> httpx.Response:
    path = f"/api/webrtc/session/{session}/whep"
    answer = await client.post(path, content=OFFER, headers=SDP)
    assert answer.status_code == 201, answer.text
    return answer


async def test_an_offer_may_name_the_connection_that_it_replaces(
    desk: Desk, owner: httpx.AsyncClient, session: str
) -> None:
    first = (await opened(owner, session)).headers["location"].rpartition("/")[2]
    path = f"/api/webrtc/session/{session}/whep"

    again = await owner.post(path, params={"replaces": first}, content=OFFER, headers=SDP)
    assert again.status_code == 201
    assert desk.controller.replaced == [first]


@pytest.mark.parametrize(("name", "status"), [("other-session-1", 404), ("a b", 422), ("", 422)])
async def test_an_offer_that_replaces_what_is_not_of_its_session_is_refused(
    owner: httpx.AsyncClient, session: str, name: str, status: int
) -> None:
    path = f"/api/webrtc/session/{session}/whep"
    answer = await owner.post(path, params={"replaces": name}, content=OFFER, headers=SDP)
    assert answer.status_code == status


async def ticket_for(owner: httpx.AsyncClient, session: str, use: str = "whep") -> str:
    made = await owner.post("/api/tickets", json={"session": session, "use": use})
    ticket: str = made.json()["ticket"]
    return ticket


async def test_an_offer_is_answered_at_once_although_nothing_has_booted(
    owner: httpx.AsyncClient, session: str
) -> None:
    answer = await opened(owner, session)
    assert answer.headers["content-type"].startswith("application/sdp")
    assert answer.headers["location"].startswith(f"/api/webrtc/session/{session}/whep/")
    assert answer.headers["etag"].startswith('"')
    assert answer.text.startswith("v=0")


@pytest.mark.parametrize(
    ("fragment", "if_match", "status"),
    [
        (TRICKLE, "etag", 204),
        (TRICKLE, None, 204),
        (TRICKLE, "*", 204),
        (TRICKLE, '"*"', 204),
        (LINE, "etag", 204),
        (TRICKLE, '"stale"', 412),
        (TRICKLE, "W/etag", 412),
        (RESTART, "*", 422),
        (RESTART, '"*"', 422),
        (RESTART, None, 422),
        ("a=end-of-candidates\r\n", None, 204),
        ("", None, 400),
        ("nonsense", None, 400),
    ],
)
async def test_trickle_and_restart(
    desk: Desk,
    owner: httpx.AsyncClient,
    session: str,
    fragment: str,
    if_match: str | None,
    status: int,
) -> None:
    answer = await opened(owner, session)
    headers = dict(FRAGMENT)
    if if_match is not None:
        headers["if-match"] = if_match.replace("etag", answer.headers["etag"])
    sent = await owner.patch(answer.headers["location"], content=fragment, headers=headers)
    assert sent.status_code == status, sent.text
    assert "etag" not in sent.headers
    (connection,) = desk.controller.sessions_[SessionId(session)].connections.values()
    assert len(connection.viewer_candidates) == (1 if status == 204 else 0)


async def test_strict_mode_wants_if_match(tmp_path: Path) -> None:
    settings = replace(ApiSettings.serving(PORT), strict_whep=True)
    async with make_desk(tmp_path, settings) as desk:
        owner = await desk.browser()
        session = (await owner.post("/api/auth/start", json={})).json()["sessionId"]
        answer = await opened(owner, session)
        sent = await owner.patch(answer.headers["location"], content=TRICKLE, headers=FRAGMENT)
        assert sent.status_code == 428


async def test_a_connection_is_closed_once(owner: httpx.AsyncClient, session: str) -> None:
    location = (await opened(owner, session)).headers["location"]
    assert (await owner.delete(location, headers={"if-match": '"any"'})).status_code == 200
    assert (await owner.delete(location)).status_code == 404
    assert (await owner.patch(location, content=TRICKLE, headers=FRAGMENT)).status_code == 404


async def test_a_connection_belongs_to_its_session(owner: httpx.AsyncClient, session: str) -> None:
    other = (await owner.post("/api/auth/start", json={})).json()["sessionId"]
    location = (
        (await opened(owner, session)).headers["location"].replace(session + "/", other + "/")
    )
    assert (await owner.patch(location, content=TRICKLE, headers=FRAGMENT)).status_code == 404
    assert (await owner.delete(location)).status_code == 404


async def test_the_endpoint_can_be_discovered(owner: httpx.AsyncClient, session: str) -> None:
    path = f"/api/webrtc/session/{session}/whep"
    head = await owner.head(path)
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-type"].startswith("application/sdp")
    got = await owner.get(path)
    assert (got.status_code, got.content) == (204, b"")
    options = await owner.options(path)
    assert options.headers["accept-post"] == "application/sdp"


@pytest.mark.parametrize(
    ("content", "headers", "status"),
    [
        (OFFER, {"content-type": "text/plain"}, 415),
        (OFFER, {}, 415),
        ("", SDP, 400),
        ("v=0\r\n", SDP, 400),
        ("v=0\r\n" + "a" * 200_000, SDP, 400),
        (OFFER.replace("a=ice-ufrag:abcd\r\n", ""), SDP, 400),
        (b"\xff\xfe", SDP, 400),
        ("v=0\r\n" * 60_000, SDP, 413),
    ],
)
async def test_bad_offers_get_a_reason_and_open_nothing(
    desk: Desk,
    owner: httpx.AsyncClient,
    session: str,
    content: str | bytes,
    headers: dict[str, str],
    status: int,
) -> None:
    path = f"/api/webrtc/session/{session}/whep"
    answer = await owner.post(path, content=content, headers=headers)
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert desk.controller.sessions_[SessionId(session)].connections == {}


async def test_an_ended_session_says_so(
    desk: Desk, owner: httpx.AsyncClient, session: str
) -> None:
    await desk.controller.finish(SessionId(session))
    path = f"/api/webrtc/session/{session}/whep"
    answer = await owner.post(path, content=OFFER, headers=SDP)
    assert (answer.status_code, answer.json()["code"]) == (409, "session-ended")


async def test_without_a_gateway_the_viewer_is_asked_to_come_again(
    desk: Desk, owner: httpx.AsyncClient, session: str
) -> None:
    path = f"/api/webrtc/session/{session}/whep"
    desk.controller.failing = GatewayUnavailable()
    answer = await owner.post(path, content=OFFER, headers=SDP)
    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "1"
    desk.controller.gateway_answers = None
    answer = await owner.post(path, content=OFFER, headers=SDP)
    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "1"
    assert desk.controller.sessions_[SessionId(session)].connections == {}


@pytest.mark.parametrize("scheme", ["Bearer ", "bearer ", ""])
async def test_a_ticket_opens_one_connection_and_speaks_for_it(
    desk: Desk, owner: httpx.AsyncClient, session: str, scheme: str
) -> None:
    ticket = await ticket_for(owner, session)
    player = desk.client(authorization=f"{scheme}{ticket}")
    other = (await opened(owner, session)).headers["location"]

    assert (await player.head(f"/api/webrtc/session/{session}/whep")).status_code == 200
    location = (await opened(player, session)).headers["location"]
    again = await player.post(f"/api/webrtc/session/{session}/whep", content=OFFER, headers=SDP)
    assert again.status_code == 410
    assert (await player.patch(other, content=TRICKLE, headers=FRAGMENT)).status_code == 404
    assert (await player.delete(other)).status_code == 404
    assert (await player.patch(location, content=TRICKLE, headers=FRAGMENT)).status_code == 204
    assert (await player.delete(location)).status_code == 200


async def test_a_malformed_offer_does_not_use_a_ticket_up(
    desk: Desk, owner: httpx.AsyncClient, session: str
) -> None:
    player = desk.client(authorization=await ticket_for(owner, session))
    path = f"/api/webrtc/session/{session}/whep"
    assert (await player.post(path, content="", headers=SDP)).status_code == 400
    await opened(player, session)


async def test_as_many_viewers_as_may_are_a_server_under_load(
    desk: Desk, owner: httpx.AsyncClient, session: str
) -> None:
    desk.controller.failing = TooManyViewers("8 viewers look")
    path = f"/api/webrtc/session/{session}/whep"
    answer = await owner.post(path, content=OFFER, headers=SDP)
    assert (answer.status_code, answer.json()["code"]) == (503, "too-many-viewers")
    assert answer.headers["retry-after"] == "10"


async def test_offers_in_too_quick_succession_are_told_when_to_come_again(tmp_path: Path) -> None:
    settings = replace(ApiSettings.serving(PORT), rates=Rates(offer=1))
    async with make_desk(tmp_path, settings) as desk:
        owner = await desk.browser()
        session = (await owner.post("/api/auth/start", json={})).json()["sessionId"]
        await opened(owner, session)
        path = f"/api/webrtc/session/{session}/whep"
        answer = await owner.post(path, content=OFFER, headers=SDP)
    assert answer.status_code == 429
    assert int(answer.headers["retry-after"]) > 0


@pytest.mark.parametrize("why", ["full", "no gateway", "no answer"])
async def test_who_is_told_to_come_again_can_do_so_with_the_same_ticket(
    desk: Desk, owner: httpx.AsyncClient, session: str, why: str
) -> None:
    player = desk.client(authorization=await ticket_for(owner, session))
    path = f"/api/webrtc/session/{session}/whep"
    answers = desk.controller.gateway_answers
    if why == "no answer":
        desk.controller.gateway_answers = None
    else:
        desk.controller.failing = GatewayUnavailable() if why == "no gateway" else TooManyViewers()

    first = await player.post(path, content=OFFER, headers=SDP)
    assert (first.status_code, "retry-after" in first.headers) == (503, True)

    desk.controller.gateway_answers = answers
    await opened(player, session)
    assert (await player.post(path, content=OFFER, headers=SDP)).status_code == 410


async def test_options_of_a_connection_are_the_same_for_everybody(
    desk: Desk, owner: httpx.AsyncClient, session: str
) -> None:
    location = (await opened(owner, session)).headers["location"]
    for path in (location, f"/api/webrtc/session/{session}/whep/nobody"):
        answer = await desk.client().options(path)
        assert (answer.status_code, answer.headers["allow"]) == (200, "DELETE, OPTIONS, PATCH")
        assert answer.headers["accept-patch"] == "application/trickle-ice-sdpfrag"
    for method in ("GET", "HEAD", "POST", "PUT"):
        assert (await owner.request(method, location)).status_code == 405


async def test_a_refused_restart_leaves_the_connection_as_it_was(
    owner: httpx.AsyncClient, session: str
) -> None:
    answer = await opened(owner, session)
    location, etag = answer.headers["location"], answer.headers["etag"]
    for fragment in (RESTART, RESTART + "a=end-of-candidates\r\n"):
        sent = await owner.patch(location, content=fragment, headers=FRAGMENT | {"if-match": "*"})
        assert sent.status_code == 422
    sent = await owner.patch(location, content=TRICKLE, headers=FRAGMENT | {"if-match": etag})
    assert sent.status_code == 204


async def test_a_counter_offer_s_answer_and_other_types_are_refused(
    owner: httpx.AsyncClient, session: str
) -> None:
    location = (await opened(owner, session)).headers["location"]
    assert (await owner.patch(location, content=OFFER, headers=SDP)).status_code == 415


async def test_a_ticket_is_for_its_session_and_use_only(
    desk: Desk, owner: httpx.AsyncClient, session: str
) -> None:
    other = (await owner.post("/api/auth/start", json={})).json()["sessionId"]
    for ticket in (await ticket_for(owner, other), await ticket_for(owner, session, "vnc")):
        player = desk.client(authorization=ticket)
        path = f"/api/webrtc/session/{session}/whep"
        assert (await player.post(path, content=OFFER, headers=SDP)).status_code == 404
        assert (await player.get("/api/me")).status_code == 403


async def test_strangers_get_no_tickets(desk: Desk, session: str) -> None:
    body = {"session": session, "use": "vnc"}
    assert (await (await desk.stranger()).post("/api/tickets", json=body)).status_code == 404
    assert (await (await desk.program()).post("/api/tickets", json=body)).status_code == 403


async def test_offer_and_answer_the_older_way(owner: httpx.AsyncClient, session: str) -> None:
    base = f"/api/webrtc/session/{session}"
    assert (await owner.get(f"{base}/answer")).status_code == 404
    made = await owner.post(f"{base}/offer", json={"type": "offer", "sdp": OFFER})
    assert made.status_code == 201
    query = {"connectionId": made.json()["connectionId"], "wait": "5"}
    answer = await owner.get(f"{base}/answer", params=query)
    assert answer.json()["type"] == "answer"
    assert (await owner.get(f"{base}/answer?connectionId=none")).status_code == 404


async def test_a_machine_that_waits_is_answered_as_soon_as_an_offer_comes(
    desk: Desk, owner: httpx.AsyncClient
) -> None:
    started = (await owner.post("/api/auth/start", json={"answerer": "machine"})).json()
    base = f"/api/webrtc/session/{started['sessionId']}"
    machine = desk.client(authorization=f"Bearer {started['machineToken']}")
    assert (await machine.get(f"{base}/offer")).json()["code"] == "nothing-yet"

    async with asyncio.TaskGroup() as tasks:
        waiting = tasks.create_task(machine.get(f"{base}/offer?wait=5"))
        sent = tasks.create_task(owner.post(f"{base}/offer", json={"type": "offer", "sdp": OFFER}))
    connection = sent.result().json()["connectionId"]
    assert waiting.result().json() == {"type": "offer", "sdp": OFFER, "connectionId": connection}

    viewers = {"candidate": "candidate:1", "sdpMid": "0", "sdpMLineIndex": 0}
    query = {"connectionId": connection}
    for client in (owner, machine):
        assert (await client.post(f"{base}/candidates", json=viewers, params=query)).is_success
        got = (await client.get(f"{base}/candidates", params=query)).json()
        if client is machine:
            assert got == {"candidates": [viewers], "next": 1}
    got = (await owner.get(f"{base}/candidates", params=query | {"after": 1})).json()
    assert got == {"candidates": [], "next": 1}


async def test_a_connection_goes_on_after_the_controller_forgot_its_etag(
    desk: Desk, owner: httpx.AsyncClient, session: str
) -> None:
    answer = await opened(owner, session)
    location = answer.headers["location"]
    desk.app.state.parts.resources.remove(ConnectionId(location.rpartition("/")[2]))
    headers = FRAGMENT | {"if-match": answer.headers["etag"]}
    assert (await owner.patch(location, content=TRICKLE, headers=headers)).status_code == 204
