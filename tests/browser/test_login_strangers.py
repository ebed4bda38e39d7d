"""Who else may do what with a login that waits for its owner's confirmation: nothing."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from . import looking, signing_in
from .login_world import LoginWorld, end_all, sign_in, visitor

ABSENT = "0" * 32
CALL = """async ([method, path, body]) => {
  const answer = await fetch(path, { method, body,
    headers: body ? { "Content-Type": "application/json" } : {} });
  const text = await answer.text();
  return [answer.status, text];
}"""
BODIES: dict[str, dict[str, Any]] = {
    "/confirm": {"account": "alice@example.test"},
    "/offer": {"type": "offer", "sdp": "v=0"},
    "/answer": {"type": "answer", "sdp": "v=0"},
    "/candidates": {"candidate": "candidate:1 1 udp 1 192.0.2.1 9 typ host", "sdpMid": "0"},
}
FOR_MACHINES = {("GET", "/offer"), ("POST", "/answer")}


@pytest.fixture(scope="module")
def verified(browser: Browser, login_world: LoginWorld) -> Iterator[Page]:
    """The owner's page, which asks whether it is the right account."""
    context = browser.new_context(
        base_url=login_world.server.url, viewport={"width": 1366, "height": 860}
    )
    sign_in(context, login_world.link_for("owner"))
    page = context.new_page()
    page.goto("/dashboard")
    idp = login_world.providers["wrangler"]
    desktop = signing_in.Desktop(page, idp, "wrangler")
    signing_in.connect(page, "wrangler")
    desktop.sign_in()
    signing_in.wait_for_question(page, idp.account)
    yield page
    end_all(context)
    context.close()


@pytest.fixture(scope="module")
def stranger(browser: Browser, login_world: LoginWorld) -> Iterator[BrowserContext]:
    """The browser of another person, who is signed in as themselves."""
    login_world.run("principal", "add", "bob", "--name", "Bob")
    with visitor(browser, login_world.server.url) as context:
        sign_in(context, login_world.link_for("bob"))
        yield context


def still_waits(page: Page) -> bool:
    """Whether the owner's login is where it was."""
    login = looking.look_up(page, signing_in.session_of(page))["login"]
    return bool(login["state"] == "verified")


def routes(page: Page) -> list[tuple[str, str]]:
    """Every method and path of the API that names a session."""
    document = json.loads(page.evaluate(CALL, ["GET", "/openapi.json", None])[1])
    return [
        (method.upper(), path)
        for path, operations in document["paths"].items()
        if path.startswith(("/api/auth/session/{", "/api/webrtc/session/{"))
        for method in operations
        if method in ("get", "post", "patch", "delete")
    ]


def call(page: Page, method: str, path: str, session: str) -> tuple[int, str]:
    """Ask for a route of a session, as the page of whoever it is."""
    filled = re.sub(r"\{[^}]*\}", session, path, count=1)
    filled = re.sub(r"\{[^}]*\}", "c" * 32, filled)
    body = next((b for end, b in BODIES.items() if path.endswith(end)), None)
    sent = json.dumps(body) if body and method == "POST" else None
    status, text = page.evaluate(CALL, [method, filled, sent])
    return status, text.replace(session, "ID")


def test_another_person_sees_no_such_session(verified: Page, stranger: BrowserContext) -> None:
    page = stranger.new_page()
    page.goto(verified.url)
    expect(page.get_by_role("alert")).to_contain_text(re.compile("no such session", re.I))
    expect(page.locator("fanlight-viewer")).to_have_count(0)
    signing_in.screenshot(page, "stranger")
    page.close()
    assert still_waits(verified)


def test_another_person_gets_from_every_route_what_an_absent_session_gives(
    verified: Page, stranger: BrowserContext
) -> None:
    page = stranger.new_page()
    page.goto("/dashboard")
    found = routes(page)
    assert len(found) > 12
    for method, path in found:
        status, text = call(page, method, path, signing_in.session_of(verified))
        absent = call(page, method, path, ABSENT)
        assert (status, text) == absent, f"{method} {path}"
        if (method, path[path.rindex("/") :]) in FOR_MACHINES:
            assert status in (401, 403, 404), f"{method} {path}: {status}"
        else:
            assert status in (404, 415), f"{method} {path}: {status} {text}"
    page.close()
    assert still_waits(verified)


def test_a_browser_that_nobody_signed_in_with_is_asked_to_sign_in(
    verified: Page, browser: Browser, login_world: LoginWorld
) -> None:
    with visitor(browser, login_world.server.url) as context:
        page = context.new_page()
        page.goto(verified.url)
        expect(page.get_by_role("heading", name="You are not signed in")).to_be_visible()
        signing_in.screenshot(page, "not_signed_in")
        for method, path in routes(page):
            status, text = call(page, method, path, signing_in.session_of(verified))
            assert status == 401, f"{method} {path}: {status} {text}"
    assert still_waits(verified)


def test_an_api_key_alone_cannot_confirm(verified: Page, login_world: LoginWorld) -> None:
    key = login_world.run("key", "create", "a program").split()[0]
    session = signing_in.session_of(verified)
    url = f"{login_world.server.url}/api/auth/session/{session}"
    with httpx.Client(headers={"Authorization": f"Bearer {key}"}) as program:
        assert program.get(url).json()["login"]["state"] == "verified"
        account = {"account": login_world.providers["wrangler"].account}
        assert program.post(f"{url}/confirm", json=account).status_code == 403
        assert program.post(f"{url}/reject").status_code == 403
    assert still_waits(verified)


def test_another_account_than_the_one_shown_cannot_be_confirmed(verified: Page) -> None:
    session = signing_in.session_of(verified)
    wrong = json.dumps({"account": "mallory@example.test"})
    path = f"/api/auth/session/{session}/confirm"
    assert 400 <= verified.evaluate(CALL, ["POST", path, wrong])[0] < 500
    assert still_waits(verified)


def test_an_address_alone_confirms_nothing(
    verified: Page, browser: Browser, person_elsewhere: Callable[[], Page]
) -> None:
    """The owner's other browser may see it, but nothing is confirmed by opening the page."""
    page = person_elsewhere()
    page.goto(verified.url)
    expect(page.get_by_role("button", name="Confirm")).to_be_visible()
    page.reload()
    expect(page.get_by_role("button", name="Confirm")).to_be_visible()
    assert still_waits(verified)


@pytest.fixture
def person_elsewhere(browser: Browser, login_world: LoginWorld) -> Iterator[Callable[[], Page]]:
    """Another browser of the same person."""
    with visitor(browser, login_world.server.url) as context:
        sign_in(context, login_world.link_for("owner"))
        yield context.new_page
