"""Layers: trees of files made into read-only file systems that go on top of one another."""

from __future__ import annotations

import asyncio
import hashlib
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from .commands import run
from .reading import MAKER

UUID = "b2a8c0de-0000-4000-8000-66616e6c6967"
"""Of every layer's file system: what is the same is the same to the byte."""
EROFS = ("-zlz4hc", "-T0", "-U", UUID)
"""mkfs.erofs's options: as old as the epoch, and with owners as they are."""
HOW = repr((MAKER, EROFS))
"""Part of every layer's name: made in another way, it is another layer."""
GUEST = Path("opt/fanlight/guest.pyz")
TOOLS = Path("opt/fanlight/tools")
OWN_ETC = {"machine-id": "/run/identity/machine-id", "hostname": "/run/identity/hostname"}
"""Links to what process 1 writes when the machine is told who it is."""
EMPTY = ("etc/chromium/policies/managed", "home/fanlight", "run", TOOLS.as_posix())
"""Where process 1 mounts what is writable."""


@dataclass(frozen=True, slots=True)
class ToolTree:
    """An installed tool, or the Node that runs tools: a tree that never changes."""

    name: str
    version: str
    path: Path

    @property
    def inputs(self) -> str:
        """A digest of what the tree is: it is locked, so its name and version say it."""
        said = f"tool {self.name} {self.version} {HOW}"
        return hashlib.sha256(said.encode()).hexdigest()[:20]


def guest_inputs(guest: Path, etc: Mapping[str, str]) -> str:
    """Name the guest's layer by its content."""
    digest = hashlib.sha256(repr((sorted(etc.items()), OWN_ETC, HOW)).encode())
    digest.update(guest.read_bytes())
    return digest.hexdigest()[:20]


async def make_guest_layer(guest: Path, etc: Mapping[str, str], place: Path, target: Path) -> None:
    """Write the layer with our program and the machine's own files of /etc."""
    tree = place / "tree"
    await asyncio.to_thread(_lay_out_guest, guest, etc, tree)
    await make_erofs(tree, target)
    shutil.rmtree(tree)


async def make_tool_layer(tool: ToolTree, place: Path, target: Path) -> None:
    """Write the layer with one tool, where machines look for it."""
    tree = place / "tree"
    inside = tree / TOOLS / tool.name / tool.version
    await asyncio.to_thread(shutil.copytree, tool.path, inside, symlinks=True)
    _let_all_enter(tree)
    await make_erofs(tree, target)
    shutil.rmtree(tree)


async def make_erofs(tree: Path, target: Path) -> None:
    """Make a file system of a tree."""
    words = ["mkfs.erofs", "--quiet", *EROFS, str(target), str(tree)]
    await run(words, what=f"making {target.name}")


def _lay_out_guest(guest: Path, etc: Mapping[str, str], tree: Path) -> None:
    for name in EMPTY:
        (tree / name).mkdir(parents=True)
    shutil.copyfile(guest, tree / GUEST)
    for name, text in etc.items():
        if name not in OWN_ETC:
            (tree / "etc" / name).write_text(text)
    for name, link in OWN_ETC.items():
        (tree / "etc" / name).symlink_to(link)
    _let_all_enter(tree)


def _let_all_enter(tree: Path) -> None:
    """Whatever our umask is: what machines run is to be read by every uid in there."""
    for directory, _, files in os.walk(tree):
        Path(directory).chmod(0o755)
        for path in (Path(directory, name) for name in files):
            if not path.is_symlink():
                path.chmod(path.stat().st_mode | 0o444)
