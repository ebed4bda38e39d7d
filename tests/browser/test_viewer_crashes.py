"""Each process is killed once: what the person sees, and that it is right again or says why not.

How long each took is kept as a property of the test (`right_again_ms`), never asserted.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Page

from fanlight.testing.server import RunningServer

from . import host_processes, looking
from .report_page import ReportPage

Record = Callable[[str, object], None]


@pytest.fixture(scope="module")
def report() -> Iterator[ReportPage]:
    with ReportPage() as page:
        yield page


@pytest.fixture(scope="module")
def server(report: ReportPage) -> Iterator[RunningServer]:
    with RunningServer({"egress_pins": report.pins}) as running:
        yield running


@pytest.fixture
def session(person: Callable[[], Page]) -> Iterator[str]:
    with person() as page:
        page.goto("/dashboard")
        session = looking.start(page)["sessionId"]
        yield session
        looking.end(page, session)


@pytest.fixture
def desktop(session: str, person: Callable[[], Page]) -> Iterator[Page]:
    with person() as page:
        looking.open_viewer(page, session)
        looking.wait_for_picture(page)
        looking.wait_for_status(page, session, "vm_created")
        yield page


@pytest.fixture
def took(record_property: Record, request: pytest.FixtureRequest) -> Callable[[str, float], None]:
    def note(what: str, since: float) -> None:
        ms = round((time.monotonic() - since) * 1000)
        record_property(what, ms)
        print(f"{request.node.originalname}: {what} {ms} ms")  # noqa: T201 - shown with -rP

    return note


def test_the_machines_browser_killed_comes_back_and_the_picture_goes_on(
    server: RunningServer,
    desktop: Page,
    report: ReportPage,
    took: Callable[[str, float], None],
) -> None:
    looking.visit(desktop, report)
    killed, before = host_processes.browser(server), looking.frames(desktop)
    host_processes.kill(killed)
    since = time.monotonic()
    looking.wait_for_more_frames(desktop, before)
    took("picture_changed", since)

    def respawned() -> bool:
        try:
            return host_processes.browser(server) != killed
        except LookupError:
            return False

    host_processes.wait_until(respawned)
    took("browser_respawned", since)
    looking.wait_for_colour(desktop, "white")
    took("browser_seen_again", since)
    looking.visit(desktop, report)
    took("page_loaded_again", since)
    assert desktop.locator("fanlight-viewer").get_attribute("data-state") == "live"


def test_the_guest_killed_ends_the_session_and_the_page_says_why(
    server: RunningServer,
    desktop: Page,
    session: str,
    took: Callable[[str, float], None],
) -> None:
    host_processes.kill(host_processes.guest(server))
    since = time.monotonic()
    looking.wait_for_state(desktop, "ended")
    took("said_why", since)
    reason = looking.look_up(desktop, session)["reason"]
    assert reason["code"] == "machine-died"
    assert reason["detail"].split()[0].lower() in looking.cover(desktop).lower()
    assert "Start a new session" in looking.cover(desktop)


def test_the_machines_init_killed_ends_the_session_and_the_page_says_why(
    server: RunningServer,
    desktop: Page,
    session: str,
    took: Callable[[str, float], None],
) -> None:
    host_processes.kill(host_processes.machine_init(server))
    since = time.monotonic()
    looking.wait_for_state(desktop, "ended")
    took("said_why", since)
    assert looking.look_up(desktop, session)["reason"]["code"] == "machine-died"


def test_the_gateway_killed_is_respawned_and_the_viewer_reconnects_by_itself(
    server: RunningServer,
    desktop: Page,
    report: ReportPage,
    took: Callable[[str, float], None],
) -> None:
    looking.visit(desktop, report)
    killed = host_processes.gateway(server)
    desktop.evaluate(
        """() => { window.states = [];
        addEventListener("fanlight-state", (event) => window.states.push(event.detail.state)); }"""
    )
    host_processes.kill(killed)
    since = time.monotonic()
    desktop.wait_for_function("() => window.states.includes('connecting')")
    took("said_so", since)
    looking.wait_for_picture(desktop)
    took("live_again", since)
    assert host_processes.gateway(server) != killed
    report.forget()
    desktop.keyboard.type("x")
    report.expect("text", lambda event: event["text"] == "x")
    took("input_again", since)
    looking.wait_for_colour(desktop, "lime")


def test_the_keeper_killed_ends_sessions_with_a_reason_and_the_next_start_works(
    server: RunningServer,
    desktop: Page,
    session: str,
    took: Callable[[str, float], None],
) -> None:
    family = host_processes.family(server)
    host_processes.kill(host_processes.keeper(server))
    since = time.monotonic()
    looking.wait_for_state(desktop, "ended")
    took("said_why", since)
    assert looking.look_up(desktop, session)["reason"]["code"] == "machine-died"
    assert len(looking.cover(desktop).splitlines()) > 1
    host_processes.wait_until(lambda: not any(map(host_processes.is_alive, family)))
    took("nothing_left_of_it", since)
    following = looking.start(desktop)["sessionId"]
    looking.wait_for_picture(looking.open_viewer(desktop, following))
    took("next_session_live", since)
    looking.end(desktop, following)
