"""The login agent: what counts as signed in, what each failure is called, what leaves."""

from __future__ import annotations

import asyncio
import base64
import dataclasses
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

import pyrage
import pytest

from fanlight.guest.login import redact, sanitize_account
from fanlight.wire import (
    AccountVerified,
    CliStarted,
    CredentialFile,
    LoginRejected,
    PageOpened,
    UserCodeShown,
    bundle,
    encode,
)

from .conftest import IDENTITY

if TYPE_CHECKING:
    from .conftest import Stage

OPEN = '"$BROWSER" "https://login.example.test/authorize?code=hunter2secret&state=s#frag"; '
WRITE = 'echo \'{"token": "t0ps3cret", "mcpServers": 1}\' > token.json; '


def opened(stage: Stage) -> bundle.Bundle:
    raw = base64.b64decode(stage.sealed().bundle_b64)
    return bundle.decode(pyrage.decrypt(raw, [IDENTITY]))


async def test_a_login_is_told_step_by_step_and_only_the_pages_host_is_named(stage: Stage) -> None:
    await stage.start(stage.tool(OPEN + WRITE))

    assert stage.messages == [
        CliStarted(),
        PageOpened("login.example.test"),
        AccountVerified("alice@example.test"),
    ]
    assert stage.desktop.opened[0].endswith("?code=hunter2secret&state=s#frag")


async def test_the_address_is_taken_from_the_browser_never_from_what_is_printed(
    stage: Stage,
) -> None:
    await stage.start(stage.tool("echo https://paste.example.test/code; " + OPEN + WRITE))

    assert [url.split("/")[2] for url in stage.desktop.opened] == ["login.example.test"]


@pytest.mark.parametrize("program", ["xdg-open", "sensible-browser", "www-browser"])
async def test_a_tool_that_ignores_browser_finds_ours_on_its_path(
    stage: Stage, program: str
) -> None:
    await stage.start(stage.tool(f"{program} https://login.example.test/; {WRITE}"))

    assert stage.desktop.opened == ["https://login.example.test/"]


@pytest.mark.parametrize(
    "url", ["file:///etc/passwd", "javascript:alert(1)", "chrome://settings", "https://a@b/", "x"]
)
async def test_only_web_addresses_reach_the_browser(stage: Stage, url: str) -> None:
    await stage.start(stage.tool(f"xdg-open '{url}' && exit 7; {WRITE}"))

    assert stage.desktop.opened == []
    assert stage.messages[-1] == AccountVerified("alice@example.test")


async def test_the_sealed_bundle_names_all_and_holds_the_listed_fields_only(stage: Stage) -> None:
    await stage.start(stage.tool(OPEN + WRITE))
    await stage.agent.release()

    got = opened(stage)
    assert (got.session, got.tool, got.nonce) == ("s1", "pretend", "nonce-1")
    assert got.account == "alice@example.test"
    assert [(f.path, json.loads(f.content)) for f in got.files] == [
        ("token.json", {"token": "t0ps3cret"})
    ]
    assert os.listdir(stage.home) == []
    assert not [m for m in stage.messages if b"t0ps3cret" in encode(m)]


async def test_nothing_is_released_before_an_account_is_verified(stage: Stage) -> None:
    await stage.agent.release()

    assert stage.failure().code == "login-not-verified"


async def test_a_credential_is_sealed_once(stage: Stage) -> None:
    await stage.start(stage.tool(OPEN + WRITE))
    await stage.agent.release()
    await stage.agent.release()

    assert stage.failure().code == "login-not-verified"


FAILURES = {
    "declined": ("echo 'Error: Consent denied.'; exit 1", "login-denied"),
    "no code": ("echo 'No authorization code received'; exit 1", "login-denied"),
    "wrong state": ("echo 'Invalid state parameter'; exit 1", "login-state-mismatch"),
    "another failure": ("echo boom; exit 3", "login-cli-failed"),
    "silent failure": ("exit 1", "login-cli-failed"),
    "killed": ("kill -9 $$", "login-cli-failed"),
}


@pytest.mark.parametrize("name", FAILURES)
async def test_every_bad_end_has_a_name(stage: Stage, name: str) -> None:
    script, code = FAILURES[name]

    await stage.start(stage.tool(OPEN + script))

    assert stage.failure().code == code
    assert stage.failure().detail


async def test_a_missing_tool_is_named(stage: Stage) -> None:
    tool = stage.tool("true")

    await stage.start(dataclasses.replace(tool, command=("/nonexistent/tool",)))

    assert stage.failure().code == "login-tool-missing"


async def test_a_good_end_without_the_status_commands_word_is_no_login(stage: Stage) -> None:
    await stage.start(stage.tool(OPEN + WRITE, status="echo not logged in; exit 1"))

    assert stage.failure().code == "login-not-signed-in"


async def test_a_login_of_nobody_is_no_login(stage: Stage) -> None:
    await stage.start(stage.tool(OPEN + WRITE, status="echo hello"))

    assert stage.failure().code == "login-account-unknown"


async def test_a_tool_that_waits_for_ever_is_ended_with_all_its_processes(stage: Stage) -> None:
    await stage.start(stage.tool(OPEN + "sleep 60 & echo $! > pid; wait", timeout_s=0.8))

    assert stage.failure().code == "login-timed-out"
    assert await gone(int((stage.home / "pid").read_text()))


async def test_a_tool_that_opens_no_page_is_not_waited_for(stage: Stage) -> None:
    stage.agent.page_timeout_s = 0.2

    await stage.start(stage.tool("echo https://printed.example.test/?code=1; sleep 60"))

    assert stage.failure().code == "login-page-not-opened"
    assert "code=1" not in stage.failure().tail


