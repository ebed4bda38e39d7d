"""`fanlight connect` in a terminal without a browser; a person helps from theirs."""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from playwright.sync_api import Page, expect

from . import looking, signing_in
from .login_world import LoginWorld
from .terminals import Terminal

LINK = r"(http://localhost:\d+/device\?code=\S+)"
CODE = r"code: (\S+)"


@contextmanager
def connecting(world: LoginWorld, home: Path) -> Iterator[Terminal]:
    """Run it as on a machine of the person's, whose HOME this is."""
    fanlight = Path(sys.executable).parent / "fanlight"
    env = {"HOME": str(home), "PATH": "/usr/bin:/bin", "TERM": "xterm", "LANG": "C.UTF-8"}
    env |= world.python_path()
    with Terminal(
        [fanlight, "connect", "wrangler", "--server", world.server.url], env
    ) as terminal:
        yield terminal


def turning(page: Page) -> Callable[[], None]:
    """Let the page's own loop turn for a moment."""
    return lambda: page.wait_for_timeout(50)


def open_link(page: Page, terminal: Terminal) -> None:
    """Open the printed link, and compare what it shows with what the terminal shows."""
    page.goto(terminal.find(LINK, turning(page)))
    code = terminal.find(CODE, turning(page))
    expect(page.locator("p.bigcode")).to_have_text(code)


def files_below(home: Path) -> list[Path]:
    return [path for path in home.rglob("*") if path.is_file()]


def test_a_person_approves_signs_in_confirms_and_the_files_land_where_it_was_asked(
    owner: Page, login_world: LoginWorld, tmp_path: Path
) -> None:
    idp = login_world.providers["wrangler"]
    with connecting(login_world, tmp_path) as terminal:
        open_link(owner, terminal)
        code = terminal.find(CODE, turning(owner))
        signing_in.screenshot(owner, "device")
        desktop = signing_in.Desktop(owner, idp, "wrangler")
        owner.get_by_role("button", name="Approve").click()
        owner.wait_for_url("**/dashboard/remote-cli/auth?*")
        session = signing_in.session_of(owner)
        desktop.sign_in()
        signing_in.wait_for_question(owner, idp.account)
        expect(owner.locator("aside")).to_contain_text(code)
        assert files_below(tmp_path) == []
        owner.get_by_role("button", name="Confirm").click()
        assert terminal.wait(turning(owner)) == 0, terminal.text
        assert f"signed in as {idp.account}" in terminal.text
    (file,) = files_below(tmp_path)
    assert file == tmp_path / ".config/.wrangler/config/default.toml"
    assert file.stat().st_mode & 0o777 == 0o600
    expect(owner.get_by_role("heading", name="Done")).to_be_visible()
    signing_in.screenshot(owner, "connected")
    looking.wait_for_status(owner, session, "ended")
    status, said = signing_in.run_outside(idp, login_world.ca_file, tmp_path, "wrangler")
    assert (status, idp.account in said) == (0, True), said


def test_ctrl_c_in_the_middle_ends_the_session_and_writes_nothing(
    owner: Page, login_world: LoginWorld, tmp_path: Path
) -> None:
    with connecting(login_world, tmp_path) as terminal:
        open_link(owner, terminal)
        owner.get_by_role("button", name="Approve").click()
        owner.wait_for_url("**/dashboard/remote-cli/auth?*")
        session = signing_in.session_of(owner)
        terminal.find("Wrangler runs", turning(owner))
        terminal.press("\x03")
        assert terminal.wait(turning(owner)) == 130
        assert "The session was ended" in terminal.text
        assert "Traceback" not in terminal.text
    looking.wait_for_status(owner, session, "ended")
    expect(owner.get_by_text("Wrangler was not signed in")).to_be_visible()
    signing_in.screenshot(owner, "interrupted")
    assert files_below(tmp_path) == []


def test_a_denied_request_starts_nothing_and_is_told(
    owner: Page, login_world: LoginWorld, tmp_path: Path
) -> None:
    with connecting(login_world, tmp_path) as terminal:
        open_link(owner, terminal)
        owner.get_by_role("button", name="Deny").click()
        expect(owner.get_by_role("heading", name="Denied")).to_be_visible()
        assert terminal.wait(turning(owner)) == 1
        assert "declined" in terminal.text
    owner.goto("/dashboard")
    expect(owner.get_by_role("heading", name="Nothing is running")).to_be_visible()


def test_a_request_that_nobody_approves_in_time_is_told_so(
    owner: Page, login_world: LoginWorld, tmp_path: Path
) -> None:
    with connecting(login_world, tmp_path) as terminal:
        open_link(owner, terminal)
        # Ten minutes pass.
        database = login_world.server.data / "store" / "fanlight.db"
        with closing(sqlite3.connect(database)) as store, store:
            store.execute("UPDATE device_requests SET expires_at = expires_at - 600")
        assert terminal.wait(turning(owner)) == 1
        assert "in time" in terminal.text
    owner.get_by_role("button", name="Approve").click()
    expect(owner.get_by_role("alert")).to_contain_text("Run `fanlight connect` again")
    signing_in.screenshot(owner, "expired")
