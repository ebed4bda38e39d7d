"""The picture comes each time, whenever the viewer is opened, and however often."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Page

from fanlight.testing.server import RunningServer

from . import host_processes, looking

LONG_S = 90


@pytest.fixture(scope="module", autouse=True)
def early(person: Callable[[], Page]) -> Iterator[tuple[str, float]]:
    """A session that nobody looks at until the last test, and when it was started."""
    with person() as page:
        page.goto("/dashboard")
        session = looking.start(page)["sessionId"]
        looking.wait_for_status(page, session, "vm_created")
        ready = time.monotonic()
    yield session, ready
    with person() as page:
        page.goto("/dashboard")
        looking.end(page, session)


@pytest.fixture
def page_of(person: Callable[[], Page]) -> Iterator[Callable[[], Page]]:
    with contextlib.ExitStack() as open_pages:

        def give() -> Page:
            return looking.watch(open_pages.enter_context(person()))

        yield give


@pytest.fixture
def session(person: Callable[[], Page]) -> Iterator[str]:
    with person() as page:
        page.goto("/dashboard")
        session = looking.start(page)["sessionId"]
        yield session
        looking.end(page, session)


def offer_came_first(page: Page) -> bool:
    """Whether the first offer left before the page knew of a ready machine."""
    seen = page.evaluate("window.seen")
    assert "offer" in seen
    return "vm_created" not in seen[: seen.index("offer")]


def test_a_viewer_opened_before_there_is_a_machine_has_the_picture_when_it_comes(
    server: RunningServer, page_of: Callable[[], Page]
) -> None:
    keeper, page = host_processes.keeper(server), page_of()
    page.goto("/dashboard")
    os.kill(keeper, signal.SIGSTOP)
    try:
        session = looking.start(page)["sessionId"]
        looking.open_viewer(page, session)
        looking.wait_for_state(page, "booting")
        page.wait_for_function("() => window.seen.includes('offer')")
        assert "Starting the machine" in looking.cover(page)
        assert looking.announced(page) == "The machine is starting."
        assert looking.look_up(page, session)["status"] in {"requested", "booting"}
    finally:
        os.kill(keeper, signal.SIGCONT)
    looking.wait_for_picture(page)
    assert offer_came_first(page)
    assert page.evaluate("window.seen.filter((each) => each === 'offer').length") == 1
    looking.end(page, session)


def test_a_desktop_started_from_the_dashboard_shows_itself(page_of: Callable[[], Page]) -> None:
    page = page_of()
    page.goto("/dashboard")
    page.get_by_role("button", name="Start a desktop").click()
    looking.wait_for_picture(page)
    assert offer_came_first(page)
    page.get_by_role("button", name="End the session").click()
    page.get_by_role("button", name="Yes").click()
    looking.wait_for_state(page, "ended")
    assert "The session has ended" in looking.cover(page)


def test_a_viewer_opened_while_the_machine_starts_has_the_picture(
    session: str, page_of: Callable[[], Page]
) -> None:
    looking.wait_for_picture(looking.open_viewer(page_of(), session))


def test_two_viewers_see_the_same_session_at_once(
    session: str, page_of: Callable[[], Page]
) -> None:
    pages = [looking.open_viewer(page_of(), session) for _ in range(2)]
    for page in pages:
        looking.wait_for_picture(page)
    looking.wait_for_picture(pages[0])
    assert looking.look_up(pages[0], session)["viewers"] == 2


def test_opened_twice_in_a_row_and_reloaded_in_the_middle(
    session: str, page_of: Callable[[], Page]
) -> None:
    page = looking.open_viewer(page_of(), session)
    page.wait_for_function("() => window.seen.includes('offer')")
    page.reload()
    looking.wait_for_picture(page)
    page.reload()
    looking.wait_for_picture(page)
    page.goto("/dashboard")
    looking.wait_for_picture(looking.open_viewer(page, session))
    page.go_back()
    page.go_forward()
    looking.wait_for_picture(page)


def test_minimized_and_restored_the_picture_goes_on(
    session: str, page_of: Callable[[], Page]
) -> None:
    page = looking.open_viewer(page_of(), session)
    looking.wait_for_picture(page)
    large = page.evaluate(f"{looking.VIEWER}.getBoundingClientRect().width")
    page.get_by_role("button", name="Minimize").click()
    page.wait_for_function(
        f"(large) => {looking.VIEWER}.getBoundingClientRect().width < large", arg=large
    )
    page.get_by_role("button", name="Restore").click()
    looking.wait_for_picture(page)


@pytest.mark.timeout(240)
def test_a_viewer_opened_long_after_the_machine_was_ready_has_the_picture(
    early: tuple[str, float], page_of: Callable[[], Page]
) -> None:
    session, ready = early
    page = page_of()
    page.goto("/dashboard")
    left_ms = max(0.0, LONG_S - (time.monotonic() - ready)) * 1000
    page.wait_for_function(
        "(end) => performance.now() > end",
        arg=page.evaluate("performance.now()") + left_ms,
        timeout=left_ms + 30_000,
        polling=500,
    )
    looking.wait_for_picture(looking.open_viewer(page, session))
