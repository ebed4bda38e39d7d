"""The check of a connection before there is a session: what works, what does not, and why."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, Playwright
from tests.networks.browser import chromium
from tests.networks.conditions import EVERYTHING_BLOCKED, NO_UDP
from tests.networks.server import served
from tests.networks.topology import Network, direct

from fanlight.testing.server import RunningServer

from . import turn_world
from .conftest import sign_in

LIMIT_S = 8.0
DONE = "ul.checks[aria-busy=false]"
FOUND = """() => Object.fromEntries([...document.querySelectorAll("[data-check]")].map((row) =>
  [row.dataset.check, [row.dataset.verdict, row.querySelector("a")?.textContent ?? ""]]))"""
COPIED = "() => navigator.clipboard.readText()"
GOOD = ["good", ""]


def check(page: Page) -> dict[str, list[str]]:
    """Have everything checked again; give verdict and code of each."""
    page.get_by_role("button", name="Check again").click()
    page.wait_for_selector("ul.checks[aria-busy=true]")
    begun = time.monotonic()
    page.wait_for_selector(DONE)
    assert time.monotonic() - begun < LIMIT_S + 1
    found: dict[str, list[str]] = page.evaluate(FOUND)
    return found


def conclusion(page: Page) -> str:
    return page.locator("main .note").inner_text()


def open_check(page: Page) -> Page:
    page.goto("/dashboard/check")
    page.wait_for_selector(DONE)
    return page


def test_everything_is_good_where_nothing_is_in_the_way(person: Callable[[], Page]) -> None:
    with person() as page:
        page.goto("/dashboard")
        page.get_by_role("link", name="Check my connection").click()
        page.wait_for_selector(DONE)
        found = check(page)
        ways = {"tcp": ["unavailable", ""], "turn": ["unavailable", "turn-not-configured"]}
        good = ("udp", "websocket", "decoder", "codecs", "events", "server", "context")
        assert {name: found.pop(name) for name in ways} == ways
        assert found == dict.fromkeys(good, GOOD)
        assert "All is well" in conclusion(page)
        page.context.grant_permissions(["clipboard-read", "clipboard-write"])
        page.get_by_role("button", name="Copy the report").click()
        page.get_by_text("Copied.").wait_for()
        report = page.evaluate(COPIED)
    assert "[good] UDP, direct: The gateway answers" in report
    assert "[not available] TURN: The server names no TURN server." in report


def test_who_is_not_signed_in_learns_what_the_browser_can(
    browser: Browser, server: RunningServer
) -> None:
    with browser.new_page(base_url=server.url) as page:
        found = open_check(page).evaluate(FOUND)
        assert [found[name] for name in ("codecs", "decoder", "server")] == [GOOD] * 3
        for name in ("udp", "tcp", "turn", "websocket", "events"):
            assert found[name] == ["unavailable", ""], name
        assert "Sign in" in conclusion(page)


def test_a_viewer_that_waits_long_leads_to_the_check(person: Callable[[], Page]) -> None:
    with person() as page:
        page.goto("/dashboard/session?session=no-such-session")
        with page.expect_popup() as opened:
            page.get_by_role("link", name="Check my connection").click()
        opened.value.wait_for_selector(DONE)
        opened.value.close()


def test_a_turn_server_that_does_not_take_our_secret_refuses_us(
    browser: Browser, tmp_path: Path
) -> None:
    port = turn_world.free_port()
    secret = tmp_path / "secret"
    secret.write_text("not the one that the TURN server has\n")
    secret.chmod(0o600)
    urls = [f"turn:127.0.0.1:{port}?transport={way}" for way in ("udp", "tcp")]
    urls.append(f"turn:127.0.0.1:{turn_world.free_port()}?transport=udp")
    wrong = {"turn_urls": urls, "turn_secret_file": str(secret)}
    with (
        RunningServer({"turn": True, "turn_port": port}),
        RunningServer(wrong) as server,
        browser.new_context(base_url=server.url) as context,
    ):
        page = context.new_page()
        sign_in(page, server.link)
        open_check(page)
        found = page.evaluate(FOUND)
        assert found["turn-0"] == found["turn-1"] == ["bad", "turn-refused"]
        assert found["turn-2"] == ["bad", "turn-unreachable"]
        assert found["udp"] == GOOD
        context.grant_permissions(["clipboard-read", "clipboard-write"])
        page.get_by_role("button", name="Copy the report").click()
        page.get_by_text("Copied.").wait_for()
        report = page.evaluate(COPIED)
        for said in page.evaluate(CREDENTIALS):
            assert said not in report


CREDENTIALS = """async () => {
  const { iceServers } = await (await fetch("/api/webrtc/ice-servers")).json();
  return iceServers.flatMap(({ urls, username, credential }) => [...urls, username, credential]);
}"""


@pytest.fixture(scope="module")
def far(playwright: Playwright) -> Iterator[tuple[Network, Page]]:
    """A page on the other side of a network that can be blocked, and the server's TURN server."""
    with ExitStack() as stack:
        network = stack.enter_context(direct())
        settings: dict[str, Any] = {"turn": True}
        server = stack.enter_context(served(network, settings))
        browser = stack.enter_context(chromium(playwright, network.viewer))
        context = browser.new_context(base_url=server.url, ignore_https_errors=True)
        page = context.new_page()
        sign_in(page, server.link)
        open_check(page)
        yield network, page


def test_without_udp_the_ways_below_are_named(far: tuple[Network, Page]) -> None:
    network, page = far
    network.set(NO_UDP)
    found = check(page)
    assert found["udp"] == ["bad", "udp-blocked"]
    assert found["websocket"] == found["events"] == found["server"] == GOOD
    relays = {name: verdict for name, verdict in found.items() if name.startswith("turn-")}
    assert ["bad", "turn-unreachable"] in relays.values(), "over UDP"
    assert GOOD in relays.values(), "over TCP"
    assert "TURN server, over TCP" in conclusion(page)


def test_where_nothing_gets_through_it_is_said_in_time(far: tuple[Network, Page]) -> None:
    network, page = far
    network.set(EVERYTHING_BLOCKED)
    found = check(page)
    assert found["server"] == ["bad", "server-unreachable"]
    assert [found[name][0] for name in ("udp", "websocket", "events")] == ["bad"] * 3
    assert found["codecs"] == GOOD
    assert "No way to a picture was found" in conclusion(page)
