"""The rung below WebRTC: by a button and back, and by itself with the reason said."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Page

from fanlight.testing.server import RunningServer

from . import looking
from .report_page import ReportPage

# A network that lets no UDP through, and no TURN server is told of: only relays may be used.
NO_UDP = """
const Real = window.RTCPeerConnection;
window.RTCPeerConnection = class extends Real {
  constructor(how) { super({ ...how, iceTransportPolicy: "relay" }); }
};
"""
# A proxy that cuts WebSockets with encoded frames, and lets noVNC's through.
NO_STREAM = """
window.WebSocket = new Proxy(window.WebSocket, {
  construct: (Real, [url, ...more]) => new Real(String(url).replace("/stream", "/cut"), ...more),
});
"""
SOON_MS = 13_000


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


def type_into(page: Page, report: ReportPage, before: str = "") -> None:
    """Type over the rung of the moment, and see it."""
    looking.enter(page, report)
    page.keyboard.press("Control+a")
    page.keyboard.type("a")
    report.expect("text", lambda event: event["text"] == "a")
    looking.wait_for_colour(page, "lime")
    page.keyboard.type("B")
    report.expect("text", lambda event: event["text"] == "aB")
    looking.wait_for_colour(page, "blue")
    page.mouse.move(*looking.place(page, 900, 500))
    report.expect(
        "pointermove", lambda event: abs(event["x"] - 900) <= 1 and abs(event["y"] - 500) <= 1
    )


def test_the_quality_popover_shows_figures(session: str, page: Page, report: ReportPage) -> None:
    looking.wait_for_picture(looking.open_viewer(page, session))
    looking.visit(page, report)
    button = page.get_by_role("button", name="Quality of the connection")
    button.click()
    assert button.get_attribute("aria-expanded") == "true"
    details = page.locator("fanlight-viewer dl")
    page.wait_for_function(
        f"""() => /Round trip\\s+\\d+ ms/.test(
          {looking.VIEWER}.shadowRoot.querySelector("dl").innerText)"""
    )
    page.wait_for_function(f"() => {looking.VIEWER}.quality.framesPerSecond > 0")
    words = details.inner_text()
    for name in [
        "Round trip",
        "Frames",
        "Bit rate",
        "Loss",
        "1280 \N{MULTIPLICATION SIGN} 720 VP8",
    ]:
        assert name in words
    button.click()
    assert details.is_hidden()


def test_novnc_by_the_button_and_back(session: str, page: Page, report: ReportPage) -> None:
    looking.wait_for_picture(looking.open_viewer(page, session))
    looking.visit(page, report)
    page.get_by_role("button", name="Use noVNC").click()
    looking.wait_for_rung(page, "vnc")
    assert "chosen by hand" in looking.bar(page)
    assert "noVNC" in looking.announced(page)
    looking.wait_for_colour(page, "red")
    type_into(page, report)
    page.get_by_role("button", name="Use WebRTC").click()
    looking.wait_for_picture(page)
    looking.wait_for_colour(page, "blue")
    type_into(page, report)


def test_a_network_without_udp_leads_to_a_websocket_by_itself_with_the_reason(
    session: str, page: Page, report: ReportPage
) -> None:
    page.add_init_script(NO_UDP)
    since = time.monotonic()
    looking.open_viewer(page, session)
    looking.wait_for_rung(page, "websocket", SOON_MS)
    print(f"a WebSocket by itself after {time.monotonic() - since:.1f} s")  # noqa: T201
    # The connection that is still being tried is the same viewer's, so control came along.
    assert looking.look_up(page, session)["viewers"] == 1
    page.wait_for_function(f"() => {looking.VIEWER}.pictures.shown.held === true", timeout=2_000)
    looking.wait_for_cause(page, "udp-blocked")
    assert "No UDP packet comes through" in looking.bar(page)
    looking.visit(page, report)
    type_into(page, report)


def test_a_network_without_udp_and_streams_leads_to_novnc_by_itself_with_the_reason(
    session: str, page: Page, report: ReportPage
) -> None:
    page.add_init_script(NO_UDP + NO_STREAM)
    since = time.monotonic()
    looking.open_viewer(page, session)
    looking.wait_for_rung(page, "vnc", SOON_MS)
    print(f"noVNC by itself after {time.monotonic() - since:.1f} s")  # noqa: T201 - with -rP
    looking.wait_for_cause(page, "udp-blocked")
    assert "No UDP packet comes through" in looking.bar(page)
    assert "No UDP packet comes through" in looking.announced(page)
    looking.visit(page, report)
    type_into(page, report)


def test_text_pasted_over_novnc_is_typed(session: str, page: Page, report: ReportPage) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    looking.wait_for_picture(looking.open_viewer(page, session))
    looking.visit(page, report)
    page.get_by_role("button", name="Use noVNC").click()
    looking.wait_for_rung(page, "vnc")
    looking.enter(page, report)
    page.evaluate("navigator.clipboard.writeText('pasted: @ä')")
    page.keyboard.press("Control+v")
    report.expect("text", lambda event: event["text"] == "pasted: @ä")
