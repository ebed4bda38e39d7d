"""The rows as a table for people."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

COLUMNS = (
    ("condition", "condition"),
    ("rung", "rung"),
    ("first_frame_ms", "first frame ms"),
    ("fps", "frames/s"),
    ("freeze_s", "freeze s"),
    ("recovery_ms", "recovery ms"),
    ("cause", "cause"),
)
PEER_COLUMNS = COLUMNS[2:6]


def table(rows: Iterable[dict[str, Any]]) -> str:
    """Give a Markdown table: a row for each condition, noVNC's figures behind Fanlight's."""
    by_condition: dict[str, dict[str, dict[str, Any]]] = {}
    for row in rows:
        by_condition.setdefault(row["condition"], {})[row["peer"]] = row
    heads = [text for _, text in COLUMNS] + [f"noVNC: {text}" for _, text in PEER_COLUMNS]
    lines = [_line(heads), _line(["---"] * len(heads))]
    for peers in by_condition.values():
        ours, theirs = peers.get("fanlight", {}), peers.get("novnc", {})
        cells = [_cell(ours, key) for key, _ in COLUMNS]
        lines.append(_line(cells + [_cell(theirs, key) for key, _ in PEER_COLUMNS]))
    return "\n".join(lines)


def _cell(row: dict[str, Any], key: str) -> str:
    value = row.get(key)
    if key == "cause" and "cause_ms" in row:
        return f"{value or 'none'} (after {row['cause_ms']} ms)"
    return "-" if value is None else str(value)


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
