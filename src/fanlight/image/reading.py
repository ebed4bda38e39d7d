"""The recipe: a folder of plain files beside this module, read and named by its content."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).parent / "recipe"
MAKER = "1"
"""Counted up when the same recipe is made into something else."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """What is in the folder."""

    packages: tuple[str, ...]
    leave_out: tuple[str, ...]
    """Patterns for dpkg's --path-exclude."""
    remove: tuple[str, ...]
    """Patterns of paths in the root, removed at the end."""
    modules: tuple[str, ...]
    init: str
    digest: str


def read_recipe(folder: Path = FOLDER) -> Recipe:
    """Read the folder."""
    digest = hashlib.sha256(MAKER.encode())
    for path in sorted(each for each in folder.rglob("*") if each.is_file()):
        digest.update(f"{path.relative_to(folder)}\0".encode() + path.read_bytes() + b"\0")
    return Recipe(
        packages=_lines(folder / "packages.txt"),
        leave_out=_lines(folder / "leave-out.txt"),
        remove=_lines(folder / "remove.txt"),
        modules=_lines(folder / "initrd" / "modules.txt"),
        init=(folder / "initrd" / "init").read_text(),
        digest=digest.hexdigest(),
    )


def _lines(path: Path) -> tuple[str, ...]:
    lines = (line.strip() for line in path.read_text().splitlines())
    return tuple(line for line in lines if line and not line.startswith("#"))
