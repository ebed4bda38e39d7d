"""The page has words for everything that the audit trail can hold."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
KEPT = re.compile(r"\b(?:audit|record)\(\s*[\w.]+,\s*\"([a-z_]+)\"")


def test_every_action_of_the_audit_trail_has_words_on_the_dashboard() -> None:
    sources = [*(ROOT / "src/fanlight/controller").glob("*.py")]
    sources += (ROOT / "src/fanlight/api").glob("*.py")
    actions = {action for file in sources for action in KEPT.findall(file.read_text())}
    assert {"started", "viewed_by_vnc", "device_approved", "acknowledged"} <= actions
    states = {"verified", "confirmed", "rejected"}  # of a login, kept under their own names

    page = (ROOT / "web/dashboard/pages/Dashboard.tsx").read_text()
    _, _, after = page.partition("const ACTIONS")
    words = set(re.findall(r"^  (\w+): \"", after.partition("};")[0], re.M))

    assert words == actions | states
