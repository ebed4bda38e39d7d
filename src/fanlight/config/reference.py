"""The page docs/reference/settings.md, made from the settings themselves."""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path

from .serve import ServeSettings
from .source import describe, settings

HEAD = """# Settings of `fanlight serve`

Each setting can be given as a flag, as a variable, or as a key in a TOML file:
the one named by `--config`, else `DATA/fanlight.toml`, else `/etc/fanlight.toml`. A flag goes
before a variable, a variable before the file. Lists are separated by commas in flags and
variables, and are arrays in TOML. An unknown key is refused.

    port = 8443
    public_url = "https://desk.example.org"
    viewer_networks = ["192.168.0.0/16"]

This page is made by `python -m fanlight.config.reference docs/reference/settings.md`.
"""


def page() -> str:
    """Give the whole page, Markdown."""
    defaults = {each.name: _default(each) for each in dataclasses.fields(ServeSettings)}
    parts = [HEAD]
    for setting in settings():
        flag = _flag(setting.name, setting.kind)
        parts.append(
            f"\n## `{setting.name}`\n\n{setting.text}\n\n"
            f"- flag `{flag}`, variable `{setting.variable}`\n"
            f"- {describe(setting.kind)}; default: {defaults[setting.name]}\n"
        )
    return "".join(parts)


def _flag(name: str, kind: object) -> str:
    word = "--" + name.replace("_", "-")
    return f"{word}`, `--no-{word[2:]}" if kind is bool else word


def _default(field: dataclasses.Field[object]) -> str:
    if field.name == "data":
        return "see above"
    value = field.default
    if value is dataclasses.MISSING or value in ((), "", None):
        return "none"
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(page(), encoding="utf-8")
