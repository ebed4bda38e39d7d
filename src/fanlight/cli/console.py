"""What is printed, and where: answers to standard output, words about them to standard error.

Text that came from elsewhere is passed as `text`: it is neither markup nor control sequence.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from fanlight.log import plain


def say(line: str, *, text: str = "") -> None:
    """Print one line of the answer; it is not wrapped, so that it can be read by programs."""
    Console(soft_wrap=True, highlight=False).print(*(part for part in (line, inert(text)) if part))


def warn(line: str, more: str = "", *, text: str = "") -> None:
    """Print words about the answer to standard error."""
    parts = [part for part in (line, more, inert(text)) if part]
    Console(stderr=True, soft_wrap=True, highlight=False).print(*parts)


def show_table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print a table; cells are text, not markup."""
    table = Table(*heads, box=None, pad_edge=False, header_style="bold")
    for row in rows:
        table.add_row(*(inert(cell) for cell in row))
    Console(highlight=False).print(table)


def inert(text: str) -> str:
    """Give text from elsewhere as rich shows it verbatim."""
    return escape(plain(text))


def print_json(value: object) -> None:
    """Print one line of JSON."""
    sys.stdout.write(json.dumps(value) + "\n")
