"""The rung between WebRTC and noVNC: the encoded frames over a WebSocket, decoded in the page.

The figures are kept as properties of the test.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Page

from fanlight.testing.server import RunningServer

from . import looking
from .report_page import ReportPage
from .test_viewer_novnc import NO_UDP

Record = Callable[[str, object], None]

FIGURE = f"(name) => {looking.VIEWER}.quality?.[name] ?? null"
WATCHES = "You are watching; another viewer holds control."


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


@pytest.fixture
def page(person: Callable[[], Page]) -> Iterator[Page]:
    """A page whose network lets no UDP through."""
    with person() as page:
        page.add_init_script(NO_UDP)
        yield page


@pytest.fixture
def other(person: Callable[[], Page]) -> Iterator[Page]:
    """Another page of the same person, over WebRTC."""
    with person() as page:
        yield page


def types(page: Page, report: ReportPage, text: str) -> None:
    """Type over what is in the machine's field, and wait until it is there."""
    looking.enter(page, report)
    page.keyboard.press("Control+a")
    page.keyboard.type(text)
    report.expect("text", lambda event: event["text"] == text)


def wait_for_words(page: Page, words: str, *, there: bool) -> None:
    """Wait until the toolbar says this, or no longer."""
    page.wait_for_function(
        f"""([words, there]) => {looking.VIEWER}.shadowRoot
          .querySelector("[role=toolbar]").innerText.includes(words) === there""",
        arg=[words, there],
    )


def test_where_no_udp_gets_through_the_frames_come_over_a_websocket_and_input_goes_back(
    session: str, page: Page, report: ReportPage, record_property: Record
) -> None:
    since = time.monotonic()
    looking.open_viewer(page, session)
    looking.wait_for_rung(page, "websocket")
    record_property("websocket_after_s", round(time.monotonic() - since, 2))
    looking.visit(page, report)
    types(page, report, "漢Ж")
    looking.wait_for_colour(page, "blue")
    page.mouse.move(*looking.place(page, 900, 500))
    report.expect("pointermove", lambda event: abs(event["x"] - 900) <= 1)
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.evaluate("navigator.clipboard.writeText('pasted: @ä')")
    looking.enter(page, report)
    page.keyboard.press("Control+a")
    page.keyboard.press("Control+v")
    report.expect("text", lambda event: event["text"] == "pasted: @ä")
    for name in ("framesDecoded", "latencyMs", "roundTripMs", "score"):
        figure = page.wait_for_function(FIGURE, arg=name).json_value()
        assert figure > 0, name
        record_property(name, figure)
    assert page.evaluate(FIGURE, "rung") == "websocket"
    assert page.evaluate(FIGURE, "codec") == "VP8"


def test_control_goes_between_a_stream_and_a_webrtc_viewer(
    session: str, page: Page, other: Page, report: ReportPage
) -> None:
    looking.open_viewer(page, session)
    looking.wait_for_rung(page, "websocket")
    looking.open_viewer(other, session)
    looking.wait_for_picture(other)
    wait_for_words(other, WATCHES, there=True)
    looking.visit(page, report)
    types(page, report, "ab")
    looking.wait_for_colour(other, "blue")
    page.close()
    wait_for_words(other, WATCHES, there=False)
    types(other, report, "a")
    with other.context.new_page() as third:
        third.add_init_script(NO_UDP)
        looking.open_viewer(third, session)
        looking.wait_for_rung(third, "websocket")
        wait_for_words(third, WATCHES, there=True)
        looking.wait_for_colour(third, "lime")
        other.close()
        wait_for_words(third, WATCHES, there=False)
        types(third, report, "ab")


def test_a_stream_is_back_with_its_control_after_the_controller_was_killed(
    session: str,
    page: Page,
    other: Page,
    report: ReportPage,
    server: RunningServer,
    record_property: Record,
) -> None:
    looking.open_viewer(page, session)
    looking.wait_for_rung(page, "websocket")
    looking.open_viewer(other, session)
    looking.wait_for_picture(other)
    wait_for_words(other, WATCHES, there=True)
    looking.visit(page, report)
    server.kill()
    page.wait_for_selector("fanlight-viewer:not([data-state=live])")
    server.start(port=int(server.url.rsplit(":", 1)[1]))
    since = time.monotonic()
    looking.wait_for_rung(page, "websocket")
    record_property("back_after_s", round(time.monotonic() - since, 2))
    wait_for_words(other, WATCHES, there=True)
    types(page, report, "ab")
    looking.wait_for_colour(page, "blue")
