"""The table of attacks in the documentation: written from what they met, and compared with it.

`FANLIGHT_WRITE_ATTACKS=1` has the tests that attack write their column instead of comparing it.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "attacks.md"
KINDS = ("sandbox", "vm")
_ROW = re.compile(r"^\| (.+?) \| (.*?) \| (.*?) \|$", re.MULTILINE)
_HEAD = "| What was tried | From a sandbox | From a virtual machine |\n|---|---|---|\n"
NOT_TRIED = "-"


def check(kind: str, met: dict[str, str]) -> None:
    """Compare a kind's column with what its attacks met, or write it.

    Raises:
        AssertionError: an attack succeeded, or met something else than the page says.
    """
    done = {row: said for row, said in met.items() if "DONE" in said}
    assert not done, done
    if os.environ.get("FANLIGHT_WRITE_ATTACKS"):
        write(kind, met)
    column = {row: cells[KINDS.index(kind)] for row, cells in read().items()}
    said = {row: cell for row, cell in column.items() if cell != NOT_TRIED}
    assert met == said, f"docs/reference/{PAGE.name} says otherwise: ./dev attacks writes it anew"


def read() -> dict[str, tuple[str, str]]:
    """Give the page's rows: what was tried, and what it met from each kind of machine."""
    body = PAGE.read_text().partition(_HEAD)[2]
    return {row: (one, other) for row, one, other in _ROW.findall(body)}


def write(kind: str, met: dict[str, str]) -> None:
    """Put a kind's column into the page; what stands before the table stays."""
    rows, at = read(), KINDS.index(kind)
    for row in dict.fromkeys((*met, *rows)):
        cells = list(rows.get(row, (NOT_TRIED, NOT_TRIED)))
        cells[at] = met.get(row, NOT_TRIED)
        rows[row] = (cells[0], cells[1])
    kept = sorted(row for row, cells in rows.items() if set(cells) != {NOT_TRIED})
    lines = "".join(f"| {row} | {rows[row][0]} | {rows[row][1]} |\n" for row in kept)
    PAGE.write_text(PAGE.read_text().partition(_HEAD)[0] + _HEAD + lines)
