"""The page's key is gone at the end, whichever end it is; the page shows what is asked of it."""

from __future__ import annotations

import time
from pathlib import Path

import pyrage
from playwright.sync_api import Page, ViewportSize, expect

from . import looking, signing_in
from .login_world import LoginWorld

KEYS = """async () => {
  const open = indexedDB.open("fanlight", 1);
  const database = await new Promise((done, failed) => {
    open.onupgradeneeded = () => open.result.createObjectStore("recipient-keys",
      { keyPath: "recipient" });
    open.onsuccess = () => done(open.result);
    open.onerror = () => failed(open.error);
  });
  const all = database.transaction("recipient-keys").objectStore("recipient-keys").getAll();
  const records = await new Promise((done) => { all.onsuccess = () => done(all.result); });
  database.close();
  return records.map((each) => [each.recipient, each.identity.extractable]);
}"""
BOX = """(element) => {
  const { top, bottom, left, right } = element.getBoundingClientRect();
  return top >= 0 && left >= 0 && bottom <= innerHeight && right <= innerWidth;
}"""
WIDE: ViewportSize = {"width": 1280, "height": 800}
PHONE: ViewportSize = {"width": 390, "height": 844}


def keys(page: Page) -> list[tuple[str, bool]]:
    """Give the keys that this browser holds, and whether the page could take them out."""
    return [(recipient, extractable) for recipient, extractable in page.evaluate(KEYS)]


def wait_until_forgotten(page: Page) -> None:
    """Wait until the browser holds no key.

    Playwright's own wait would take the promise of an asynchronous function for a yes.
    """
    deadline = time.monotonic() + 10
    while held := keys(page):
        assert time.monotonic() < deadline, f"it still holds {held}"
        page.wait_for_timeout(50)


def test_the_key_is_deleted_with_the_download_and_the_button_is_seen_without_scrolling(
    owner: Page, login_world: LoginWorld, tmp_path: Path
) -> None:
    idp = login_world.providers["wrangler"]
    owner.set_viewport_size(WIDE)
    session = signing_in.connect(owner, "wrangler")
    desktop = signing_in.Desktop(owner, idp, "wrangler")
    desktop.wait_for_sign_in_page()
    told = looking.look_up(owner, session)["login"]
    assert keys(owner) == [(told["recipient"], False)]
    signing_in.screenshot(owner, "page-1280-signin")

    desktop.sign_in()
    signing_in.wait_for_question(owner, idp.account)

    expect(owner.get_by_role("heading", name="Is this the right account?")).to_be_focused()
    for size in (WIDE, PHONE):
        owner.set_viewport_size(size)
        owner.get_by_role("heading", name="Is this the right account?").focus()
        signing_in.screenshot(owner, f"page-{size['width']}-confirm")
        assert owner.get_by_role("button", name="Confirm").evaluate(BOX), size
    owner.set_viewport_size(WIDE)
    owner.get_by_role("button", name="Confirm").click()
    signing_in.download(owner, tmp_path)
    signing_in.screenshot(owner, "page-1280-saved")
    expect(owner.get_by_text("The machine is gone.")).to_be_visible()
    signing_in.screenshot(owner, "page-1280-done")
    wait_until_forgotten(owner)


def test_the_key_is_deleted_when_the_account_is_rejected(
    owner: Page, login_world: LoginWorld
) -> None:
    idp = login_world.providers["wrangler"]
    signing_in.connect(owner, "wrangler")
    signing_in.Desktop(owner, idp, "wrangler").sign_in()
    signing_in.wait_for_question(owner, idp.account)
    assert len(keys(owner)) == 1

    owner.get_by_role("button", name="Reject").click()

    wait_until_forgotten(owner)
    expect(owner.get_by_role("heading", name="Account rejected")).to_be_visible()


def test_the_key_of_a_session_that_ended_elsewhere_is_deleted_by_the_page_and_the_dashboard(
    owner: Page, login_world: LoginWorld
) -> None:
    for closing in ("page", "dashboard"):
        owner.goto("/dashboard")
        session = signing_in.connect(owner, "wrangler")
        address = owner.url
        assert len(keys(owner)) == 1
        owner.goto("/signin")  # a page that does not look at sessions
        owner.evaluate(looking.END, session)
        looking.wait_for_status(owner, session, "ended")
        assert len(keys(owner)) == 1

        owner.goto(address if closing == "page" else "/dashboard")

        wait_until_forgotten(owner)


def test_a_credential_that_goes_to_a_program_is_shown_with_its_key_and_not_offered(
    owner: Page, login_world: LoginWorld
) -> None:
    idp = login_world.providers["wrangler"]
    recipient = str(pyrage.x25519.Identity.generate().to_public())
    started = looking.start(
        owner, provider="wrangler", recipient=recipient, label="fanlight connect on laptop"
    )
    owner.goto(started["page"])
    signing_in.Desktop(owner, idp, "wrangler").sign_in()
    signing_in.wait_for_question(owner, idp.account)
    told = looking.look_up(owner, started["sessionId"])["login"]
    signing_in.screenshot(owner, "page-program-confirm")
    steps = owner.locator("aside")
    expect(steps).to_contain_text("fanlight connect on laptop")
    expect(steps).to_contain_text(told["fingerprint"])
    expect(steps).to_contain_text(told["matchingCode"])

    owner.get_by_role("button", name="Confirm").click()

    expect(owner.get_by_role("heading", name="On its way")).to_be_visible(timeout=30_000)
    expect(steps).to_contain_text(told["fingerprint"])
    expect(steps).to_contain_text(told["matchingCode"])
    expect(owner.get_by_role("button", name="Download")).to_have_count(0)
    signing_in.screenshot(owner, "page-program-sealed")
