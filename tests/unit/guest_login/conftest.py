"""A desktop that only remembers, and tools that are shell scripts on a real terminal."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pyrage
import pytest

from fanlight.guest.login import LoginAgent
from fanlight.wire import (
    CredentialFile,
    CredentialSealed,
    LoginEnded,
    Message,
    SessionId,
    StartLogin,
    ToolSpec,
)

IDENTITY = pyrage.x25519.Identity.generate()


@dataclass
class RememberingDesktop:
    """Opens nothing. `refuses`: its browser takes no page."""

    env: Mapping[str, str]
    opened: list[str] = field(default_factory=list)
    refuses: bool = False

    async def open_url(self, url: str) -> None:
        if self.refuses:
            raise OSError("no browser")
        self.opened.append(url)


@dataclass
class Stage:
    """One agent with its desktop, its home and what it said."""

    home: Path
    desktop: RememberingDesktop
    messages: list[Message] = field(default_factory=list)
    said: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.agent = LoginAgent(self.hear, self.desktop)

    def hear(self, message: Message) -> None:
        self.messages.append(message)
        self.said.set()

    def tool(
        self,
        script: str,
        *,
        status: str = 'echo \'"email": "alice@example.test"\'',
        sign_out: str = "true",
        timeout_s: float = 10.0,
        answers: tuple[tuple[str, str], ...] = (),
        user_code_pattern: str = "",
        credential: tuple[CredentialFile, ...] = (CredentialFile("token.json", ("token",)),),
        env: dict[str, str] | None = None,
    ) -> ToolSpec:
        return ToolSpec(
            name="pretend",
            version="1",
            command=("/bin/sh", "-c", script),
            flow="loopback",
            status_command=("/bin/sh", "-c", status),
            account_pattern='"email": "(?P<account>[^"]*)"',
            credential=credential,
            sign_out_command=("/bin/sh", "-c", sign_out),
            sign_out_revokes=True,
            answers=answers,
            user_code_pattern=user_code_pattern,
            timeout_s=timeout_s,
            env=env or {},
        )

    async def start(self, tool: ToolSpec) -> Message:
        recipient = str(IDENTITY.to_public())
        await self.agent.start(StartLogin(tool, recipient, "nonce-1", SessionId("s1")))
        return self.messages[-1]

    def failure(self) -> LoginEnded:
        last = self.messages[-1]
        assert isinstance(last, LoginEnded), self.messages
        return last

    def sealed(self) -> CredentialSealed:
        last = self.messages[-1]
        assert isinstance(last, CredentialSealed), self.messages
        return last


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    home = tmp_path / "home"
    home.mkdir()
    env = {"HOME": str(home), "PATH": "/usr/bin:/bin", "DISPLAY": ":1"}
    return Stage(home, RememberingDesktop(env))
