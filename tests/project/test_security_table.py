"""Every line of the tables of promises and of hostile input names a test that there is."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NAMED = re.compile(r"`(tests/[\w/]+\.py)::(test_\w+)`")
TABLES = {
    "security.md": ("## Where each line is tested", 30),
    "hostile-input.md": ("| input | what it gets |", 15),
}


@pytest.mark.parametrize("page", TABLES)
def test_every_line_names_a_test_that_exists(page: str) -> None:
    begin, at_least = TABLES[page]
    text = (ROOT / "docs" / "explanation" / page).read_text()
    _, found, table = text.partition(begin)
    assert found
    rows = [
        line for line in table.splitlines() if line.startswith("| ") and "| test |" not in line
    ]
    assert len(rows) > at_least
    for row in rows:
        named = NAMED.search(row)
        assert named, row
        file, test = named.groups()
        assert re.search(rf"def {test}\(", (ROOT / file).read_text()), row
