"""The main job in the page: wrangler signs in at a real identity provider, by hand."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from . import looking, signing_in
from .host_processes import family, guest, machine_init, wait_until
from .login_world import LoginWorld
from .secrecy import Canaries

STATUS = """async ([path]) => (await fetch(path, { method: "POST" })).status"""


def test_wrangler_is_signed_in_on_the_desktop_and_its_credential_works_elsewhere(
    owner: Page, login_world: LoginWorld, tmp_path: Path
) -> None:
    idp = login_world.providers["wrangler"]
    desktop = signing_in.Desktop(owner, idp, "wrangler")
    owner.get_by_role("link", name="Connect CLI tool").click()
    expect(owner.get_by_role("button", name="Wrangler")).to_be_visible()
    signing_in.screenshot(owner, "connect")
    owner.get_by_role("button", name="Wrangler").click()
    expect(owner.locator("fanlight-viewer")).to_be_visible()
    signing_in.screenshot(owner, "boot")
    session = signing_in.session_of(owner)

    # Nothing is pressed until the sign-in page is there.
    desktop.wait_for_sign_in_page()
    signing_in.screenshot(owner, "signin")
    desktop.fill_in()
    signing_in.screenshot(owner, "typed")
    desktop.go_on("Enter", idp.pages[1], times=2)
    signing_in.screenshot(owner, "consent")
    owner.keyboard.press("Enter")

    signing_in.wait_for_question(owner, idp.account)
    told = looking.look_up(owner, session)["login"]
    expect(owner.locator("aside")).to_contain_text(told["fingerprint"])
    expect(owner.locator("aside")).to_contain_text(told["matchingCode"])
    signing_in.screenshot(owner, "confirm")
    inside = [guest(login_world.server), machine_init(login_world.server)]
    owner.get_by_role("button", name="Confirm").click()
    signing_in.download(owner, tmp_path)
    expect(owner.get_by_text("The machine is gone.")).to_be_visible()
    looking.wait_for_status(owner, session, "ended")
    signing_in.screenshot(owner, "finished")

    status, said = signing_in.run_outside(idp, login_world.ca_file, tmp_path, "wrangler")
    assert (status, idp.account in said) == (0, True), said
    wait_until(lambda: not set(inside) & set(family(login_world.server)))
    assert list((login_world.server.data / "run" / "m").iterdir()) == []
    again = f"/api/auth/session/{session}/credential"
    assert owner.evaluate(STATUS, [again]) == 410


def test_nothing_that_was_typed_or_issued_is_found_on_the_host(
    owner: Page, login_world: LoginWorld, tmp_path: Path
) -> None:
    idp = login_world.providers["wrangler"]
    before = len(idp.issued)
    canaries = Canaries(login_world.server, [idp.password])
    signing_in.connect(owner, "wrangler")
    desktop = signing_in.Desktop(owner, idp, "wrangler")
    desktop.sign_in()
    canaries.assert_nowhere()
    signing_in.wait_for_question(owner, idp.account)

    canaries.add(idp.issued[before:])
    canaries.assert_nowhere()
    owner.get_by_role("button", name="Confirm").click()
    expect(owner.get_by_role("button", name="Download fanlight-")).to_be_visible()
    canaries.assert_nowhere()
    signing_in.download(owner, tmp_path)
    expect(owner.get_by_text("The machine is gone.")).to_be_visible()
    credential = (tmp_path / ".config/.wrangler/config/default.toml").read_text()
    assert any(token in credential for token in idp.issued[before:]), "these are the tokens"
    canaries.assert_nowhere()


def test_the_search_for_canaries_finds_them(login_world: LoginWorld) -> None:
    planted = login_world.server.data / "log" / "planted"
    for form in (b"a canary, raw", b"xxYSBjYW5hcnksIHJhdw==", b"a%20canary%2C%20raw"):
        planted.write_bytes(b"before " + form + b" after")
        with pytest.raises(AssertionError, match="planted"):
            Canaries(login_world.server, ["a canary, raw"]).assert_nowhere()
    planted.unlink()
    Canaries(login_world.server, ["a canary, raw"]).assert_nowhere()
