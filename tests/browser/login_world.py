"""One server with its providers, for every test that signs a tool in; and who visits it."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import trustme
from playwright.sync_api import Browser, BrowserContext, Page, StorageState
from tests.providers import Provider, start_double, start_idp

from fanlight.testing.server import RunningServer

from . import tool_cache

VIEWPORT = {"width": 1366, "height": 860}
ACCOUNTS = {
    "gh": "alice-test",
    "claude_code": "alice-test@example.test",
    "codex": "alice-test@example.test",
}
GITHUB = ("github.com", "api.github.com")
OPENAI = ("auth.openai.com", "chatgpt.com", "api.openai.com")


@dataclass
class LoginWorld:
    """A server, and the providers that its machines reach under their real names."""

    server: RunningServer
    providers: Mapping[str, Provider]
    """By tool."""
    ca_file: Path
    homes: list[Path] = field(default_factory=list)
    state: StorageState | None = None
    """The cookie of the signed-in owner."""

    def run(self, *words: str) -> str:
        """Run a `fanlight` command about this server's data and give what it prints."""
        command = [str(Path(sys.executable).parent / "fanlight"), *words]
        command += ["--data", str(self.server.data)]
        return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout

    @staticmethod
    def python_path() -> dict[str, str]:
        """What of our own environment a `fanlight` command of another HOME needs."""
        return {name: os.environ[name] for name in ("PYTHONPATH",) if name in os.environ}

    def link_for(self, principal: str) -> str:
        """Have a one-time link printed."""
        return self.run("link", "--principal", principal).strip()


@contextmanager
def serving(settings: Mapping[str, object]) -> Iterator[RunningServer]:
    """Run a server that has every tool."""
    running = RunningServer(settings)
    tool_cache.link_into(running.data)
    with running:
        yield running


def _pins(providers: Mapping[str, Provider]) -> dict[str, str]:
    pins = dict(providers["wrangler"].pins) | providers["claude_code"].pins
    for tool, names in (("gh", GITHUB), ("codex", OPENAI)):
        pins |= {f"{name}:443": providers[tool].pins[f"{name}:443"] for name in names}
    return pins


@pytest.fixture(scope="session")
def login_world() -> Iterator[LoginWorld]:
    """The world of the login tests: every provider, one server."""
    tool_cache.install(("wrangler", "claude_code", "codex"))
    ca = trustme.CA()
    with ExitStack() as stack:
        place = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="fl-", dir="/tmp")))
        providers = {"wrangler": stack.enter_context(start_idp(place, ca))}
        for tool, account in ACCOUNTS.items():
            double = start_double(place, ca, tool=tool, account=account)
            providers[tool] = stack.enter_context(double)
        ca_file = place / "ca.pem"
        ca_file.write_bytes(ca.cert_pem.bytes())
        settings = {
            "egress_pins": _pins(providers),
            "machine_ca_file": str(ca_file),
            "shared_kernel": True,
        }
        server = stack.enter_context(serving(settings))
        yield LoginWorld(server, providers, ca_file)


def sign_in(context: BrowserContext, link: str) -> None:
    """Open the one-time link and press the button, as a person does."""
    page = context.new_page()
    page.goto(link)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/dashboard**")
    page.close()


@pytest.fixture
def owner(login_world: LoginWorld, new_context: Callable[..., BrowserContext]) -> Iterator[Page]:
    """A page of the owner's browser, on the dashboard. What they started ends with the test."""
    context = new_context(
        base_url=login_world.server.url, storage_state=login_world.state, accept_downloads=True
    )
    if login_world.state is None:
        sign_in(context, login_world.server.link)
        login_world.state = context.storage_state()
    page = context.new_page()
    page.goto("/dashboard")
    yield page
    end_all(context)


END_ALL = """async () => {
  const { sessions } = await (await fetch("/api/auth/sessions")).json();
  for (const { sessionId } of sessions) {
    await fetch(`/api/auth/session/${sessionId}`, { method: "DELETE" });
  }
}"""


def end_all(context: BrowserContext) -> None:
    """End every session of the person."""
    page = context.new_page()
    page.goto("/dashboard")
    page.evaluate(END_ALL)
    page.close()


@contextmanager
def visitor(browser: Browser, url: str) -> Iterator[BrowserContext]:
    """A browser that nobody signed in with."""
    context = browser.new_context(base_url=url, viewport={"width": 1366, "height": 860})
    try:
        yield context
    finally:
        context.close()
