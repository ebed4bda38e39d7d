"""A person in a real Chromium, for measuring: signs in, starts sessions, looks at them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from playwright.sync_api import Page, sync_playwright

CHROMIUM = "/usr/bin/chromium"
ARGUMENTS = [
    "--no-sandbox",  # the measuring machine may be root; what is measured is not this browser
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--autoplay-policy=no-user-gesture-required",
]

START_DESKTOP = """async () => {
  const response = await fetch("/api/auth/start", {
    method: "POST", headers: {"Content-Type": "application/json"}, body: "{}"});
  if (!response.ok) throw new Error(await response.text());
  return (await response.json()).sessionId;
}"""
END = """async (id) => { await fetch(`/api/auth/session/${id}`, {method: "DELETE"}); }"""


@contextlib.contextmanager
def signed_in(link: str) -> Iterator[Page]:
    """Give a page that redeemed the one-time link, on the dashboard."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        page = browser.new_page(
            viewport={"width": 1500, "height": 950},
            bypass_csp=True,  # the meter is put into the page from outside
        )
        page.goto(link)
        page.get_by_role("button", name="Sign in").click()
        page.wait_for_url("**/dashboard*")
        yield page
        browser.close()


def start_desktop(page: Page) -> str:
    """Start a plain desktop and give its session's id."""
    return str(page.evaluate(START_DESKTOP))


def end(page: Page, session: str) -> None:
    """End a session."""
    page.evaluate(END, session)
