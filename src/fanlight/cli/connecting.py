"""`fanlight connect`: sign a tool in where there is no browser."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fanlight.errors import SettingRejected


def connect(
    tool: Annotated[str, typer.Argument(help="Which tool, such as wrangler or claude_code.")],
    server: Annotated[
        str, typer.Option(help="Address of the Fanlight that has the desktop.")
    ] = "http://localhost:8088",
    key_file: Annotated[
        Path | None,
        typer.Option(help="File with an API key. Without one, a person approves at the link."),
    ] = None,
    home: Annotated[
        Path | None, typer.Option(help="Put the credential below this directory instead of HOME.")
    ] = None,
    print_bundle: Annotated[
        bool, typer.Option("--print", help="Print the credential as JSON, put nothing in place.")
    ] = False,
) -> None:
    """Sign a tool in on this machine, with a browser somewhere else.

    Prints a link and a code. Open the link anywhere, check that the code is the same, sign in;
    the tool's credential is then put in place here, readable by you alone.

    Example: `fanlight connect wrangler --server https://desk.example.org`
    """
    from fanlight.client.connect import run

    status = run(tool, server, api_key=_key(key_file), home=home, print_bundle=print_bundle)
    raise typer.Exit(status)


def _key(file: Path | None) -> str:
    # From a file only: arguments and environments can be seen by others.
    if file is None:
        return ""
    try:
        return file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        raise SettingRejected(
            f"the key file {file} cannot be read.",
            hint="`fanlight key create NAME >FILE` on the server makes one.",
        ) from None
