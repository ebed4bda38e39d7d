"""How good the picture is, as the viewer shows it: a word in the toolbar, all of it on a click."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Page

from . import looking

PANEL = "fanlight-viewer section[aria-label='The connection in detail']"
ROWS = """(panel) => Object.fromEntries([...panel.querySelectorAll("dt")].map((name) =>
  [name.textContent, name.nextElementSibling.textContent]))"""
STEPS = """(panel) => [...panel.querySelectorAll(".timeline span:first-child")].map(
  (step) => step.textContent)"""
IS_TOLD = """() => !/not told|not known/.test(
  document.querySelector("fanlight-viewer").shadowRoot.querySelector("section dl").textContent)"""
QUALITY = f"{looking.VIEWER}.quality"


@pytest.fixture(scope="module")
def page(person: Callable[[], Page]) -> Iterator[Page]:
    with person() as page:
        page.goto("/dashboard")
        session = looking.start(page)["sessionId"]
        looking.wait_for_status(page, session, "vm_created")
        looking.wait_for_picture(looking.open_viewer(page, session))
        yield page
        looking.end(page, session)


def test_a_click_shows_every_figure_and_the_way_to_the_first_picture(page: Page) -> None:
    button = page.get_by_role("button", name="Quality of the connection")
    button.wait_for()
    assert button.get_attribute("aria-expanded") == "false"
    button.click()
    panel = page.locator(PANEL)
    looking.click(page, *looking.ADDRESS_BAR)
    page.keyboard.type("something to show", delay=100)
    page.wait_for_function(f"() => {QUALITY}?.latencyMs > 0 && {QUALITY}.score !== null")
    page.wait_for_function(IS_TOLD)
    rows = panel.evaluate(ROWS)
    assert rows["Way"] == "WebRTC over UDP, direct"
    assert rows["Resolution"].endswith(" 720 VP8")
    assert "vp8" in rows["Encoder"]
    for name in ("Delay, end to end", "Round trip", "Jitter"):
        assert rows[name].endswith(" ms"), name
    assert {"Loss", "Frames", "Freezes", "Bit rate", "Decoder"} < rows.keys()
    assert "of 5." in panel.locator("h3").inner_text()
    steps = panel.evaluate(STEPS)
    for words in (
        "Machine made",
        "The first picture was sent",
        "The first picture was shown here",
    ):
        assert words in steps
    page.keyboard.press("Escape")
    panel.wait_for(state="visible")  # the desktop has the keyboard, and Escape with it
    panel.get_by_role("button", name="Close the details").click()
    panel.wait_for(state="hidden")
    assert button.get_attribute("aria-expanded") == "false"


def test_over_novnc_only_what_can_be_known_is_said(page: Page) -> None:
    page.get_by_role("button", name="Use noVNC").click()
    looking.wait_for_rung(page, "vnc")
    page.wait_for_function(f"() => {QUALITY}?.rung === 'vnc'")
    page.get_by_role("button", name="Quality of the connection").click()
    rows = page.locator(PANEL).evaluate(ROWS)
    assert list(rows) == ["Way", "Delay, end to end", "Round trip"]
    assert rows["Way"].startswith("noVNC over a WebSocket")
    assert rows["Round trip"].endswith(" ms")
