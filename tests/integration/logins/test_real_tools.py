"""The unmodified tools sign in, are sealed, and what comes out works elsewhere."""

from __future__ import annotations

import asyncio
import base64
from pathlib import Path

import pyrage
import pytest
import trustme
from tests.integration.logins.conftest import Heard, StandInDesktop, desktop_for, installed
from tests.providers import Page, Provider, device_pages, start_double, start_idp

from fanlight.guest.login import LoginAgent
from fanlight.wire import (
    AccountVerified,
    CliStarted,
    CredentialSealed,
    LoginEnded,
    LoginRejected,
    Message,
    PageOpened,
    SessionId,
    StartLogin,
    ToolSpec,
    UserCodeShown,
    bundle,
    encode,
)

pytestmark = pytest.mark.timeout(120)


class Owner:
    """Who asked for the login: holds the key."""

    def __init__(self) -> None:
        self.identity = pyrage.x25519.Identity.generate()

    def order(self, tool: ToolSpec) -> StartLogin:
        return StartLogin(tool, str(self.identity.to_public()), "nonce-1", SessionId("session-1"))

    def open(self, sealed: CredentialSealed) -> bundle.Bundle:
        raw = base64.b64decode(sealed.bundle_b64)
        return bundle.decode(pyrage.decrypt(raw, [self.identity]))


async def sign_in(
    agent: LoginAgent, desktop: StandInDesktop, order: StartLogin, pages: tuple[Page, ...],
    *, deny: bool = False,
) -> None:  # fmt: skip
    async with asyncio.TaskGroup() as tasks:
        login = tasks.create_task(agent.start(order))
        await desktop.opens_a_page()
        await desktop.sign_in(pages, deny=deny)
        await login


async def run_elsewhere(
    tool: ToolSpec, opened: bundle.Bundle, desktop: StandInDesktop, elsewhere: Path
) -> tuple[int | None, str]:
    for file in opened.files:
        place = elsewhere / file.path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(file.content)
        place.chmod(0o600)
    path = ":".join([*tool.path, "/usr/bin", "/bin"])
    env = {**desktop.env, "HOME": str(elsewhere), "PATH": path}
    child = await asyncio.create_subprocess_exec(
        *tool.status_command, env=env, cwd=elsewhere, stdout=-1, stderr=-2
    )
    output, _ = await child.communicate()
    return child.returncode, output.decode()


def credential_left(home: Path) -> bool:
    return bool(list(home.rglob("default.toml")))


def secrets_of(opened: bundle.Bundle) -> list[bytes]:
    words = b" ".join(file.content for file in opened.files).replace(b'"', b" ").split()
    return [word for word in words if len(word) > 24]


def assert_tells_nothing(messages: list[Message], opened: bundle.Bundle, urls: list[str]) -> None:
    told = b"".join(encode(m) for m in messages if not isinstance(m, CredentialSealed))
    for secret in [*secrets_of(opened), *(url.encode() for url in urls)]:
        assert secret not in told


async def signed_in_and_sealed(
    name: str, provider: Provider, home: Path, account: str, pages: tuple[Page, ...] | None = None
) -> None:
    tool, owner, heard = await installed(name), Owner(), Heard()
    async with desktop_for(provider, home) as desktop:
        agent = LoginAgent(heard, desktop)

        await sign_in(agent, desktop, owner.order(tool), pages or provider.pages)

        assert heard.messages[0] == CliStarted()
        assert isinstance(heard.messages[1], PageOpened), heard.messages
        assert heard.messages[-1] == AccountVerified(account), heard.messages
        await agent.release()
        opened = owner.open(heard.sealed())
        assert (opened.tool, opened.session, opened.nonce) == (name, "session-1", "nonce-1")
        assert opened.account == account
        for page in provider.pages:
            provider.wait_for(page.asked, timeout_s=1)
        assert_tells_nothing(heard.messages, opened, desktop.opened)
        elsewhere = home.parent / "elsewhere"
        elsewhere.mkdir()
        status, output = await run_elsewhere(tool, opened, desktop, elsewhere)
        assert status == 0, output
        assert account in output
        for file in opened.files:
            assert not (home / file.path).exists()


