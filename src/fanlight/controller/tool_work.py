"""The tool that a session signs in: brought onto this host when it is not there.

Sessions of one tool share one install. It is cancelled when nobody waits for it any more; what
was half made is then removed by the catalogue.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from fanlight import log
from fanlight.errors import FanlightError
from fanlight.wire import ToolSpec

from .reasons import inert_lines

Progress = Callable[[str], None]

_log = log.get("controller")


class Tools(Protocol):
    """What the controller needs of the catalogue (`fanlight.tools.Catalogue`)."""

    def spec(self, name: str) -> ToolSpec:
        """Give what the guest is told of a tool. Raises UnknownTool, ToolNotInstalled."""

    def needs_install(self, name: str) -> bool:
        """Say whether it must be installed first. Raises UnknownTool, ToolNotInstalled."""

    def titled(self, name: str) -> str:
        """Give the tool's title and version. Raises UnknownTool."""

    async def install(self, name: str, progress: Progress) -> None:
        """Install it. Cancelled, it leaves nothing. Raises FanlightError."""


@dataclass
class _Install:
    """An install that runs, and who listens to it."""

    listeners: list[Progress] = field(default_factory=list)
    over: asyncio.Event = field(default_factory=asyncio.Event)
    error: FanlightError | None = None
    task: asyncio.Task[None] | None = None

    def tell(self, line: str) -> None:
        for listener in list(self.listeners):
            listener(line)


class Installs:
    """Every install that runs here, by the tool's name."""

    def __init__(self, tools: Tools, tasks: asyncio.TaskGroup) -> None:
        self._tools, self._tasks = tools, tasks
        self._running: dict[str, _Install] = {}

    async def install(self, name: str, progress: Progress) -> None:
        """Have a tool installed; with others who want the same, once. Raises FanlightError."""
        install = self._running.get(name) or self._begin(name)
        install.listeners.append(progress)
        try:
            await install.over.wait()
        finally:
            install.listeners.remove(progress)
            if not install.listeners and not install.over.is_set():
                self._cancel(name, install)
        if install.error is not None:
            raise install.error

    def _begin(self, name: str) -> _Install:
        install = self._running[name] = _Install()
        install.task = self._tasks.create_task(self._run(name, install))
        return install

    def _cancel(self, name: str, install: _Install) -> None:
        self._forget(name, install)
        if install.task is not None:
            install.task.cancel()

    async def _run(self, name: str, install: _Install) -> None:
        _log.info("a tool is installed for its first use", tool=name)
        try:
            await self._tools.install(name, install.tell)
        except FanlightError as error:
            tail = inert_lines(getattr(error, "tail", ""))
            _log.error("a tool was not installed", tool=name, error=str(error), tail=tail)
            install.error = error
        finally:
            self._forget(name, install)
            install.over.set()

    def _forget(self, name: str, install: _Install) -> None:
        if self._running.get(name) is install:
            del self._running[name]


@dataclass(frozen=True)
class ToolEars:
    """Who hears what becomes of a session's tool. Called on the event loop; must not wait."""

    installing: Callable[[str], None]
    """It is not there and is being installed; the tool's title, once."""
    progress: Progress
    ready: Callable[[], None]
    failed: Callable[[FanlightError], None]


class ToolWork:
    """Has one session's tool on this host. Its end is told once, unless `leave` came first."""

    def __init__(
        self, tools: Tools, installs: Installs, ears: ToolEars, tasks: asyncio.TaskGroup
    ) -> None:
        self._tools, self._installs, self._ears, self._tasks = tools, installs, ears, tasks
        self._task: asyncio.Task[None] | None = None
        self.spec: ToolSpec | None = None
        """What the guest is told; set when the tool is ready."""

    def prepare(self, name: str) -> None:
        """Have it on this host, in the background."""
        self._task = self._tasks.create_task(self._prepare(name))

    def leave(self) -> None:
        """Wait for it no longer. An install that others wait for goes on."""
        if self._task is not None and self._task is not asyncio.current_task():
            self._task.cancel()

    async def _prepare(self, name: str) -> None:
        try:
            if await asyncio.to_thread(self._tools.needs_install, name):
                self._ears.installing(self._tools.titled(name))
                await self._installs.install(name, self._ears.progress)
            self.spec = await asyncio.to_thread(self._tools.spec, name)
        except FanlightError as error:
            self._ears.failed(error)
        else:
            self._ears.ready()
