"""What a tool's file says, read and checked."""

from __future__ import annotations

import functools
import platform
import re
import tomllib
from dataclasses import dataclass
from importlib import resources
from pathlib import PurePosixPath
from typing import Any, Literal, cast

from fanlight.errors import UnknownTool
from fanlight.wire import CredentialFile, ToolSpec

ARCHITECTURES = {"x86_64": "linux-x64", "aarch64": "linux-arm64"}
"""What npm packages of binaries call this computer."""


@dataclass(frozen=True, slots=True)
class Install:
    """How a tool comes onto a host."""

    kind: Literal["npm", "apt", "manual"]
    package: str = ""
    program: str = ""
    """apt and manual: where the program then is."""


@dataclass(frozen=True, slots=True)
class Tool:
    """One tool of the catalogue, as its file describes it."""

    name: str
    title: str
    vendor: str
    version: str
    install: Install
    flow: Literal["loopback", "device"]
    command: tuple[str, ...]
    status_command: tuple[str, ...]
    account_pattern: str
    sign_out_command: tuple[str, ...]
    credential: tuple[CredentialFile, ...]
    next_command: str
    """What its user types next, where the credential was put in place."""
    merged: frozenset[str] = frozenset()
    """Credential files whose fields are merged into one that is there; others are replaced."""
    env: tuple[tuple[str, str], ...] = ()
    answers: tuple[tuple[str, str], ...] = ()
    user_code_pattern: str = ""
    status_fails_signed_out: bool = True
    sign_out_revokes: bool = False
    installable: bool = True
    note: str = ""
    callback: str = ""
    opens_with: str = ""

    def spec(self, tree: PurePosixPath, node: PurePosixPath) -> ToolSpec:
        """Give what the guest is told; `tree` and `node` are as seen where the tool runs."""
        arch = ARCHITECTURES.get(platform.machine(), platform.machine())

        def placed(command: tuple[str, ...]) -> tuple[str, ...]:
            return tuple(w.replace("{tree}", str(tree)).replace("{arch}", arch) for w in command)

        is_npm = self.install.kind == "npm"
        return ToolSpec(
            name=self.name,
            version=self.version,
            command=placed(self.command),
            flow=self.flow,
            status_command=placed(self.status_command),
            account_pattern=self.account_pattern,
            credential=self.credential,
            env=dict(self.env),
            path=(str(tree / "node_modules" / ".bin"), str(node / "bin")) if is_npm else (),
            answers=self.answers,
            user_code_pattern=self.user_code_pattern,
            sign_out_command=placed(self.sign_out_command),
            sign_out_revokes=self.sign_out_revokes,
            status_fails_signed_out=self.status_fails_signed_out,
        )


@functools.cache
def read_tools() -> dict[str, Tool]:
    """Give every tool of the catalogue by its name, in the order of the names."""
    files = [f for f in resources.files(__package__).iterdir() if f.name.endswith(".toml")]
    tools = [parse(f.name.removesuffix(".toml"), f.read_text("utf-8")) for f in files]
    return {tool.name: tool for tool in sorted(tools, key=lambda tool: tool.name)}


def find(name: str) -> Tool:
    """Give the tool of that name.

    Raises:
        UnknownTool: there is none.
    """
    tool = read_tools().get(name)
    if tool is None:
        raise UnknownTool(
            f"there is no tool called {name[:40]!r}; known: {', '.join(read_tools())}"
        )
    return tool


def parse(name: str, text: str) -> Tool:
    """Give the tool that a file's text describes; what is not understood is an error.

    Raises:
        TypeError, KeyError, re.error: the file lacks something, or has too much.
    """
    data = tomllib.loads(text)
    credential = [dict(item) for item in data.pop("credential")]
    merged = frozenset(item["path"] for item in credential if item.pop("merge", False))
    answers = tuple((item["shows"], item["keys"]) for item in data.pop("answers", ()))
    patterns = [data["account_pattern"], data.get("user_code_pattern", "")]
    for pattern in patterns + [shows for shows, _ in answers]:
        re.compile(pattern)
    return Tool(
        name=name,
        credential=tuple(_credential_file(item) for item in credential),
        merged=merged,
        answers=answers,
        install=Install(**data.pop("install")),
        env=tuple(data.pop("env", {}).items()),
        **{key: _frozen(value) for key, value in data.items()},
    )


def _credential_file(item: dict[str, Any]) -> CredentialFile:
    return CredentialFile(**{key: _frozen(value) for key, value in item.items()})


def _frozen(value: object) -> Any:
    return tuple(cast(list[object], value)) if isinstance(value, list) else value
