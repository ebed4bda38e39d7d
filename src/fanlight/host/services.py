"""Gateway, egress proxy and TURN server: spawned, watched, spawned again when they die."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

from fanlight.errors import PeerError
from fanlight.wire import EgressRefused, Message

from .channel import Channel
from .children import Child, Children, Confinement
from .layout import Layout
from .settings import KeeperSettings, descriptor_with, to_json

log = logging.getLogger(__name__)

FIRST_BACKOFF_S, LONGEST_BACKOFF_S, SETTLED_S = 0.05, 5.0, 30.0
GRACE_S = 2.0
BASE_ENV = {"PATH": "/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8"}


class Service(Protocol):
    """How one service is spawned; `Supervised` does the rest."""

    name: str

    def spawn(self, children: Children) -> tuple[Child, Channel | None]:
        """Spawn it, and give it and the keeper's channel to it, if it is talked to."""
        ...


class Gateway:
    """The media gateway, unprivileged, with a listening socket that the keeper made."""

    name = "gateway"

    def __init__(self, layout: Layout, settings: KeeperSettings, program: Path) -> None:
        self._layout, self._settings = layout, settings
        default = ("/usr/bin/python3", "-I", "-S", str(program))
        self._command = settings.gateway_command or default

    def spawn(self, children: Children) -> tuple[Child, Channel]:
        """Spawn it on a fresh socket: nobody is left waiting in a dead one's backlog."""
        uid = self._settings.gateway_uid if os.geteuid() == 0 else None
        with listen_at(self._layout.gateway_socket) as listener:
            child = children.spawn(
                [
                    *self._command,
                    *("--listen-fd", str(listener.fileno())),
                    *self._settings.gateway_arguments,
                ],
                env=BASE_ENV | {"HOME": str(private_home(self._layout, self.name, uid))},
                pass_fds=(listener.fileno(),),
                confinement=Confinement(uid=uid),
            )
        link = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        link.connect(str(self._layout.gateway_socket))
        return child, Channel(link)


class EgressProxy:
    """The egress proxy; it reads our modules as root and then drops to its own uid."""

    name = "egress"

    def __init__(self, settings: KeeperSettings) -> None:
        self._settings = settings

    def spawn(self, children: Children) -> tuple[Child, Channel]:
        """Spawn it with one end of a socket pair and its settings."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        settings = descriptor_with(to_json(self._settings.egress))
        source = Path(__file__).resolve().parents[2]
        with theirs:
            child = children.spawn(
                [
                    *(sys.executable, "-B", "-m", "fanlight.host.egress"),
                    *("--control-fd", str(theirs.fileno())),
                    *("--settings-fd", str(settings)),
                    *("--uid", str(self._settings.egress_uid)),
                ],
                env=BASE_ENV | {"PYTHONPATH": str(source), "HOME": "/nonexistent"},
                pass_fds=(theirs.fileno(), settings),
                confinement=Confinement(keeps_privileges=True),
            )
        os.close(settings)
        return child, Channel(ours)


class Supervised:
    """One service, kept running. `send` reaches whichever process of it runs now."""

    def __init__(
        self,
        service: Service,
        children: Children,
        *,
        on_spawned: Callable[[Supervised], None],
        on_exited: Callable[[int, str], None],
        on_message: Callable[[Message], None],
    ) -> None:
        self._service, self._children = service, children
        self._on_spawned, self._on_exited, self._on_message = on_spawned, on_exited, on_message
        self._child: Child | None = None
        self._channel: Channel | None = None

    @property
    def pid(self) -> int:
        """The process that runs now, or 0."""
        return self._child.pid if self._child else 0

    def send(self, message: Message, descriptors: Sequence[int] = ()) -> None:
        """Send to the running process. To none: nothing, as a new one is told everything."""
        if self._channel is None or self._child is None:
            return
        try:
            self._channel.send(message, descriptors)
        except PeerError as error:
            log.warning("%s does not take messages: %s", self._service.name, error)
            self._child.kill()

    async def run(self) -> None:
        """Keep it running until cancelled; then stop it."""
        backoff_s = FIRST_BACKOFF_S
        loop = asyncio.get_running_loop()
        while True:
            began = loop.time()
            status, tail = await self._run_once()
            log.warning("%s exited with %d: %s", self._service.name, status, tail)
            self._on_exited(status, tail)
            if loop.time() - began > SETTLED_S:
                backoff_s = FIRST_BACKOFF_S
            await asyncio.sleep(backoff_s)
            backoff_s = min(backoff_s * 2, LONGEST_BACKOFF_S)

    async def _run_once(self) -> tuple[int, str]:
        try:
            self._child, self._channel = self._service.spawn(self._children)
        except OSError as error:
            return 127, str(error)
        child, channel = self._child, self._channel
        try:
            self._on_spawned(self)
            await self._serve(child, channel)
            return child.exited.result(), child.tail
        finally:
            self._child = self._channel = None
            if channel:
                channel.close()
            await asyncio.shield(child.stop(GRACE_S))

    async def _serve(self, child: Child, channel: Channel | None) -> None:
        if channel is None:
            await asyncio.shield(child.exited)
            return
        async with asyncio.TaskGroup() as tasks:
            reading = tasks.create_task(self._read(channel))
            await asyncio.shield(child.exited)
            reading.cancel()

    async def _read(self, channel: Channel) -> None:
        try:
            async for message in channel.messages():
                self._on_message(message)
        except PeerError as error:
            log.warning("%s said what is no message: %s", self._service.name, error)
            if self._child:
                self._child.kill()


def only_refusals(deliver: Callable[[EgressRefused], None]) -> Callable[[Message], None]:
    """Give what passes the egress proxy's reports on, and nothing else."""

    def on_message(message: Message) -> None:
        if isinstance(message, EgressRefused):
            deliver(message)

    return on_message


def listen_at(path: Path) -> socket.socket:
    """Give a socket that listens at `path`, mode 0600, in place of whatever was there."""
    part = path.with_name(f".{path.name}")
    with contextlib.suppress(FileNotFoundError):
        part.unlink()
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    before = os.umask(0o177)
    try:
        listener.bind(str(part))
    finally:
        os.umask(before)
    listener.listen(64)
    part.rename(path)
    return listener


def private_home(layout: Layout, name: str, uid: int | None) -> Path:
    """Give a service its own directory for caches (GStreamer keeps its registry there)."""
    home = layout.run / name
    home.mkdir(mode=0o700, exist_ok=True)
    if uid is not None:
        os.chown(home, uid, uid)
    return home
