"""A catalogue of one tool that is installed when a test says so."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from fanlight.errors import FanlightError, ToolNotInstalled, UnknownTool
from fanlight.wire import ToolSpec

TOY = ToolSpec("toy", "1", ("toy",), "loopback", ("toy", "whoami"), "(?P<account>.+)", ())


class FakeTools:
    """Has the tool `toy`; with `is_installed` False its install waits for `let_install`."""

    def __init__(self) -> None:
        self.is_installed = True
        self.may_install = True
        self.fails: FanlightError | None = None
        """What an install ends with instead."""
        self.let_install = asyncio.Event()
        self.begun = self.cancelled = 0
        """Installs that began, and those of them that were cancelled."""

    def spec(self, name: str) -> ToolSpec:
        """Give the tool's specification."""
        self._check(name)
        if not self.is_installed:
            raise ToolNotInstalled
        return TOY

    def needs_install(self, name: str) -> bool:
        """Say whether it is installed at its first use."""
        self._check(name)
        if not (self.is_installed or self.may_install):
            raise ToolNotInstalled
        return not self.is_installed

    def titled(self, name: str) -> str:
        """Give its title and version."""
        self._check(name)
        return "Toy 1"

    async def install(self, name: str, progress: Callable[[str], None]) -> None:
        """Install it, when the test lets it."""
        self._check(name)
        self.begun += 1
        progress("http fetch GET 200 https://registry.test/toy")
        try:
            await self.let_install.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        if self.fails is not None:
            raise self.fails
        self.is_installed = True

    def _check(self, name: str) -> None:
        if name != "toy":
            raise UnknownTool(f"there is no tool {name}")
