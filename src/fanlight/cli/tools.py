"""`fanlight tools`: which command-line tools can be signed in here, and installing them."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer

from fanlight.errors import FanlightError, ToolNotInstalled

from .console import say, show_table, warn
from .options import ConfigOption, DataOption, settings_of

app = typer.Typer(
    help="List, install and check the tools that can be signed in.", no_args_is_help=True
)

NameArgument = Annotated[
    str, typer.Argument(help="The tool's name, as `fanlight tools list` has it.")
]


@app.command("list")
def list_(data: DataOption = None, config: ConfigOption = None) -> None:
    """Show every tool of the catalogue, and whether it is installed here.

    Example: `fanlight tools list`
    """
    from fanlight.tools import Catalogue

    rows = [
        (tool.name, tool.title, tool.version, _state(tool.installed, tool.installable), tool.note)
        for tool in Catalogue(settings_of(data, config).data).list()
    ]
    show_table(("name", "tool", "version", "here", "note"), rows)


@app.command()
def install(name: NameArgument, data: DataOption = None, config: ConfigOption = None) -> None:
    """Install a tool's locked tree below the data directory.

    Example: `fanlight tools install wrangler`
    """
    from fanlight.host import Layout
    from fanlight.tools import Catalogue

    where = settings_of(data, config).data
    Layout(where.absolute()).prepare()
    try:
        asyncio.run(Catalogue(where).install(name, lambda line: warn("", text=line)))
    except ToolNotInstalled as error:
        for line in error.tail.splitlines():
            warn("", text=line)
        raise


@app.command()
def check(
    name: Annotated[
        str, typer.Argument(help="A tool's name; without: all that are installed.")
    ] = "",
    data: DataOption = None,
    config: ConfigOption = None,
) -> None:
    """Run installed tools and show which version answers.

    Example: `fanlight tools check codex`
    """
    from fanlight.tools import Catalogue

    catalogue = Catalogue(settings_of(data, config).data)
    names = [name] if name else [tool.name for tool in catalogue.list() if tool.installed]
    failed = 0
    for each in names:
        try:
            say(f"{each}:", text=asyncio.run(catalogue.check(each)))
        except FanlightError as error:
            if name:
                raise
            failed += 1
            warn(f"{each}:", text=f"{error} {error.hint}")
    if not names:
        warn("No tool is installed. `fanlight tools install wrangler` installs one.")
    if failed:
        raise typer.Exit(4)


def _state(installed: bool, installable: bool) -> str:
    if installed:
        return "installed"
    return "can be installed" if installable else "not here"
