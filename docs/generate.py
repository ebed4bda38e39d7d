"""Writes the reference pages that are drawn from the code, and the viewer's table of causes.

`./dev generate` runs it; a test checks that what it writes is fresh.
"""

from __future__ import annotations

import functools
import inspect
import json
from collections.abc import Callable, Iterator
from pathlib import Path

from fanlight import errors
from fanlight.api.health import HTTP_METRICS
from fanlight.client.api import (
    BundleRefused,
    LoginNotDelivered,
    ProblemReceived,
    ServerUnreachable,
)
from fanlight.controller.metrics import described
from fanlight.session.causes import CAUSES, WHOSE, Cause
from fanlight.session.host_causes import ALL, HOST_CAUSES
from fanlight.session.meanings import ENDS, LOGIN_ENDS, NOTICES

DOCS = Path(__file__).parent


def problems() -> str:
    """Give docs/reference/problems.md: every error with its code, meaning and remedy."""
    lines = [
        "# Problems",
        "",
        "Every failure has a stable code, a sentence and a next step. HTTP answers carry them as",
        "`application/problem+json` (RFC 9457); the page and the command line say them in words.",
        "",
    ]
    for error in sorted(_errors(), key=lambda kind: kind.code):
        meaning = inspect.cleandoc(error.__doc__ or "").split("\n\n")[0].replace("\n", " ")
        lines += [f"## {error.code}", "", f"**{error.title}.** {meaning}", ""]
        lines += [f"What to do: {error.hint}", "", f"HTTP status {error.status}.", ""]
    for heading, meanings in (
        ("Why sessions end", ENDS),
        ("Why logins end", LOGIN_ENDS),
        ("What is noticed while a session goes on", NOTICES),
    ):
        lines += [f"# {heading}", ""]
        for code, known in sorted(meanings.items()):
            lines += [f"## {code}", "", f"**{known.title}.** {known.text}", ""]
            lines += [f"What to do: {known.hint}", ""]
    for heading, causes in (
        ("Why a picture does not come", CAUSES),
        ("What `fanlight doctor` finds", HOST_CAUSES),
    ):
        lines += [f"# {heading}", "", "Each has a page of its own.", ""]
        for code, cause in sorted(causes.items()):
            lines.append(f"- [{code}](../problems/{code}.md): {cause.title}")
        lines.append("")
    return "\n".join(lines).rstrip() + "\n"


def cause_page(code: str, cause: Cause) -> str:
    """Give docs/problems/CODE.md."""
    return f"""# {cause.title}

Code `{code}`. It lies with {WHOSE[cause.whose]}.

{cause.text}

## How it is found out

{cause.found}

## What to do

As a viewer: {cause.hint}

As the operator: {cause.operator}

[All problems](../reference/problems.md)
"""


def viewer_causes() -> str:
    """Give web/viewer/causes.ts: what the viewer says of each cause."""
    lines = [
        "/** Made by `./dev generate` from src/fanlight/session/causes.py: do not edit. */",
        "",
        "export interface Cause {",
        "  readonly title: string;",
        "  readonly text: string;",
        f"  readonly whose: {' | '.join(json.dumps(each) for each in WHOSE)};",
        "  readonly hint: string;",
        "}",
        "",
        "export const CAUSES = {",
    ]
    for code, cause in CAUSES.items():
        lines.append(f"  {code if code.isidentifier() else json.dumps(code)}: {{")
        for name in ("title", "text", "whose", "hint"):
            # Biome breaks no line after a key this short, however long the text.
            lines.append(f"    {name}: {json.dumps(getattr(cause, name), ensure_ascii=False)},")
        lines.append("  },")
    lines += ["} as const satisfies Record<string, Cause>;", ""]
    lines += ["export type CauseCode = keyof typeof CAUSES;", ""]
    return "\n".join(lines)


METRICS_HEAD = """# Metrics

`GET /metrics`, as Prometheus reads it; served by TLS it needs an API key (`Authorization: Bearer
fl_...`). Labels are few and known beforehand: `rung` is `udp`, `tcp`, `turn-udp`, `turn-tcp`,
`turn-tls`, `websocket`, `vnc`, or `other` while it is not known; `cause` is a code of
[problems](problems.md), or `other`. No label tells of a session, a person or an address.

What is by rung and every 2 s is what viewers say of themselves, brought into its range: a viewer
may lie, and spoils no more than its own share. The same figures of one viewer are in the `quality`
events of its session.

| metric | kind | labels | what it tells |
|---|---|---|---|
"""


def metrics_page() -> str:
    """Give docs/reference/metrics.md: every metric, its labels and what it tells."""
    rows = [
        f"| `{each.name}` | {each.kind} | {', '.join(each.labels) or '-'} | {each.text} |\n"
        for each in sorted([*described(), *HTTP_METRICS], key=lambda each: each.name)
    ]
    return METRICS_HEAD + "".join(rows)


def _errors() -> Iterator[type[errors.FanlightError]]:
    for name in errors.__all__:
        yield getattr(errors, name)
    yield from (ServerUnreachable, ProblemReceived, BundleRefused, LoginNotDelivered)


PAGES: dict[str, Callable[[], str]] = {
    "reference/problems.md": problems,
    "reference/metrics.md": metrics_page,
    "../web/viewer/causes.ts": viewer_causes,
    **{
        f"problems/{code}.md": functools.partial(cause_page, code, cause)
        for code, cause in ALL.items()
    },
}
"""Path from docs/ -> what writes it."""


def main() -> None:
    """Write every page; take away pages of causes that are no more."""
    for path in (DOCS / "problems").glob("*.md"):
        if f"problems/{path.name}" not in PAGES:
            path.unlink()
    for name, page in PAGES.items():
        path = DOCS / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(page())


if __name__ == "__main__":
    main()
