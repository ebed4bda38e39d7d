"""A session that ends soon says so on its page, and can be extended there."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Page, expect

from fanlight.testing.server import RunningServer

from . import looking

LASTS_S, MOST_S = 24, 36


@pytest.fixture(scope="module")
def server() -> Iterator[RunningServer]:
    with RunningServer({"session_timeout_s": LASTS_S, "max_session_s": MOST_S}) as running:
        yield running


def test_the_page_counts_down_to_the_end_and_the_owner_extends_it(
    person: Callable[[], Page],
) -> None:
    with person() as page:
        page.goto("/dashboard")
        session = looking.start(page)
        began_s = session["createdAt"]
        assert session["endsAt"] == pytest.approx(began_s + LASTS_S)
        looking.open_viewer(page, session["sessionId"])
        banner = page.get_by_role("region", name="The session ends soon")
        expect(banner).to_be_hidden()

        expect(banner).to_be_visible(timeout=LASTS_S * 1000)
        expect(banner.get_by_role("alert")).to_have_text(
            "This session ends soon. Its time is over then, with all that is open on it."
        )
        left = banner.get_by_role("timer")
        first = left.inner_text()
        assert first.startswith("0:")
        expect(left).not_to_have_text(first)
        extend = banner.get_by_role("button", name="Extend")
        extend.focus()
        page.keyboard.press("Enter")
        expect(banner).to_be_hidden()
        longer = looking.look_up(page, session["sessionId"])
        assert longer["endsAt"] == pytest.approx(began_s + MOST_S, abs=0.1)

        expect(banner).to_be_visible(timeout=MOST_S * 1000)
        extend.click()
        expect(banner).to_contain_text(
            f"a session may last {MOST_S} seconds in all", ignore_case=True
        )
        looking.wait_for_state(page, "ended", MOST_S * 1000)
        expect(banner).to_be_hidden()
        over = looking.look_up(page, session["sessionId"])
        assert over["reason"]["code"] == "session-timed-out"
        assert "time is over" in looking.cover(page)
