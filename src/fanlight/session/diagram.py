"""Draws the state machines from their tables: `python -m fanlight.session.diagram DIRECTORY`."""

from __future__ import annotations

import pathlib
import sys
from enum import Enum
from typing import Any

from . import lifecycle, login, negotiation
from .rules import Rule, Table

MACHINES: dict[str, tuple[str, Table[Any], str]] = {
    "lifecycle": ("A session's life", lifecycle.Lifecycle.rules, lifecycle.__doc__),
    "negotiation": ("One viewer's connection", negotiation.Negotiation.rules, negotiation.__doc__),
    "login": ("A login", login.Login.rules, login.__doc__),
}


def pages() -> dict[str, str]:
    """Give every page by its file's name, Markdown with a Mermaid diagram."""
    return {f"{name}.md": _page(name, *parts) for name, parts in MACHINES.items()}


def _page(name: str, title: str, table: Table[Any], doc: str) -> str:
    rules = [rule for pair in table.values() for rule in pair]
    return (
        f"# {title}\n\n"
        f"Drawn from the table in `src/fanlight/session/` by "
        f"`python -m fanlight.session.diagram`; a test checks that it is fresh.\n\n"
        f"{doc.strip()}\n\n"
        f"```mermaid\n{_diagram(rules)}```\n\n"
        f"## Taken without effect\n\n"
        f"These events are late or came twice. What is in neither list is illegal "
        f"(`IllegalEvent`), and changes nothing.\n\n{_ignored(rules)}"
    )


def _diagram(rules: list[Rule[Any]]) -> str:
    arrows: dict[tuple[str, str], list[str]] = {}
    for rule in rules:
        if not rule.does_nothing:
            arrows.setdefault((rule.at.value, rule.to.value), []).append(_label(rule))
    lines = ["stateDiagram-v2", f"    [*] --> {rules[0].at.value}"]
    for (at, to), labels in arrows.items():
        lines.append(f"    {at} --> {to}: {', '.join(dict.fromkeys(labels))}")
    return "\n".join(lines) + "\n"


def _label(rule: Rule[Any]) -> str:
    return rule.event.__name__ + (f" ({rule.word})" if rule.word else "")


def _ignored(rules: list[Rule[Any]]) -> str:
    late: dict[Enum, list[str]] = {}
    for rule in rules:
        if rule.does_nothing:
            late.setdefault(rule.at, []).append(rule.event.__name__)
    rows = [
        f"| {state.value} | {', '.join(dict.fromkeys(names))} |\n" for state, names in late.items()
    ]
    return "| State | Events |\n|---|---|\n" + "".join(rows)


def main() -> None:
    """Write the pages into the directory that is named."""
    for name, page in pages().items():
        (pathlib.Path(sys.argv[1]) / name).write_text(page, encoding="utf-8")


if __name__ == "__main__":  # pragma: no cover - the test calls main
    main()
