"""The main job in a virtual machine: a tool signs in on its desktop, seen through the viewer."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Page, expect
from tests.browser import looking, signing_in
from tests.browser.host_processes import family
from tests.browser.login_world import LoginWorld
from tests.machines.images import TOOL

FRAME_MS = 600_000
"""The first session waits for its snapshot, if that is not there yet."""
QUESTION_MS = 240_000


def test_a_tool_is_signed_in_in_a_virtual_machine_and_its_credential_works_elsewhere(
    prepared: Page, login_world: LoginWorld, tmp_path: Path
) -> None:
    owner, idp = prepared, login_world.providers[TOOL]
    desktop = signing_in.Desktop(owner, idp, TOOL)
    session = signing_in.connect(owner, TOOL)
    owner.wait_for_function(f"() => {looking.VIEWER}?.video?.videoWidth > 0", timeout=FRAME_MS)
    assert any("qemu-system" in each for each in family(login_world.server).values())

    desktop.sign_in()
    question = owner.get_by_role("heading", name="Is this the right account?")
    expect(question.or_(owner.get_by_text("Its last words", exact=True))).to_be_visible(
        timeout=QUESTION_MS
    )
    signing_in.screenshot(owner, "virtual-machine-signed-in")
    assert question.is_visible(), owner.locator("details").all_text_contents()
    signing_in.wait_for_question(owner, idp.account)
    signing_in.screenshot(owner, "virtual-machine")
    owner.get_by_role("button", name="Confirm").click()
    signing_in.download(owner, tmp_path)
    expect(owner.get_by_text("The machine is gone.")).to_be_visible()

    looking.wait_for_status(owner, session, "ended")
    status, said = signing_in.run_outside(idp, login_world.ca_file, tmp_path, TOOL)
    assert (status, idp.account in said) == (0, True), said
    assert not any("qemu-system" in each for each in family(login_world.server).values())
