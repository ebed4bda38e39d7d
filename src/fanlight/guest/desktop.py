"""The desktop of a machine: X server, window manager, media sender, input, browser.

Everything here runs in the agent's loop. A *generation* is one X server and all that shows on it:
when the server dies, the generation ends and the next begins; when another process dies, it alone
is spawned again. Whoever dies too often ends the machine with a named reason.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import time
from collections import deque
from collections.abc import Callable, Mapping
from pathlib import Path

from fanlight import wire
from fanlight.errors import MachineError

from . import programs
from .browser import POLICY_DIRECTORY, forget_running_browser, trust, write_policy
from .options import Options
from .processes import Process, run_once
from .resize import resize

DEATHS, DEATHS_WITHIN_S = 5, 30.0
DISPLAY_TIMEOUT_S = 20.0
OPEN_TIMEOUT_S = 20.0
PATIENCE = {"sandbox": 1.0, "vm": 6.0}
"""How many times as long: an emulated processor takes some 15 s to an X server on a quiet host."""
_SERVER_GRACE_S = 0.2
"""A program that dies with its X server dies a moment before we hear of the server's death."""

Say = Callable[[wire.Message], None]


class DesktopFailed(MachineError):
    """A process of the desktop died too often, or never came up."""

    code = "desktop-failed"
    title = "The machine's desktop failed"

    def __init__(self, name: str, detail: str, tail: str) -> None:
        super().__init__(detail)
        self.name, self.tail = name, tail


class Deaths:
    """Counts how often each process died lately. Pure."""

    def __init__(self) -> None:
        self._at: dict[str, deque[float]] = {}

    def too_many(self, name: str, now: float) -> bool:
        """Note a death at `now` seconds: whether that makes too many."""
        at = self._at.setdefault(name, deque())
        at.append(now)
        while at[0] < now - DEATHS_WITHIN_S:
            at.popleft()
        return len(at) >= DEATHS