async def test_a_browser_that_takes_no_page_is_named(stage: Stage) -> None:
    stage.desktop.refuses = True

    await stage.start(stage.tool(OPEN + "sleep 60"))

    assert stage.failure().code == "login-browser-failed"


async def test_prompts_are_answered_and_a_user_code_is_passed_on(stage: Stage) -> None:
    script = (
        "printf 'one-time code: ABCD-1234\\nPress Enter'; read -r x; "
        + 'xdg-open https://login.example.test/device; printf "Sure? "; read -r y; '
        + '[ "$y" = n ] || exit 9; '
    )
    tool = stage.tool(
        script + WRITE,
        answers=(("Press Enter", "\r"), (r"Sure\?", "n\r")),
        user_code_pattern="code: (?P<code>[A-Z0-9-]+)",
    )

    await stage.start(tool)

    assert UserCodeShown("ABCD-1234") in stage.messages
    assert stage.messages[-1] == AccountVerified("alice@example.test")


async def test_the_tool_sees_a_desktop_and_nothing_that_misleads_it(stage: Stage) -> None:
    misleading = {"DEBIAN_FRONTEND": "noninteractive", "SSH_CONNECTION": "1 2 3 4", "CI": "1"}
    stage.desktop.env = {**stage.desktop.env, **misleading, "XDG_CONFIG_HOME": "/elsewhere"}

    await stage.start(stage.tool(OPEN + "env > seen; " + WRITE, env={"TOOL": "yes"}))

    seen = (stage.home / "seen").read_text()
    assert not [name for name in [*misleading, "XDG_CONFIG_HOME"] if name in seen]
    assert "TOOL=yes" in seen
    assert "DISPLAY=:1" in seen


async def test_the_last_words_are_told_without_codes_and_tokens(stage: Stage) -> None:
    words = "echo at https://x.test/cb?code=abc visit; echo token gho_abcdefghijklmnopqrstuvwx; "

    await stage.start(stage.tool(OPEN + words + "echo bad luck; exit 1"))

    tail = stage.failure().tail
    assert "bad luck" in tail
    assert "https://x.test/..." in tail
    assert not [secret for secret in ("code=abc", "gho_abc") if secret in tail]


async def test_rejecting_signs_out_and_leaves_no_file(stage: Stage) -> None:
    await stage.start(stage.tool(OPEN + WRITE, sign_out="echo out > signed-out"))

    await stage.agent.reject()

    last = stage.messages[-1]
    assert isinstance(last, LoginRejected)
    assert last.revoked
    assert os.listdir(stage.home) == ["signed-out"]
    await stage.agent.release()
    assert stage.failure().code == "login-not-verified"


async def test_a_sign_out_that_fails_is_said(stage: Stage) -> None:
    await stage.start(stage.tool(OPEN + WRITE, sign_out="exit 1"))

    await stage.agent.reject()

    last = stage.messages[-1]
    assert isinstance(last, LoginRejected)
    assert not last.revoked
    assert "could not sign out" in last.detail


async def test_rejecting_a_running_login_ends_it_and_says_nothing_else(stage: Stage) -> None:
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(stage.start(stage.tool(OPEN + "sleep 60")))
        async with asyncio.timeout(5):
            while not stage.desktop.opened:
                stage.said.clear()
                await stage.said.wait()
        await stage.agent.reject()

    assert isinstance(stage.messages[-1], LoginRejected)
    assert [type(m) for m in stage.messages] == [CliStarted, PageOpened, LoginRejected]


@pytest.mark.parametrize(
    ("prepare", "why"),
    [
        ("ln -s /etc/hostname token.json", "a link"),
        ("mkdir token.json", "a directory"),
        ("mkfifo token.json", "a pipe"),
        ("echo '{\"token\":1}' > a; ln a token.json", "two names"),
        ("head -c 300000 /dev/zero > token.json", "too large"),
        ("echo '{\"other\": 1}' > token.json", "nothing listed"),
        ("true", "missing"),
    ],
)
async def test_what_is_no_plain_file_of_the_tool_is_not_taken(
    stage: Stage, prepare: str, why: str
) -> None:
    await stage.start(stage.tool(OPEN + prepare))
    await stage.agent.release()

    assert stage.failure().code == "login-credential-refused", why


async def test_a_link_on_the_way_is_not_followed(stage: Stage, tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    script = "ln -s ../real d; echo '{\"token\": 1}' > d/token.json"
    credential = (CredentialFile("d/token.json", ("token",)),)

    await stage.start(stage.tool(OPEN + script, credential=credential))
    await stage.agent.release()

    assert stage.failure().code == "login-credential-refused"


def test_a_name_is_made_inert() -> None:
    assert sanitize_account("al\x1b[31mice\u202e@x\n") == "al[31mice@x"
    assert len(sanitize_account("x" * 999)) == 128


def test_redacting_keeps_words_and_hosts() -> None:
    shown = f"Open https://u:p@h.test/a/b?c=d and type ABCD-1234\nkey sk-ant-{LONG}\n"

    assert redact(shown) == "Open https://h.test/... and type ...\nkey ..."


LONG = "x" * 30


async def gone(pid: int) -> bool:
    """Wait until a process is no more than a name waiting to be collected."""
    async with asyncio.timeout(5):
        while True:
            if state_of(pid) in ("", "Z"):
                return True
            await asyncio.sleep(0)


def state_of(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except FileNotFoundError:
        return ""
