"""The page, its assets, its strict policy; TLS's cookie; the problems' pages."""

from __future__ import annotations

import html
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from tests.unit.api.desk import PORT, Desk, make_desk

from fanlight.api import ApiSettings
from fanlight.config import ServeSettings
from fanlight.session.host_causes import ALL
from fanlight.session.meanings import MEANINGS
from fanlight.store import OWNER


@pytest.fixture
async def built(tmp_path: Path) -> AsyncIterator[Desk]:
    web = tmp_path / "web"
    (web / "assets").mkdir(parents=True)
    (web / "index.html").write_text("<!doctype html><title>Fanlight</title>")
    (web / "assets" / "index-Ab3dEf9_.js").write_text("1")
    (web / "assets" / "index-Ab3dEf9_.js.map").write_text("{}")
    async with make_desk(tmp_path, replace(ApiSettings.serving(PORT), web=web)) as desk:
        yield desk


@pytest.mark.parametrize(
    "path", ["/", "/dashboard", "/dashboard/remote-cli/auth?session=x", "/signin", "/device"]
)
async def test_every_address_of_ours_is_the_same_shell(built: Desk, path: str) -> None:
    answer = await built.client().get(path)
    assert answer.text.startswith("<!doctype html>")
    assert answer.headers["cache-control"] == "no-cache"
    policy = answer.headers["content-security-policy"].split("; ")
    assert "default-src 'none'" in policy
    assert "script-src 'self'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "require-trusted-types-for 'script'" in policy
    assert "connect-src 'self' ws://localhost:8080 wss://localhost:8080" in policy
    assert not any("unsafe" in rule for rule in policy)


async def test_assets_are_kept_for_ever_and_maps_are_not_served(built: Desk) -> None:
    client = built.client()
    answer = await client.get("/assets/index-Ab3dEf9_.js")
    assert "immutable" in answer.headers["cache-control"]
    assert answer.headers["content-type"].startswith("text/javascript")
    same = await client.get("/assets/index-Ab3dEf9_.js", headers={"range": "bytes=9-99999999999"})
    assert (same.status_code, same.text) == (200, "1")
    seen = {"if-none-match": answer.headers["etag"]}
    assert (await client.get("/assets/index-Ab3dEf9_.js", headers=seen)).status_code == 304
    assert (await client.get("/assets/index-Ab3dEf9_.js.map")).status_code == 404


async def test_a_page_that_is_not_built_says_so(tmp_path: Path) -> None:
    settings = replace(ApiSettings.serving(PORT), web=tmp_path / "none")
    async with make_desk(tmp_path, settings) as desk:
        answer = await desk.client().get("/")
        assert (answer.status_code, answer.json()["code"]) == (503, "package-missing")


async def test_a_problem_has_a_page(desk: Desk) -> None:
    answer = await desk.client().get("/docs/problems/offer-rejected")
    assert "The offer cannot be answered" in answer.text
    assert "default-src 'none'" in answer.headers["content-security-policy"]


async def test_so_has_every_reason_for_which_something_ends(desk: Desk) -> None:
    for code in MEANINGS:
        answer = await desk.client().get(f"/docs/problems/{code}")
        assert answer.status_code == 200, code
        assert html.escape(MEANINGS[code].title) in answer.text


async def test_the_page_of_a_cause_says_how_it_is_found_out_and_what_the_operator_can_do(
    desk: Desk,
) -> None:
    for code, cause in ALL.items():
        answer = await desk.client().get(f"/docs/problems/{code}")
        assert answer.status_code == 200, code
        for words in (cause.title, cause.text, cause.hint, cause.found, cause.operator):
            assert html.escape(words) in answer.text, code


async def test_with_tls_the_cookie_is_bound_to_this_host(tmp_path: Path) -> None:
    settings = ApiSettings.serving(PORT, public_url="https://desk.example")
    async with make_desk(tmp_path, settings) as desk:
        token = await desk.store.new_link(OWNER, desk.clock())
        headers = {"host": "desk.example", "origin": "https://desk.example"}
        answer = await desk.client(**headers).post("/api/signin", json={"token": token})
        cookie = answer.headers["set-cookie"]
        assert cookie.startswith("__Host-fanlight_session=")
        assert "Secure" in cookie
        assert "Path=/" in cookie
        assert "Domain" not in cookie


async def test_figures_are_told_to_nobody_who_is_not_known_when_others_can_ask(
    tmp_path: Path,
) -> None:
    settings = ApiSettings.serving(PORT, public_url="https://desk.example")
    async with make_desk(tmp_path, settings) as desk:
        client = desk.client(host="desk.example")
        assert (await client.get("/metrics")).status_code == 401
        _, key = await desk.store.new_key(OWNER, "prometheus", desk.clock())
        headers = {"authorization": f"Bearer {key}"}
        assert (await client.get("/metrics", headers=headers)).status_code == 200


async def test_health_and_figures_name_routes_not_addresses(desk: Desk) -> None:
    client = desk.client()
    await client.get("/api/auth/session/secret-id")
    figures = (await client.get("/metrics")).text
    assert 'route="/api/auth/session/{id}",status="401"' in figures
    assert "secret-id" not in figures


def test_settings_of_a_server_name_its_hosts_and_origins() -> None:
    serve = ServeSettings(
        public_url="https://desk.example",
        allowed_hosts=("lan.example", "other.example:9000"),
        allowed_origins=("https://player.example",),
    )
    made = ApiSettings.of(serve, 80)
    assert made.hosts == {
        "localhost", "127.0.0.1", "[::1]", "lan.example", "other.example:9000", "desk.example",
    }  # fmt: skip
    assert "https://desk.example" in made.origins
    assert "http://lan.example" in made.origins
    assert made.cors_origins == {"https://player.example"}
    assert made.tls
