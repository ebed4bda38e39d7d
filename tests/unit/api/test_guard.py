"""Host, Origin, size, type: what every request meets first, whatever its route."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest
from starlette.routing import Route
from tests.unit.api.desk import ORIGIN, Desk

PROBLEM = "application/problem+json"


def assert_problem(answer: httpx.Response, status: int, code: str) -> None:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == PROBLEM
    body = answer.json()
    assert body["code"] == code
    assert body["status"] == status
    assert body["type"] == f"/docs/problems/{code}"
    assert body["title"]
    assert body["detail"]
    assert body["hint"]


def all_addresses(desk: Desk) -> list[tuple[str, str]]:
    paths = desk.app.openapi()["paths"]
    found = [(method.upper(), path) for path, item in paths.items() for method in item]
    for route in desk.app.routes:
        if isinstance(route, Route):
            found += [(method, route.path) for method in sorted(route.methods or ())]
    assert len(found) > 40
    return found


async def test_a_name_that_is_not_ours_is_refused_on_every_route(desk: Desk) -> None:
    """DNS rebinding: evil.example is made to mean 127.0.0.1, the browser says so in Host."""
    client = desk.client()
    for method, path in all_addresses(desk):
        answer = await client.request(method, path, headers={"host": "evil.example:8080"})
        assert answer.status_code == 421, (method, path)


@pytest.mark.parametrize("host", ["localhost", "localhost:8081", "127.0.0.1.evil.example", ""])
async def test_a_host_must_match_exactly(desk: Desk, host: str) -> None:
    answer = await desk.client().get("/healthz", headers={"host": host})
    assert_problem(answer, 421, "host-refused")


@pytest.mark.parametrize(
    "host", ["localhost:8080", "127.0.0.1:8080", "[::1]:8080", "LOCALHOST:8080"]
)
async def test_our_own_names_are_taken(desk: Desk, host: str) -> None:
    answer = await desk.client().get("/healthz", headers={"host": host})
    assert answer.json() == {"status": "ok"}


@pytest.mark.parametrize(
    "origin",
    ["http://localhost:9999", "https://localhost:8080", "http://evil.example", "null", None],
)
async def test_a_cookie_writes_only_from_our_own_page(
    desk: Desk, owner: httpx.AsyncClient, origin: str | None
) -> None:
    """Cookies and SameSite ignore ports, so another localhost server is the same site."""
    if origin is None:
        del owner.headers["origin"]
    else:
        owner.headers["origin"] = origin
    answer = await owner.post("/api/auth/start", json={})
    assert_problem(answer, 403, "origin-refused")
    assert desk.controller.sessions_ == {}


async def test_origin_is_never_compared_with_host(owner: httpx.AsyncClient) -> None:
    headers = {"host": "evil.example", "origin": "http://evil.example"}
    answer = await owner.post("/api/auth/start", json={}, headers=headers)
    assert_problem(answer, 421, "host-refused")


async def test_an_api_key_needs_no_origin_but_no_foreign_one_either(desk: Desk) -> None:
    program = await desk.program()
    assert (await program.post("/api/auth/start", json={})).status_code == 202
    foreign = {"origin": "http://evil.example"}
    answer = await program.post("/api/auth/start", json={}, headers=foreign)
    assert_problem(answer, 403, "origin-refused")


async def test_a_cookie_next_to_authorization_counts_for_nothing(
    owner: httpx.AsyncClient,
) -> None:
    answer = await owner.get("/api/me", headers={"authorization": "Bearer fl_nonsense"})
    assert_problem(answer, 401, "not-signed-in")


async def test_get_starts_confirms_and_delivers_nothing(
    desk: Desk, owner: httpx.AsyncClient, session: str
) -> None:
    for path in (
        "/api/signin?token=x",
        "/api/auth/start",
        f"/api/auth/session/{session}/confirm",
        f"/api/auth/session/{session}/reject",
        f"/api/auth/session/{session}/credential",
        f"/api/auth/session/{session}/credential/ack",
        "/api/device/ABCD-EFGH/approve",
        "/api/tickets",
    ):
        assert_problem(await owner.get(path), 405, "method-not-allowed")
    assert desk.controller.calls == []


async def test_every_answer_has_the_protecting_headers(
    desk: Desk, owner: httpx.AsyncClient
) -> None:
    answers = [
        await owner.get("/api/me"),
        await owner.get("/nothing"),
        await owner.get("/api/me", headers={"host": "evil"}),
        await owner.get("/docs/problems/expired"),
    ]
    desk.controller.failing = ZeroDivisionError("secret inside")
    answers.append(await owner.post("/api/auth/start", json={}))
    for answer in answers:
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]


async def test_what_nobody_expected_says_nothing_of_the_inside(
    desk: Desk, owner: httpx.AsyncClient
) -> None:
    desk.controller.failing = ZeroDivisionError("secret inside")
    answer = await owner.post("/api/auth/start", json={})
    assert_problem(answer, 500, "internal")
    assert "secret" not in answer.text


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/api/nothing", 404, "not-found"),
        ("GET", "/api/me/", 404, "not-found"),
        ("GET", "/assets/../../etc/passwd", 404, "not-found"),
        ("PUT", "/api/me", 405, "method-not-allowed"),
        ("BREW", "/api/me", 405, "method-not-allowed"),
        ("GET", "/docs/problems/nothing", 404, "not-found"),
    ],
)
async def test_routing_errors_are_problems(
    owner: httpx.AsyncClient, method: str, path: str, status: int, code: str
) -> None:
    answer = await owner.request(method, path)
    assert_problem(answer, status, code)
    if status == 405:
        assert "GET" in answer.headers["allow"]


@pytest.mark.parametrize(
    ("content", "content_type", "status", "code"),
    [
        (b"{", "application/json", 400, "malformed-body"),
        (b"\xff\xfe", "application/json", 400, "malformed-body"),
        (b"[" * 60_000, "application/json", 400, "malformed-body"),
        (b"9" * 60_000, "application/json", 400, "malformed-body"),
        (b"{}", "text/plain", 415, "unsupported-media-type"),
        (b"a=b", "application/x-www-form-urlencoded", 415, "unsupported-media-type"),
        (b'{"env": {"PATH": "/"}}', "application/json", 422, "invalid-request"),
        (b'{"label": "\\ud800"}', "application/json", 422, "invalid-request"),
        (b'{"label": "\\u0000"}', "application/json", 422, "invalid-request"),
        (b'{"screen": {"widthPx": NaN}}', "application/json", 422, "invalid-request"),
        (b"[]", "application/json", 422, "invalid-request"),
        (b"", "application/json", 422, "invalid-request"),
        (b" " * 70_000, "application/json", 413, "too-large"),
    ],
)
async def test_bad_bodies_get_a_reason_and_change_nothing(
    desk: Desk,
    owner: httpx.AsyncClient,
    content: bytes,
    content_type: str,
    status: int,
    code: str,
) -> None:
    headers = {"content-type": content_type}
    answer = await owner.post("/api/auth/start", content=content, headers=headers)
    assert_problem(answer, status, code)
    assert desk.controller.sessions_ == {}


async def test_a_body_without_a_length_is_cut_at_the_limit(owner: httpx.AsyncClient) -> None:
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        while sent < 10_000_000:
            sent += 10_000
            yield b" " * 10_000

    headers = {"content-type": "application/json"}
    answer = await owner.post("/api/auth/start", content=endless(), headers=headers)
    assert_problem(answer, 413, "too-large")
    assert sent <= 80_000


async def test_a_validation_problem_names_fields_but_not_what_was_sent(
    owner: httpx.AsyncClient,
) -> None:
    answer = await owner.post("/api/auth/start", json={"password": "hunter2", "label": 7})
    assert "hunter2" not in answer.text
    assert {error["field"] for error in answer.json()["errors"]} == {"body.password", "body.label"}


async def test_origin_of_the_page_is_said(owner: httpx.AsyncClient) -> None:
    assert (await owner.get("/api/me")).json()["origin"] == ORIGIN
