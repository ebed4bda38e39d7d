"""The ICE servers that viewers are told of, as JSON and as WHEP's links."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from tests.unit.api.desk import OFFER, PORT, Desk, make_desk

from fanlight.api import ApiSettings
from fanlight.api.ice import link_headers, own_urls
from fanlight.api.settings import OwnTurn
from fanlight.log import Secret


@pytest.fixture
async def with_turn(tmp_path: Path) -> AsyncIterator[Desk]:
    settings = replace(
        ApiSettings.serving(PORT),
        stun_urls=("stun:s.example",),
        turn_urls=("turn:t.example?transport=udp", "turns:t.example"),
        turn_secret=Secret("shared"),
    )
    async with make_desk(tmp_path, settings) as desk:
        yield desk


async def test_ice_servers_come_with_credentials_that_run_out(with_turn: Desk) -> None:
    owner = await with_turn.browser()
    servers = (await owner.get("/api/webrtc/ice-servers")).json()["iceServers"]
    assert servers[0] == {"urls": ["stun:s.example"]}
    life_s = int(servers[1]["username"].partition(":")[0]) - with_turn.clock()
    assert 6 * 3600 <= life_s <= 7 * 3600
    assert "shared" not in str(servers)

    session = (await owner.post("/api/auth/start", json={})).json()["sessionId"]
    path = f"/api/webrtc/session/{session}/whep"
    sdp = {"content-type": "application/sdp"}
    answer = await owner.post(path, content=OFFER, headers=sdp)
    turn = [link for link in answer.headers.get_list("link") if "turns:" in link]
    credential = servers[1]["credential"]
    assert turn == [
        f'<turns:t.example>; rel="ice-server"; username="{servers[1]["username"]}"; '
        f'credential="{credential}"; credential-type="password"'
    ]
    nobody = await with_turn.client().options(path)
    assert nobody.status_code == 200
    assert "link" not in nobody.headers


async def test_our_own_turn_server_is_named_by_the_name_the_viewer_came_by(
    tmp_path: Path,
) -> None:
    settings = ApiSettings.serving(PORT, public_url="https://desk.example")
    own = OwnTurn(port=3478, secret=Secret("own"), tls_port=443)
    async with make_desk(tmp_path, replace(settings, own_turn=own)) as desk:
        program = await desk.program()
        answers = [
            (await program.get("/api/webrtc/ice-servers", headers=each)).json()["iceServers"]
            for each in ({"host": "desk.example"}, {})
        ]

    assert answers[0][0]["urls"] == [
        "turn:desk.example:3478?transport=udp",
        "turn:desk.example:3478?transport=tcp",
        "turns:desk.example:443?transport=tcp",
    ]
    assert answers[1][0]["urls"][0] == "turn:127.0.0.1:3478?transport=udp"
    # One name in an hour, so that the TURN server's quota is a person's, not a page's.
    assert answers[0][0]["username"] == answers[1][0]["username"]


@pytest.mark.parametrize(
    ("host", "name"),
    [
        ("localhost:8088", "127.0.0.1"),
        ("[2001:db8::7]:443", "[2001:db8::7]"),
        ("desk.example", "desk.example"),
    ],
)
def test_a_turn_server_is_named_by_address_or_name_without_the_pages_port(
    host: str, name: str
) -> None:
    urls = own_urls(OwnTurn(port=3478, secret=Secret("own")), host)

    assert urls == [f"turn:{name}:3478?transport={way}" for way in ("udp", "tcp")]


def test_no_servers_need_no_links() -> None:
    assert link_headers([]) == []
