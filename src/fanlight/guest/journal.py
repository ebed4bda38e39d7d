"""What the machine has said of itself, so that a restarted controller hears it again. Pure."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from fanlight import wire

STAGES: tuple[wire.BootStage, ...] = ("agent", "display", "desktop", "media", "browser")
LoginState = Literal[
    "none",
    "cli_started",
    "waiting_for_you",
    "verified",
    "sealed",
    "rejected",
    "failed",
]
_LOGIN = (
    wire.CliStarted,
    wire.PageOpened,
    wire.UserCodeShown,
    wire.AccountVerified,
    wire.LoginEnded,
    wire.CredentialSealed,
    wire.LoginRejected,
)


class Journal:
    """Passes messages on, and keeps those that a new link needs to hear.

    `send` is replaced with every link; without a link messages are only kept.
    """

    def __init__(self, *, on_stage: Callable[[str], None] | None = None) -> None:
        self._on_stage = on_stage
        self._stages: dict[wire.BootStage, wire.StageReached] = {}
        self._login: dict[type, wire.Message] = {}
        self._ready = False
        self._failed: wire.GuestFailed | None = None
        self.send: Callable[[wire.Message], None] | None = None

    def say(self, message: wire.Message) -> None:
        """Tell the controller, now or as soon as it is there."""
        match message:
            case wire.StageReached(stage=stage):
                if stage in self._stages:  # a respawned process passes it again
                    return
                self._stages[stage] = message
                if self._on_stage:
                    self._on_stage(stage)
            case wire.GuestFailed():
                self._failed = message
            case _ if isinstance(message, _LOGIN):
                self._login.pop(type(message), None)
                self._login[type(message)] = message
            case _:
                pass
        self._pass_on(message)
        if not self._ready and len(self._stages) == len(STAGES):
            self._ready = True
            self._pass_on(wire.GuestReady())

    def _pass_on(self, message: wire.Message) -> None:
        if self.send:
            self.send(message)

    def replay(self) -> list[wire.Message]:
        """Give what a new link must hear, after `machine.identified`."""
        said: list[wire.Message] = list(self._stages.values())
        if self._ready:
            said.append(wire.GuestReady())
        said += self._login.values()
        if self._failed:
            said.append(self._failed)
        return said

    @property
    def is_ready(self) -> bool:
        """Whether every stage of the boot is done."""
        return self._ready

    @property
    def stages(self) -> dict[str, float]:
        """The stages done, and when: milliseconds since the agent's start."""
        return {stage: said.since_start_ms for stage, said in self._stages.items()}

    @property
    def login(self) -> tuple[LoginState, str]:
        """How far the login is, and the account once it is known."""
        account = self._login.get(wire.AccountVerified)
        name = account.account if isinstance(account, wire.AccountVerified) else ""
        steps: tuple[tuple[type, LoginState], ...] = (
            (wire.LoginEnded, "failed"),
            (wire.LoginRejected, "rejected"),
            (wire.CredentialSealed, "sealed"),
            (wire.AccountVerified, "verified"),
            (wire.PageOpened, "waiting_for_you"),
            (wire.CliStarted, "cli_started"),
        )
        for kind, state in steps:
            if kind in self._login:
                return state, name
        return "none", name
