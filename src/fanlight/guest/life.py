"""The agent's life: composes link, desktop, login and HTTP, and says why when it cannot go on."""

from __future__ import annotations

import asyncio
import base64
import binascii
import contextlib
import os
import signal
import socket
import sys
import time
from pathlib import Path

from fanlight import wire

from .desktop import PATIENCE, Desktop, DesktopFailed
from .health import HealthServer
from .journal import Journal
from .link import Link
from .login import LoginAgent
from .options import RENEW, RENEWED, Options

_LAST_WORDS_S = 5.0
"""How long a failed agent stays, so that the controller hears the reason."""


def live(options: Options, control: socket.socket, started_at: float) -> int:
    """Run the machine until it is told to end. Gives the exit status."""
    return asyncio.run(Agent(options, control, started_at).run())


class Agent:
    """One machine's agent."""

    def __init__(self, options: Options, control: socket.socket, started_at: float) -> None:
        self._options, self._started_at = options, started_at
        self._journal = Journal(on_stage=self._name_stage)
        self._desktop = Desktop(options, control, self._journal.say, started_at)
        self._link = Link(
            options.run_dir / "link.sock",
            self._journal,
            on_identity=self._identified,
            on_message=self._take,
        )
        self._health = HealthServer(
            options.run_dir / "agent.sock", self._journal, self._link.identity
        )
        self._login: LoginAgent | None = None
        self._ordered: set[type] = set()
        self._is_adopted = asyncio.Event()
        """Whether the desktop is as the controller wants it: a tool is given its authorities."""
        self._tasks = asyncio.TaskGroup()
        self._status = 0

    def _name_stage(self, stage: str) -> None:
        """Tell process 1 of a virtual machine, which knows by it when the desktop is up."""
        if self._options.stages_fd >= 0:
            os.write(self._options.stages_fd, f"{stage}\n".encode())

    async def run(self) -> int:
        """Live. 0: told to end; 1: the desktop could not be kept up."""
        with contextlib.suppress(asyncio.CancelledError):
            async with self._tasks as tasks:
                owner = asyncio.current_task()
                assert owner
                loop = asyncio.get_running_loop()
                loop.add_signal_handler(signal.SIGTERM, owner.cancel)
                loop.add_signal_handler(RENEW, lambda: tasks.create_task(self._renew()))
                tasks.create_task(self._link.run())
                tasks.create_task(self._health.run())
                since_ms = (time.monotonic() - self._started_at) * 1000
                self._journal.say(wire.StageReached("agent", round(since_ms, 1)))
                failed = await self._live_on_desktop()
                self._status = 1
                await self._last_words(failed)
                owner.cancel()
        return self._status

    async def _live_on_desktop(self) -> DesktopFailed:
        found: list[DesktopFailed] = []
        try:
            await self._desktop.run()
        except* DesktopFailed as group:
            found.append(_first(group))
        return found[0]

    async def _last_words(self, failed: DesktopFailed) -> None:
        # Whoever spawned us hears it too: nobody may be on the link.
        sys.stderr.write(f"{failed.name}: {failed}\n{failed.tail}\n")
        self._journal.say(
            wire.GuestFailed(code=f"{failed.name}-failed", detail=str(failed), tail=failed.tail)
        )
        await asyncio.sleep(_LAST_WORDS_S)

    async def _renew(self) -> None:
        await self._desktop.renew()
        self._name_stage(RENEWED)

    def _identified(self, said: wire.IdentifyMachine) -> None:
        _stir(said.seed_b64)
        with contextlib.suppress(OSError):  # in a sandbox the host named us already
            socket.sethostname(said.hostname)
        self._tasks.create_task(self._adopt(said))

    async def _adopt(self, said: wire.IdentifyMachine) -> None:
        try:
            await self._desktop.identify(said)
        except OSError as error:
            self._journal.say(wire.GuestFailed(code="identity-failed", detail=str(error)))
            return
        self._is_adopted.set()

    async def _start_login(self, login: LoginAgent, message: wire.StartLogin) -> None:
        await self._is_adopted.wait()
        await login.start(message)

    async def _take(self, message: wire.Message) -> None:
        """Do what the controller orders. It repeats orders after a restart: once is enough."""
        if type(message) in self._ordered:
            return
        match message:
            case wire.StartLogin():
                self._login = login = LoginAgent(
                    self._journal.say,
                    self._desktop,
                    session=message.session,
                    patience=PATIENCE[self._options.place],
                )
                self._tasks.create_task(self._start_login(login, message))
            case wire.ReleaseCredential() if self._login:
                self._tasks.create_task(self._login.release())
            case wire.RejectLogin() if self._login:
                self._tasks.create_task(self._login.reject())
            case _:
                return
        self._ordered.add(type(message))


def _first(group: BaseExceptionGroup[DesktopFailed]) -> DesktopFailed:
    inner = group.exceptions[0]
    return _first(inner) if isinstance(inner, BaseExceptionGroup) else inner


def _stir(seed_b64: str) -> None:
    """Mix the host's randomness into the kernel's. Harmless where the kernel is shared."""
    with contextlib.suppress(OSError, binascii.Error):
        seed = base64.b64decode(seed_b64, validate=True)
        descriptor = os.open(Path("/dev/urandom"), os.O_WRONLY)
        try:
            os.write(descriptor, seed[:512])
        finally:
            os.close(descriptor)
