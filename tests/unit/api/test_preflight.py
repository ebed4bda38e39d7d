"""A viewer's ways are tried without a session: by a browser that is signed in, within bounds."""

from __future__ import annotations

import httpx
import pytest
from tests.unit.api.desk import OFFER, ORIGIN, Desk

from fanlight.errors import Expired, GatewayUnavailable
from fanlight.store import OWNER

BASE = "/api/webrtc/preflight"
SDP = {"content-type": "application/sdp"}


async def test_an_offer_without_a_session_is_answered_and_closed(
    desk: Desk, owner: httpx.AsyncClient
) -> None:
    answer = await owner.post(BASE, content=OFFER, headers=SDP)
    assert answer.status_code == 201
    assert answer.headers["content-type"] == "application/sdp"
    place = answer.headers["location"]
    assert list(desk.controller.preflights.values()) == [OWNER]

    stranger = await desk.stranger()
    assert (await stranger.delete(place)).status_code == 404
    assert (await owner.delete(place)).status_code == 200
    again = await owner.delete(place)
    assert (again.status_code, again.json()["code"]) == (404, "connection-not-found")
    assert desk.controller.preflights == {}


@pytest.mark.parametrize(
    ("method", "path"), [("POST", BASE), ("DELETE", f"{BASE}/x"), ("GET", f"{BASE}/events")]
)
async def test_only_a_browser_that_is_signed_in_may_try(
    desk: Desk, method: str, path: str
) -> None:
    for client, status in ((desk.client(), 401), (await desk.program(), 403)):
        answer = await client.request(method, path, content=OFFER, headers=SDP)
        assert answer.status_code == status
    assert desk.controller.preflights == {}


async def test_another_page_of_this_browser_tries_nothing(
    desk: Desk, owner: httpx.AsyncClient
) -> None:
    for origin in ("http://localhost:1", "null"):
        answer = await owner.post(BASE, content=OFFER, headers=SDP | {"origin": origin})
        assert (answer.status_code, answer.json()["code"]) == (403, "origin-refused")
    assert desk.controller.preflights == {}


async def test_what_is_no_offer_is_refused(owner: httpx.AsyncClient) -> None:
    for body, kind, status in (
        ("v=0", "application/sdp", 400),
        (OFFER, "application/json", 415),
        (OFFER + "a=x\r\n" * 60_000, "application/sdp", 413),
    ):
        answer = await owner.post(BASE, content=body, headers={"content-type": kind})
        assert answer.status_code == status


async def test_a_gateway_that_is_away_is_said(desk: Desk, owner: httpx.AsyncClient) -> None:
    desk.controller.failing = GatewayUnavailable()
    answer = await owner.post(BASE, content=OFFER, headers=SDP)
    assert (answer.status_code, answer.json()["code"]) == (503, "gateway-unavailable")


async def test_trying_is_slowed_down(desk: Desk, owner: httpx.AsyncClient) -> None:
    codes = [(await owner.post(BASE, content=OFFER, headers=SDP)).status_code for _ in range(63)]
    assert codes == [201] * 60 + [429] * 3
    desk.clock.advance(60)
    assert (await owner.post(BASE, content=OFFER, headers=SDP)).status_code == 201


async def test_a_ticket_for_a_preflight_needs_no_session_and_works_once(
    desk: Desk, owner: httpx.AsyncClient
) -> None:
    made = await owner.post("/api/tickets", json={"use": "preflight"})
    assert made.status_code == 201
    passes = desk.app.state.parts.passes
    assert passes.redeem(made.json()["ticket"], desk.clock()) == OWNER
    with pytest.raises(Expired):
        passes.redeem(made.json()["ticket"], desk.clock())
    late = (await owner.post("/api/tickets", json={"use": "preflight"})).json()["ticket"]
    desk.clock.advance(60)
    with pytest.raises(Expired):
        passes.redeem(late, desk.clock())
    program = await desk.program()
    refused = await program.post("/api/tickets", json={"use": "preflight"})
    assert refused.status_code == 403
    foreign = await owner.post(
        "/api/tickets", json={"use": "preflight"}, headers={"origin": f"{ORIGIN}0"}
    )
    assert foreign.status_code == 403
    assert (await owner.post("/api/tickets", json={"use": "vnc"})).status_code == 404
