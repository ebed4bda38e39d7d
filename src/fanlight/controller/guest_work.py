"""One session's link to its guest: opened, closed, what is said while it is away kept."""

from __future__ import annotations

import asyncio
import base64
import secrets
from collections.abc import Callable
from dataclasses import dataclass

from fanlight import wire
from fanlight.machines import Machine
from fanlight.store import SessionRecord

from .guest_link import GuestLink
from .settings import ControllerSettings

HOSTNAME = "fanlight"


@dataclass(frozen=True)
class GuestEars:
    """Who hears of the link. Called on the event loop; must not wait."""

    up: Callable[[], None]
    down: Callable[[], None]
    said: Callable[[wire.Message], None]
    hopeless: Callable[[str], None]


class GuestWork:
    """Talks to one guest."""

    def __init__(
        self,
        identity: Callable[[], wire.IdentifyMachine],
        ears: GuestEars,
        tasks: asyncio.TaskGroup,
        heartbeat_s: float,
    ) -> None:
        self._identity, self._ears = identity, ears
        self._tasks, self._heartbeat_s = tasks, heartbeat_s
        self._unsaid: list[wire.Message] = []
        self.link: GuestLink | None = None
        self._task: asyncio.Task[None] | None = None

    def open(self, machine: Machine) -> None:
        """Talk to the guest of this machine."""
        self.link = GuestLink(
            machine.directory / "link.sock",
            self._identity,
            heartbeat_s=self._heartbeat_s,
            on_up=self._up,
            on_down=self._ears.down,
            on_message=self._ears.said,
            on_hopeless=self._ears.hopeless,
        )
        self._task = self._tasks.create_task(self.link.run())

    def close(self) -> None:
        """Talk to it no longer."""
        if self._task is not None and self._task is not asyncio.current_task():
            self._task.cancel()
        self.link = self._task = None

    def tell(self, message: wire.Message) -> None:
        """Say something, now or when the link is back."""
        if self.link is None or not self.link.say(message):
            self._unsaid.append(message)

    def _up(self) -> None:
        self._ears.up()
        unsaid, self._unsaid = self._unsaid, []
        for message in unsaid:
            self.tell(message)


def identity(
    record: SessionRecord,
    machine: wire.MachineRef,
    token: str,
    settings: ControllerSettings,
    now: float,
) -> wire.IdentifyMachine:
    """Give what a guest is told first."""
    return wire.IdentifyMachine(
        session=record.id,
        machine=machine,
        token=token,
        hostname=HOSTNAME,
        seed_b64=base64.b64encode(secrets.token_bytes(64)).decode(),
        time_s=now,
        width_px=int(record.memo.get("widthPx", 1280)),
        height_px=int(record.memo.get("heightPx", 720)),
        codec=settings.codec,
        bitrate_kbps=settings.bitrate_kbps,
        # Nothing leaves the machine but sealed while something is signed in there.
        clipboard_out=record.tool is None,
        ca_pem=settings.machine_ca_pem,
    )