class Desktop:
    """The desktop, from `run` until it is cancelled."""

    def __init__(
        self, options: Options, control: socket.socket, say: Say, started_at: float
    ) -> None:
        self._options, self._control, self._say = options, control, say
        self._started_at = started_at
        self._home = Path(os.environ.get("HOME", "/home/fanlight"))
        self._profile = self._home / ".config" / "chromium"
        self._picture = programs.Picture(capture=options.capture, place=options.place)
        self._size = options.width_px, options.height_px
        self._display_size = self._size
        self._url = "about:blank"
        self._ca_bundle = ""
        self._deaths = Deaths()
        self._processes: dict[str, Process] = {}
        self._server_over = asyncio.Event()
        self._patience = PATIENCE[options.place]
        self._browser_seen = asyncio.Event()
        self._display_there = asyncio.Event()

    @property
    def env(self) -> Mapping[str, str]:
        """The environment of the desktop's programs: HOME, DISPLAY, proxy and authorities."""
        return programs.environment(os.environ, self._ca_bundle, self._options.place)

    async def identify(self, said: wire.IdentifyMachine) -> None:
        """Take what the controller decided; respawn what runs otherwise."""
        picture = programs.Picture(
            said.codec,
            said.bitrate_kbps,
            said.frames_per_s,
            self._options.capture,
            self._options.place,
        )
        size = said.width_px, said.height_px
        if picture != self._picture:
            self._picture = picture
            await self._respawn("media")
        if size != self._size:
            self._size = size
            await self._fit_display()
        if said.ca_pem:
            self._ca_bundle = str(await trust(said.ca_pem, self._home, self.env))
        if self._url == "about:blank":  # no page is asked for before its authority is known
            self._url = said.start_url
        if said.ca_pem or said.start_url != "about:blank":
            await self._respawn("chromium")

    async def renew(self) -> None:
        """End what drew random numbers that every clone of this machine has: the browser.

        A renderer makes keys and verifiers of what it has in memory; only a browser that is
        spawned afterwards has nothing of before. The other programs draw nothing for secrets.
        """
        await self._respawn("chromium")

    async def _fit_display(self) -> None:
        """Give the display the size that is wanted, once it is there."""
        if not self._display_there.is_set() or self._size == self._display_size:
            return
        self._display_size = self._size
        await resize(self._options.run_dir / "vnc.sock", *self._size)

    async def open_url(self, url: str) -> None:
        """Show a web address in the machine's browser.

        Raises:
            OSError: it is none, or the browser took too long.
        """
        if not url.startswith(("http://", "https://", "about:")):
            raise OSError("not a web address")
        self._url = url
        try:
            async with asyncio.timeout(OPEN_TIMEOUT_S * self._patience):
                await self._browser_seen.wait()
        except TimeoutError:
            raise OSError("the browser is not there") from None
        argv = programs.chromium_hand_over(self._profile, url)
        if status := await run_once(argv, self.env, OPEN_TIMEOUT_S * self._patience):
            raise OSError(f"the browser did not take the page (status {status})")

    async def _respawn(self, name: str) -> None:
        """End a process that is to run otherwise; who keeps it spawns it again."""
        if process := self._processes.pop(name, None):
            await process.kill()

    # --- one generation after the other -------------------------------------------------------

    async def run(self) -> None:
        """Keep the desktop up until cancelled.

        Raises:
            DesktopFailed: it cannot be kept up.
        """
        write_policy(POLICY_DIRECTORY, restricted=self._options.restricted)
        openbox_config = self._home / ".fanlight" / "openbox.xml"
        openbox_config.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        openbox_config.write_text(programs.OPENBOX_CONFIG)
        while True:
            await self._generation(openbox_config)

    async def _generation(self, openbox_config: Path) -> None:
        ready_read, ready_write = os.pipe()
        argv = programs.xvnc(*self._size, self._options.run_dir / "vnc.sock", ready_write)
        self._server_over = asyncio.Event()
        self._display_there.clear()
        self._display_size = self._size
        ready = asyncio.Event()
        try:
            _forget_display()
            async with Process("xvnc", argv, self.env, pass_fds=(ready_write,)) as server:
                os.close(ready_write)
                ready_write = -1
                async with asyncio.TaskGroup() as tasks:
                    watch = tasks.create_task(self._watch_server(server, ready))
                    kept = [
                        tasks.create_task(self._keep_media(ready)),
                        tasks.create_task(self._keep_input(ready)),
                    ]
                    if await _display_ready(
                        server, ready_read, DISPLAY_TIMEOUT_S * self._patience
                    ):
                        ready.set()
                        self._display_there.set()
                        self._reached("display")
                        await self._fit_display()
                        kept.append(tasks.create_task(self._keep_openbox(openbox_config)))
                        kept.append(tasks.create_task(self._keep_browser()))
                    await watch
                    for task in kept:
                        task.cancel()
        finally:
            os.close(ready_read)
            if ready_write >= 0:
                os.close(ready_write)

    async def _watch_server(self, server: Process, ready: asyncio.Event) -> None:
        status = await server.wait()
        self._server_over.set()
        ready.set()
        self._died(server, status)

    def _died(self, process: Process, status: int) -> None:
        tail = str(process.tail)
        if self._deaths.too_many(process.name, time.monotonic()):
            raise DesktopFailed(
                process.name, f"{process.name} died {DEATHS} times, with status {status}", tail
            )
        self._say(wire.ProcessRestarted(name=process.name, status=status, tail=tail))

    def _reached(self, stage: wire.BootStage) -> None:
        since_ms = (time.monotonic() - self._started_at) * 1000
        self._say(wire.StageReached(stage=stage, since_start_ms=round(since_ms, 1)))

    # --- the processes of a generation --------------------------------------------------------

    async def _keep(self, make: Callable[[], Process], ready: asyncio.Event | None = None) -> None:
        """Spawn a process again whenever it dies; return when its X server is gone."""
        while not self._server_over.is_set():
            async with make() as process:
                self._processes[process.name] = process
                if ready:
                    await ready.wait()
                    process.say("go")
                status = await process.wait()
                is_ours = self._processes.pop(process.name, None) is None
                if is_ours or await self._ended_with_server():
                    continue
                self._died(process, status)

    async def _ended_with_server(self) -> bool:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_SERVER_GRACE_S):
                await self._server_over.wait()
        return self._server_over.is_set()

    async def _keep_media(self, ready: asyncio.Event) -> None:
        def flowing(line: str) -> None:
            if line.startswith("flowing"):
                self._reached("media")

        await self._keep(
            lambda: Process("media", programs.media(self._picture), self.env, on_line=flowing),
            ready,
        )

    async def _keep_input(self, ready: asyncio.Event) -> None:
        fd = self._control.fileno()
        await self._keep(
            lambda: Process(
                "input",
                programs.input_role(fd),
                self.env,
                on_line=self._on_note,
                pass_fds=(fd,),
            ),
            ready,
        )

    def _on_note(self, line: str) -> None:
        """The input process also watches the root window for us."""
        match line.strip():
            case "desktop":
                self._reached("desktop")
            case "browser":
                self._browser_seen.set()
                self._reached("browser")
            case _:
                pass

    async def _keep_openbox(self, config: Path) -> None:
        await self._keep(lambda: Process("openbox", programs.openbox(config), self.env))

    async def _keep_browser(self) -> None:
        await self._keep(self._browser)

    def _browser(self) -> Process:
        forget_running_browser(self._profile)
        self._browser_seen.clear()
        argv = programs.chromium(self._profile, self._size, self._url, self._options.place)
        return Process("chromium", argv, self.env)


def _forget_display() -> None:
    """Remove what a killed X server left, or the next one finds its display taken."""
    number = programs.DISPLAY.lstrip(":")
    for path in (f"/tmp/.X{number}-lock", f"/tmp/.X11-unix/X{number}"):  # noqa: S108
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)


async def _display_ready(server: Process, ready_fd: int, timeout_s: float) -> bool:
    """Wait until the X server takes clients: it then writes its number. False: it died before.

    Raises:
        DesktopFailed: it did not, in time.
    """
    loop = asyncio.get_running_loop()
    readable = asyncio.Event()
    loop.add_reader(ready_fd, readable.set)
    try:
        async with asyncio.timeout(timeout_s):
            await readable.wait()
    except TimeoutError:
        raise DesktopFailed(server.name, "the X server did not start", str(server.tail)) from None
    finally:
        loop.remove_reader(ready_fd)
    return bool(os.read(ready_fd, 16))
