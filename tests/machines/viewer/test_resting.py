"""A desktop that nobody looks at rests on disk; who opens its page has it wake before them."""

from __future__ import annotations

import time

from playwright.sync_api import Page, expect
from tests.browser import looking, signing_in
from tests.browser.host_processes import family
from tests.browser.login_world import LoginWorld

PICTURE = f"() => {looking.VIEWER}?.video?.videoWidth > 0"
FRAME_MS, REST_S = 120_000, 90.0


def machines(world: LoginWorld) -> int:
    return sum("qemu-system" in each for each in family(world.server).values())


def wait_for_pause(page: Page, session: str, pause: str | None) -> None:
    deadline = time.monotonic() + REST_S
    while (found := looking.look_up(page, session))["pause"] != pause:
        assert time.monotonic() < deadline, found
        assert found["status"] in ("booting", "vm_created"), found
        time.sleep(0.1)


def test_a_desktop_rests_when_its_page_is_left_and_wakes_when_it_is_opened(
    prepared: Page, login_world: LoginWorld
) -> None:
    owner, address = prepared, login_world.server.url
    before = machines(login_world)
    session = looking.start(owner)["sessionId"]
    page = f"{address}/dashboard/session?session={session}"
    owner.goto(page)
    owner.wait_for_function(PICTURE, timeout=FRAME_MS)
    assert machines(login_world) == before + 1

    owner.goto(f"{address}/dashboard")
    wait_for_pause(owner, session, "paused")
    assert machines(login_world) == before, "nothing of it runs"
    assert len(list((login_world.server.data / "resting").iterdir())) == 1
    expect(owner.get_by_text("Resting", exact=True)).to_be_visible()

    owner.goto(page)
    expect(owner.get_by_text("Waking the desktop").first).to_be_visible()
    signing_in.screenshot(owner, "virtual-machine-wakes")
    owner.wait_for_function(PICTURE, timeout=FRAME_MS)
    wait_for_pause(owner, session, None)
    assert machines(login_world) == before + 1

    looking.end(owner, session)
    looking.wait_for_status(owner, session, "ended")
    assert list((login_world.server.data / "resting").iterdir()) == []
