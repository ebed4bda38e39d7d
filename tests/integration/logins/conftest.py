"""A stand-in for the machine's desktop, tools that are really installed, and a proxy with pins."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

import pytest
import trustme
from playwright.async_api import Browser, Page, async_playwright
from tests.providers import Page as ProviderPage
from tests.providers import Provider
from tests.providers.proxy import pinned_proxy

from fanlight.tools import Catalogue
from fanlight.wire import CredentialSealed, Message, ToolSpec

TOOLS = Path(__file__).parents[3] / ".tools"
"""Installed tools are kept beside the other things that tests need (DATA of a catalogue)."""


@pytest.fixture
def directory() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(dir="/tmp", prefix="fl-") as path:
        Path(path).chmod(0o711)
        yield Path(path)


@pytest.fixture(scope="session")
def ca() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def home(directory: Path) -> Path:
    home = directory / "home"
    home.mkdir()
    return home


async def installed(name: str) -> ToolSpec:
    """The tool as it is run here, installed when it is missing."""
    catalogue = Catalogue(TOOLS / "data")
    await catalogue.install(name, lambda line: None)
    inside = PurePosixPath(TOOLS / "data" / "tools")
    return await asyncio.to_thread(catalogue.spec, name, inside=inside)


@dataclass
class StandInDesktop:
    """A headless Chromium behind the proxy: it opens what it is told, and a test signs in."""

    env: Mapping[str, str]
    browser: Browser
    opened: list[str] = field(default_factory=list)
    page: Page | None = None
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    async def open_url(self, url: str) -> None:
        self.page = await self.browser.new_page(ignore_https_errors=True)
        await self.page.goto(url, wait_until="commit")
        self.opened.append(url)
        self._news.set()

    async def opens_a_page(self) -> None:
        """Wait until a page was opened; a TimeoutError after a while."""
        async with asyncio.timeout(30):
            await self._news.wait()

    async def sign_in(self, pages: tuple[ProviderPage, ...], *, deny: bool = False) -> None:
        """Type on each page what a person types there; the last one is declined on demand."""
        assert self.page
        for page in pages:
            await self.page.wait_for_selector(page.selector, timeout=20_000)
            if deny and page.deny:
                await self.page.click(page.deny)
                return
            for keys in page.keys:
                if keys.startswith("<"):
                    await self.page.keyboard.press(keys.strip("<>"))
                else:
                    await self.page.keyboard.type(keys)


@asynccontextmanager
async def desktop_for(provider: Provider, home: Path) -> AsyncIterator[StandInDesktop]:
    """A desktop whose only way out is a proxy with the provider's pins."""
    authority = home.parent / "ca.pem"
    authority.write_text(provider.ca_pem)
    async with pinned_proxy(provider.pins) as proxy, async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path="/usr/bin/chromium",
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
            proxy={"server": proxy, "bypass": "127.0.0.1,localhost"},
        )
        env = {
            "HOME": str(home),
            "PATH": "/usr/bin:/bin",
            "DISPLAY": ":99",
            "LANG": "C.UTF-8",
            "HTTP_PROXY": proxy,
            "HTTPS_PROXY": proxy,
            "NO_PROXY": "127.0.0.1,localhost",
            "NODE_EXTRA_CA_CERTS": str(authority),
            "SSL_CERT_FILE": str(authority),
            "DEBIAN_FRONTEND": "noninteractive",
        }
        try:
            yield StandInDesktop(env, browser)
        finally:
            await browser.close()


@dataclass
class Heard:
    """What the agent said."""

    messages: list[Message] = field(default_factory=list)

    def __call__(self, message: Message) -> None:
        self.messages.append(message)

    @property
    def last(self) -> Message:
        return self.messages[-1]

    def sealed(self) -> CredentialSealed:
        sealed = self.last
        assert isinstance(sealed, CredentialSealed), sealed
        return sealed
