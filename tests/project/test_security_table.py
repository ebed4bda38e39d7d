"""Every line of the table of promises names a test that there is."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
NAMED = re.compile(r"`(tests/[\w/]+\.py)::(test_\w+)`")


def test_every_promise_names_a_test_that_exists() -> None:
    page = (ROOT / "docs" / "explanation" / "security.md").read_text()
    _, _, table = page.partition("## Where each line is tested")
    rows = [
        line for line in table.splitlines() if line.startswith("| ") and "| test |" not in line
    ]
    assert len(rows) > 30
    for row in rows:
        named = NAMED.search(row)
        assert named, row
        file, test = named.groups()
        assert re.search(rf"def {test}\(", (ROOT / file).read_text()), row
