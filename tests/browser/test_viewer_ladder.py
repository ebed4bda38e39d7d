"""The ladder in a browser whose network is cut and mended, and control that stays with a viewer.

Networks between namespaces, which drop packets, are in `test_networks.py`; here it is the browser
that is denied a way.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Page

from fanlight.testing.server import RunningServer

from . import looking
from .report_page import ReportPage

# While `cut` is true, no direct path may be used, and WebSockets lead nowhere.
CUT = """
window.cut = true;
window.RTCPeerConnection = new Proxy(window.RTCPeerConnection, {
  construct: (Real, [how]) =>
    new Real(window.cut ? { ...how, iceTransportPolicy: "relay" } : how),
});
window.WebSocket = new Proxy(window.WebSocket, {
  construct: (Real, [url, ...more]) =>
    new Real(window.cut ? String(url).replace("/api/", "/cut/") : url, ...more),
});
addEventListener("fanlight-state", ({ detail }) => {
  if (detail.state === "failed") window.failedMs ??= performance.now() - window.beganMs;
}, true);
customElements.whenDefined("fanlight-viewer").then(() => { window.beganMs = performance.now(); });
"""
MEND = "() => { window.cut = false; dispatchEvent(new Event('online')); }"
NAMED_MS = 8_000
CONTROLS = f"() => {looking.VIEWER}.pictures.held"


@pytest.fixture(scope="module")
def report() -> Iterator[ReportPage]:
    with ReportPage() as page:
        yield page


@pytest.fixture(scope="module")
def server(report: ReportPage) -> Iterator[RunningServer]:
    with RunningServer({"egress_pins": report.pins}) as running:
        yield running


@pytest.fixture(scope="module")
def session(person: Callable[[], Page]) -> Iterator[str]:
    with person() as page:
        page.goto("/dashboard")
        session = looking.start(page)["sessionId"]
        looking.wait_for_status(page, session, "vm_created")
        yield session
        looking.end(page, session)


@pytest.fixture
def page(person: Callable[[], Page]) -> Iterator[Page]:
    with person() as page:
        yield page


def test_without_any_way_the_failure_is_named_in_time_and_is_over_when_there_is_one(
    session: str, page: Page, report: ReportPage, record_property: Callable[[str, object], None]
) -> None:
    page.add_init_script(CUT)
    looking.open_viewer(page, session)
    looking.wait_for_state(page, "failed")
    named_ms = page.evaluate("window.failedMs")
    record_property("named_ms", round(named_ms))
    assert named_ms < NAMED_MS
    looking.wait_for_cause(page, "no-path")
    assert "Every way was tried" in looking.cover(page)
    page.evaluate(MEND)
    looking.wait_for_rung(page, "udp")
    looking.visit(page, report)


def test_a_viewer_that_is_on_a_lower_rung_climbs_without_losing_control(
    session: str, page: Page, report: ReportPage
) -> None:
    page.add_init_script(CUT.replace('"/api/", "/cut/"', '"", ""'))
    looking.open_viewer(page, session)
    looking.wait_for_rung(page, "websocket")
    looking.visit(page, report)
    page.evaluate(MEND)
    looking.wait_for_rung(page, "udp")
    assert page.evaluate(CONTROLS) is True
    page.keyboard.press("Control+a")
    page.keyboard.type("a")
    report.expect("text", lambda event: event["text"] == "a")
    looking.wait_for_colour(page, "lime")
    assert looking.look_up(page, session)["viewers"] == 1


def test_a_reload_brings_control_back_though_somebody_else_looks(
    session: str, page: Page, person: Callable[[], Page]
) -> None:
    looking.wait_for_picture(looking.open_viewer(page, session))
    page.wait_for_function(f"() => ({CONTROLS})() === true")
    with person() as other:
        looking.wait_for_picture(looking.open_viewer(other, session))
        other.wait_for_function(f"() => ({CONTROLS})() === false")
        page.reload()
        looking.wait_for_picture(page)
        page.wait_for_function(f"() => ({CONTROLS})() === true")
        other.wait_for_function(f"() => ({CONTROLS})() === false")
        assert looking.look_up(other, session)["viewers"] == 2


def test_what_stops_being_heard_is_replaced_while_its_picture_stays(
    session: str, page: Page, record_property: Callable[[str, object], None]
) -> None:
    looking.wait_for_picture(looking.open_viewer(page, session))
    name = page.evaluate(f"{looking.VIEWER}.connection.name")
    # The gateway forgets the connection without a word to the browser.
    since = time.monotonic()
    page.evaluate(
        """([session, name]) => {
          const path = `/api/webrtc/session/${session}/whep/${name}`;
          return fetch(path, { method: "DELETE" }).then(() => null);
        }""",
        [session, name],
    )
    page.wait_for_function(f"(name) => {looking.VIEWER}.connection.name !== name", arg=name)
    looking.wait_for_picture(page)
    record_property("replaced_ms", round((time.monotonic() - since) * 1000))
