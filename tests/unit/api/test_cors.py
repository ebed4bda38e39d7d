"""Pages of other origins: by allow-list, with a ticket or key, never with a cookie's powers."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from tests.unit.api.desk import OFFER, PORT, Desk, make_desk

from fanlight.api import ApiSettings

FRIEND = "https://player.example"
PREFLIGHT = {
    "origin": FRIEND,
    "access-control-request-method": "POST",
    "access-control-request-headers": "authorization,content-type",
}


@pytest.fixture
async def shared(tmp_path: Path) -> AsyncIterator[Desk]:
    settings = replace(ApiSettings.serving(PORT), cors_origins=frozenset({FRIEND}))
    async with make_desk(tmp_path, settings) as made:
        yield made


async def test_a_preflight_of_a_listed_origin_is_answered_without_signing_in(shared: Desk) -> None:
    answer = await shared.client().options("/api/webrtc/session/x/whep", headers=PREFLIGHT)
    assert answer.status_code == 200
    assert answer.headers["access-control-allow-origin"] == FRIEND
    assert "Authorization" in answer.headers["access-control-allow-headers"]
    assert "If-Match" in answer.headers["access-control-allow-headers"]
    assert "PATCH" in answer.headers["access-control-allow-methods"]
    assert "access-control-allow-credentials" not in answer.headers


async def test_a_preflight_of_any_other_origin_is_refused(shared: Desk) -> None:
    headers = PREFLIGHT | {"origin": "https://evil.example"}
    answer = await shared.client().options("/api/webrtc/session/x/whep", headers=headers)
    assert answer.status_code == 403
    assert "access-control-allow-origin" not in answer.headers


async def test_a_listed_page_may_play_with_a_ticket_and_read_the_headers(shared: Desk) -> None:
    browser = await shared.browser()
    session = (await browser.post("/api/auth/start", json={})).json()["sessionId"]
    made = await browser.post("/api/tickets", json={"session": session, "use": "whep"})
    headers = {
        "origin": FRIEND,
        "authorization": f"Bearer {made.json()['ticket']}",
        "content-type": "application/sdp",
    }
    address = f"/api/webrtc/session/{session}/whep"
    answer = await shared.client().post(address, content=OFFER, headers=headers)
    assert answer.status_code == 201
    assert answer.headers["access-control-allow-origin"] == FRIEND
    exposed = answer.headers["access-control-expose-headers"]
    assert {"Location", "ETag", "Link", "Retry-After"} <= set(exposed.split(", "))


async def test_a_listed_page_cannot_use_the_cookie(shared: Desk) -> None:
    browser = await shared.browser()
    answer = await browser.post("/api/auth/start", json={}, headers={"origin": FRIEND})
    assert answer.status_code == 403
    assert answer.json()["code"] == "origin-refused"
