"""The page of a desktop says where its machine may go, and where it was refused."""

from __future__ import annotations

from collections.abc import Callable

from playwright.sync_api import Page, expect

from . import looking, signing_in

REFUSED = "elsewhere.example.net"
PATIENCE_MS = 30_000


def test_the_page_names_the_network_and_what_was_refused(person: Callable[[], Page]) -> None:
    with person() as page:
        page.goto("/dashboard")
        network = {"mode": "listed", "domains": ["example.org"]}
        session = looking.start(page, network=network)["sessionId"]
        looking.open_viewer(page, session)
        looking.wait_for_picture(page)
        looking.wait_for_status(page, session, "vm_created")
        panel = page.get_by_text("Network: example.org only")
        expect(panel).to_be_visible()

        looking.click(page, *looking.ADDRESS_BAR)
        page.keyboard.press("Control+a")
        page.keyboard.type(f"http://{REFUSED}/")
        page.keyboard.press("Enter")

        expect(panel).to_contain_text("refused", timeout=PATIENCE_MS)
        panel.click()
        listed = page.get_by_role("list", name="Where the machine was refused")
        expect(listed).to_contain_text(REFUSED)
        expect(listed).to_contain_text("it is not on this machine's list")
        expect(page.get_by_text("These domains and all below them: example.org.")).to_be_visible()
        signing_in.screenshot(page, "network-panel")
        looking.end(page, session)
