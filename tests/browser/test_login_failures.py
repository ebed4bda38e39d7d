"""What the person sees when no credential comes of it, and what is left then."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page, expect
from tests.providers import IDP_NAMES

from fanlight.testing.server import RunningServer

from . import looking, signing_in
from .host_processes import wait_until
from .login_world import LoginWorld, serving, sign_in


def expect_no_machine(server: RunningServer) -> None:
    wait_until(lambda: list((server.data / "run" / "m").iterdir()) == [])


def test_consent_that_is_denied_is_named(owner: Page, login_world: LoginWorld) -> None:
    idp = login_world.providers["wrangler"]
    desktop = signing_in.Desktop(owner, idp, "wrangler")
    session = signing_in.connect(owner, "wrangler")
    desktop.sign_in(consent=False)
    expect(owner.get_by_role("heading", name="Wrangler was not signed in")).to_be_visible(
        timeout=30_000
    )
    expect(owner.locator("aside")).to_contain_text(
        "The sign-in was declined on the provider's page."
    )
    looking.wait_for_status(owner, session, "ended")
    assert looking.look_up(owner, session)["reason"]["code"] == "login-denied"
    signing_in.screenshot(owner, "failed")
    expect_no_machine(login_world.server)


def test_an_account_that_is_rejected_is_revoked_at_its_provider(
    owner: Page, login_world: LoginWorld
) -> None:
    idp = login_world.providers["wrangler"]
    desktop = signing_in.Desktop(owner, idp, "wrangler")
    session = signing_in.connect(owner, "wrangler")
    desktop.sign_in()
    signing_in.wait_for_question(owner, idp.account)
    revoked = idp.count("grant.revoked")
    owner.get_by_role("button", name="Reject").click()
    expect(owner.get_by_role("heading", name="Account rejected")).to_be_visible()
    expect(owner.locator("aside")).to_contain_text("its provider was told", timeout=20_000)
    assert idp.count("grant.revoked") == revoked + 1
    looking.wait_for_status(owner, session, "ended")
    signing_in.screenshot(owner, "rejected")
    expect_no_machine(login_world.server)


@pytest.fixture
def silent_port() -> Iterator[int]:
    """A port that takes connections and never says a word."""
    with closing(socket.create_server(("127.0.0.1", 0), backlog=64)) as listener:
        yield listener.getsockname()[1]


def test_a_page_that_never_loads_ends_with_a_reason(
    silent_port: int, login_world: LoginWorld, new_context: Callable[..., BrowserContext]
) -> None:
    pins = {f"{name}:443": f"127.0.0.1:{silent_port}" for name in IDP_NAMES}
    with serving({"egress_pins": pins, "login_timeout_s": 8}) as server:
        context = new_context(base_url=server.url)
        sign_in(context, server.link)
        page = context.new_page()
        page.goto("/dashboard")
        session = signing_in.connect(page, "wrangler")
        looking.wait_for_picture(page)
        expect(page.locator("aside")).to_contain_text("dash.cloudflare.com", timeout=20_000)
        signing_in.screenshot(page, "never_loads")
        looking.wait_for_status(page, session, "ended")
        expect(page.locator("aside")).to_contain_text("Nobody signed in")
        assert looking.look_up(page, session)["reason"]["code"] == "login-timed-out"
        signing_in.screenshot(page, "timed_out")
        expect_no_machine(server)
        context.close()


def test_a_session_that_its_owner_cancels_says_so(
    owner: Page, login_world: LoginWorld, tmp_path: Path
) -> None:
    session = signing_in.connect(owner, "wrangler")
    looking.wait_for_picture(owner)
    owner.get_by_role("button", name="Cancel").click()
    owner.get_by_role("button", name="Yes").click()
    looking.wait_for_status(owner, session, "ended")
    expect(owner.get_by_role("heading", name="Wrangler was not signed in")).to_be_visible()
    expect(owner.locator("aside")).to_contain_text("You ended the session")
    signing_in.screenshot(owner, "cancelled")
    expect_no_machine(login_world.server)
