"""Whatever the doctor finds that is not good has a code of the table, and so a page."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from fanlight.session.host_causes import ALL

SOURCE = Path(__file__).parents[2] / "src" / "fanlight"
CODE = 4
"""Which argument of a finding's is its code."""


def findings() -> Iterator[tuple[str, ast.Call]]:
    """Give every place where a finding is made that may not be good."""
    for file in SOURCE.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name)):
                continue
            levels = [arg.value for arg in node.args[1:2] if isinstance(arg, ast.Constant)]
            if node.func.id == "Finding" and levels != ["good"]:
                yield f"{file.name}:{node.lineno}", node


def test_every_finding_that_is_not_good_has_a_code_of_the_table() -> None:
    made = dict(findings())
    codes = {
        where: code.value
        for where, call in made.items()
        for code in call.args[CODE:]
        if isinstance(code, ast.Constant)
    }

    assert len(made) > 30
    assert made.keys() - codes.keys() == set()
    assert set(codes.values()) <= ALL.keys()
