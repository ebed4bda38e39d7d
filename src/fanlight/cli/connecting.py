"""`fanlight connect`: sign a tool in where there is no browser."""

from __future__ import annotations

from typing import Annotated

import typer


def connect(
    tool: Annotated[str, typer.Argument(help="Which tool, such as wrangler or claude_code.")],
    server: Annotated[
        str, typer.Option(help="Address of the Fanlight that has the desktop.")
    ] = "http://localhost:8088",
) -> None:
    """Sign a tool in on this machine, with a browser somewhere else.

    Prints a link and a code. Open the link anywhere, check that the code is the same, sign in;
    the tool's credential is then put in place here, readable by you alone.

    Example: `fanlight connect wrangler --server https://desk.example.org`
    """
    from fanlight.client.connect import run

    raise typer.Exit(run(tool, server))