async def test_wrangler_signs_in_at_a_real_identity_provider_and_its_credential_works_elsewhere(
    directory: Path, home: Path, ca: trustme.CA
) -> None:
    with start_idp(directory, ca) as provider:
        await signed_in_and_sealed("wrangler", provider, home, provider.account)


async def test_claude_code_signs_in_and_only_its_account_leaves_its_settings_file(
    directory: Path, home: Path, ca: trustme.CA
) -> None:
    with start_double(directory, ca, tool="claude_code") as provider:
        await signed_in_and_sealed("claude_code", provider, home, provider.account)


async def test_codex_signs_in_and_its_id_token_is_told_nowhere(
    directory: Path, home: Path, ca: trustme.CA
) -> None:
    with start_double(directory, ca, tool="codex") as provider:
        await signed_in_and_sealed("codex", provider, home, provider.account)


async def test_gh_shows_its_code_and_signs_in_by_the_device_flow(
    directory: Path, home: Path, ca: trustme.CA
) -> None:
    tool, owner, heard = await installed("gh"), Owner(), Heard()
    with start_double(directory, ca, tool="gh", account="alice-test") as provider:
        async with desktop_for(provider, home) as desktop:
            agent = LoginAgent(heard, desktop)
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(agent.start(owner.order(tool)))
                await desktop.opens_a_page()
                (code,) = [m.user_code for m in heard.messages if isinstance(m, UserCodeShown)]
                await desktop.sign_in(device_pages(provider, code))
            assert heard.messages[-1] == AccountVerified("alice-test"), heard.messages
            await agent.release()
            opened = owner.open(heard.sealed())
            elsewhere = home.parent / "elsewhere"
            elsewhere.mkdir()
            status, output = await run_elsewhere(tool, opened, desktop, elsewhere)
            assert (status, "alice-test" in output) == (0, True), output


async def test_declining_on_the_page_is_a_named_failure(
    directory: Path, home: Path, ca: trustme.CA
) -> None:
    tool, owner, heard = await installed("wrangler"), Owner(), Heard()
    with start_idp(directory, ca) as provider:
        async with desktop_for(provider, home) as desktop:
            agent = LoginAgent(heard, desktop)

            await sign_in(agent, desktop, owner.order(tool), provider.pages, deny=True)

    assert isinstance(heard.messages[-1], LoginEnded)
    assert heard.messages[-1].code == "login-denied"


async def test_rejecting_the_account_revokes_at_the_provider(
    directory: Path, home: Path, ca: trustme.CA
) -> None:
    tool, owner, heard = await installed("wrangler"), Owner(), Heard()
    with start_idp(directory, ca) as provider:
        async with desktop_for(provider, home) as desktop:
            agent = LoginAgent(heard, desktop)
            await sign_in(agent, desktop, owner.order(tool), provider.pages)

            await agent.reject()

            provider.wait_for("grant.revoked", timeout_s=5)
    assert isinstance(heard.messages[-1], LoginRejected)
    assert heard.messages[-1].revoked
    assert not credential_left(home)


async def test_a_stray_request_to_the_callback_is_a_named_failure(
    directory: Path, home: Path, ca: trustme.CA
) -> None:
    tool, owner, heard = await installed("claude_code"), Owner(), Heard()
    with start_double(directory, ca, tool="claude_code") as provider:
        async with desktop_for(provider, home) as desktop:
            agent = LoginAgent(heard, desktop)
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(agent.start(owner.order(tool)))
                await desktop.opens_a_page()
                assert desktop.page
                query = desktop.opened[0].split("redirect_uri=")[1].split("&")[0]
                callback = query.replace("%3A", ":").replace("%2F", "/")
                await desktop.page.goto(f"{callback}?code=x&state=wrong", wait_until="commit")

    assert isinstance(heard.messages[-1], LoginEnded)
    assert heard.messages[-1].code == "login-state-mismatch", heard.messages[-1]
