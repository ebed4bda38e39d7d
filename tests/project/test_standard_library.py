"""What runs under the system's Python imports the standard library and our pure parts only."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[2] / "src" / "fanlight"
SHARED = {"fanlight.errors", "fanlight.wire", "fanlight.session", "fanlight.relay"}
ROOMS = {
    "host": SHARED,
    "guest": SHARED | {"gi"},
    "media": SHARED | {"gi"},
    "relay": SHARED,
    "vmm": SHARED,
    "wire": SHARED,
    "session": SHARED,
}


def imported(file: Path) -> Iterator[str]:
    """The modules that a file imports from elsewhere, wherever in it."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from (each.name for each in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module == "fanlight":
            yield from (f"fanlight.{each.name}" for each in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            yield node.module


def is_allowed(module: str, room: str) -> bool:
    if module.partition(".")[0] in sys.stdlib_module_names:
        return True
    allowed = ROOMS[room] | {f"fanlight.{room}"}
    return any(module == each or module.startswith(each + ".") for each in allowed)


@pytest.mark.parametrize("room", ROOMS)
def test_only_the_standard_library_and_our_pure_parts_are_imported(room: str) -> None:
    files = sorted((SOURCE / room).rglob("*.py"))
    assert files
    found = [
        f"{file.relative_to(SOURCE)}: {module}"
        for file in files
        for module in imported(file)
        if not is_allowed(module, room)
    ]
    assert found == []


def test_the_rule_sees_a_foreign_import() -> None:
    assert not is_allowed("httpx", "host")
    assert not is_allowed("fanlight.controller.driver", "guest")
    assert is_allowed("asyncio.subprocess", "host")
