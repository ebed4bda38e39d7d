"""The viewer for people without a mouse, without sight, with a phone, or in the dark."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from fanlight.testing.server import RunningServer

from . import looking

NAMELESS = """() => {
  const found = [];
  const look = (root) => {
    for (const each of root.querySelectorAll("*")) {
      if (each.shadowRoot) look(each.shadowRoot);
      if (!each.matches("button, a[href], input, textarea, select")) continue;
      const name = each.getAttribute("aria-label") || each.textContent.trim()
        || [...(each.labels ?? [])].map((label) => label.textContent).join("");
      if (!name) found.push(each.outerHTML);
    }
  };
  look(document);
  return found;
}"""
FOCUSED = """() => {
  let at = document.activeElement;
  while (at?.shadowRoot?.activeElement) at = at.shadowRoot.activeElement;
  return at.getAttribute("aria-label") || at.textContent.trim();
}"""
WIDTHS = "[document.documentElement.scrollWidth, innerWidth]"
BACKGROUND = "getComputedStyle(document.body).backgroundColor"


@pytest.fixture(scope="module")
def session(person: Callable[[], Page]) -> Iterator[str]:
    with person() as page:
        page.goto("/dashboard")
        session = looking.start(page)["sessionId"]
        looking.wait_for_status(page, session, "vm_created")
        yield session
        looking.end(page, session)


@pytest.fixture
def page(session: str, person: Callable[[], Page]) -> Iterator[Page]:
    with person() as page:
        looking.wait_for_picture(looking.open_viewer(page, session))
        yield page


@pytest.fixture
def open_as(
    browser: Browser, person: Callable[[], Page], server: RunningServer
) -> Iterator[Callable[..., Page]]:
    """Open a page of the same person's on another kind of device."""
    with person() as page:
        signed_in = page.context.storage_state()
    contexts = []

    def give(**device: Any) -> Page:
        context = browser.new_context(base_url=server.url, storage_state=signed_in, **device)
        contexts.append(context)
        return context.new_page()

    yield give
    for context in contexts:
        context.close()


def test_every_control_has_a_name(page: Page) -> None:
    page.get_by_role("button", name="Quality of the connection").wait_for()
    assert page.evaluate(NAMELESS) == []
    page.goto("/dashboard")
    page.get_by_role("button", name="Start a desktop").wait_for()
    assert page.evaluate(NAMELESS) == []


def test_everything_is_reached_by_keyboard(page: Page) -> None:
    page.get_by_role("button", name="Quality of the connection").wait_for()
    page.evaluate("document.body.focus()")
    reached = []
    for _ in range(8):
        page.keyboard.press("Tab")
        reached.append(page.evaluate(FOCUSED))
        if reached[-1].startswith("Keyboard of the desktop"):
            break
    assert reached[0] == "Skip to the content"
    assert "End the session" in reached
    assert reached[-1].startswith("Keyboard of the desktop")
    for key in ["Control", "Alt", "Shift"]:
        page.keyboard.down(key)
    for key in ["Shift", "Alt", "Control"]:
        page.keyboard.up(key)
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Shift+Tab")
    assert page.evaluate(FOCUSED) == "Use noVNC"
    page.keyboard.press("Enter")
    looking.wait_for_rung(page, "vnc")


def test_the_state_is_announced(page: Page) -> None:
    live = page.locator("fanlight-viewer [aria-live=polite]")
    assert live.get_attribute("role") == "status"
    assert looking.announced(page) == "The desktop is live."
    page.get_by_role("button", name="Use noVNC").click()
    looking.wait_for_rung(page, "vnc")
    said = looking.announced(page)
    assert said.startswith("The desktop is shown by noVNC. This way of showing the picture was")


def test_dark_is_dark_and_light_is_light(session: str, open_as: Callable[..., Page]) -> None:
    for scheme, is_dark in [("dark", True), ("light", False)]:
        page = open_as(color_scheme=scheme)
        looking.wait_for_picture(looking.open_viewer(page, session))
        red = int(page.evaluate(BACKGROUND).split("(")[1].split(",")[0])
        assert (red < 80) is is_dark


def test_a_phone_shows_all_without_scrolling_sideways(
    session: str, open_as: Callable[..., Page]
) -> None:
    page = open_as(viewport={"width": 390, "height": 844}, is_mobile=True, has_touch=True)
    page.goto("/dashboard")
    page.get_by_role("button", name="Start a desktop").wait_for()
    assert page.evaluate(WIDTHS) == [390, 390]
    looking.wait_for_picture(looking.open_viewer(page, session))
    assert page.evaluate(WIDTHS) == [390, 390]
    for name in ["Show the keyboard", "Use noVNC", "Minimize", "Full screen"]:
        box = page.get_by_role("button", name=name).bounding_box()
        assert box is not None
        assert 0 <= box["x"] <= box["x"] + box["width"] <= 390
        assert box["height"] >= 32
    page.get_by_role("button", name="Quality of the connection").tap()
    page.locator("fanlight-viewer dl").wait_for()
    assert page.evaluate(WIDTHS) == [390, 390]


def test_a_session_that_is_not_ours_is_said_not_to_be_there(
    session: str, person: Callable[[], Page]
) -> None:
    with person() as page:
        looking.open_viewer(page, "no-such-session")
        looking.wait_for_state(page, "failed")
        words = looking.cover(page)
        assert "The desktop cannot be shown" in words
        assert "No such session" in words
        page.get_by_role("link", name="Back to the sessions").click()
        page.get_by_role("button", name="Start a desktop").wait_for()
