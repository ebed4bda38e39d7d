"""A real server and a real Chromium, by stages: served, signed in, a session requested, live.

On a failure the screenshot, the page's console, the server's output and the guests' logs are kept
in test-results/ and named in the report.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from fanlight.testing.server import RunningServer

from .login_world import login_world as login_world
from .login_world import owner as owner

RESULTS = Path(__file__).parents[2] / "test-results"
BROWSER_TIMEOUT_S = 180


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.browser)
            if item.get_closest_marker("timeout") is None:
                item.add_marker(pytest.mark.timeout(BROWSER_TIMEOUT_S))


@pytest.fixture(autouse=True)
def no_blocking_calls() -> None:
    """Nothing is watched here: our loops run in other processes, the loop here is Playwright's."""


@pytest.fixture(scope="session")
def browser_type_launch_args() -> dict[str, Any]:
    return {
        "executable_path": "/usr/bin/chromium",
        "args": [
            "--no-sandbox",  # the person's browser in these tests runs as whoever runs the tests
            "--disable-gpu",
            "--disable-background-networking",
            "--disable-component-update",
        ],
    }


@pytest.fixture(scope="session")
def browser_context_args() -> dict[str, Any]:
    return {"viewport": {"width": 1366, "height": 860}, "locale": "en-US"}


@pytest.fixture(scope="module")
def server() -> Iterator[RunningServer]:
    with RunningServer() as running:
        yield running


def sign_in(page: Page, link: str) -> None:
    """Open the one-time link and press the button, as a person does."""
    page.goto(link)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/dashboard**")


@pytest.fixture(scope="module")
def person(browser: Browser, server: RunningServer) -> Iterator[Callable[[], Page]]:
    """Open pages of one signed-in person; the first call signs them in."""
    context = browser.new_context(
        viewport={"width": 1366, "height": 860}, base_url=server.url, accept_downloads=True
    )
    first = context.new_page()
    sign_in(first, server.link)
    first.close()
    yield context.new_page
    context.close()
