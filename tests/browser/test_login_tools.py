"""The other tools sign in on the desktop as well, each in its own way."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect
from tests.providers import device_pages

from . import signing_in
from .login_world import ACCOUNTS, LoginWorld


@pytest.mark.parametrize("tool", ["claude_code", "codex"])
def test_a_tool_with_a_loopback_redirect_is_signed_in(
    owner: Page, login_world: LoginWorld, tmp_path: Path, tool: str
) -> None:
    double = login_world.providers[tool]
    desktop = signing_in.Desktop(owner, double, tool)
    signing_in.connect(owner, tool)
    desktop.sign_in()
    signing_in.wait_for_question(owner, double.account)
    owner.get_by_role("button", name="Confirm").click()
    signing_in.download(owner, tmp_path)
    expect(owner.get_by_text("The machine is gone.")).to_be_visible()
    status, said = signing_in.run_outside(double, login_world.ca_file, tmp_path, tool)
    if tool == "claude_code":
        # Its account stands in a file that people have already: merged by hand, so not unpacked.
        expect(owner.get_by_text("~/.claude.json is not in the archive")).to_be_visible()
        assert (status, '"loggedIn": true' in said) == (0, True), said
    else:
        assert (status, double.account in said) == (0, True), said


def test_gh_shows_its_code_beside_the_desktop_and_is_signed_in(
    owner: Page, login_world: LoginWorld, tmp_path: Path
) -> None:
    github = login_world.providers["gh"]
    desktop = signing_in.Desktop(owner, github, "gh")
    signing_in.connect(owner, "gh")
    desktop.wait_for_sign_in_page()
    signing_in.screenshot(owner, "gh")
    shown = owner.locator("aside .bigcode")
    expect(shown).to_be_visible()
    _, code, consent = device_pages(github, shown.inner_text())
    desktop.fill_in()
    desktop.go_on("Enter", code)
    desktop.type(code.keys[:-1])
    desktop.go_on("Enter", consent)
    desktop.type(consent.keys)
    signing_in.wait_for_question(owner, ACCOUNTS["gh"])
    owner.get_by_role("button", name="Confirm").click()
    signing_in.download(owner, tmp_path)
    expect(owner.get_by_text("The machine is gone.")).to_be_visible()
    status, said = signing_in.run_outside(github, login_world.ca_file, tmp_path, "gh")
    assert (status, ACCOUNTS["gh"] in said) == (0, True), said
