"""Options that several commands have, and how they find the data directory."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from fanlight import config

DataOption = Annotated[
    Path | None,
    typer.Option("--data", help="Directory for state.", envvar="FANLIGHT_SERVE_DATA"),
]
ConfigOption = Annotated[
    Path | None, typer.Option("--config", help="TOML file with settings of `fanlight serve`.")
]
PrincipalOption = Annotated[
    str, typer.Option("--principal", help="Whose it is; `fanlight principal list` shows them.")
]


def settings_of(data: Path | None, file: Path | None = None) -> config.ServeSettings:
    """Give the settings as `fanlight serve` would read them, with another data directory."""
    return config.load({"data": data}, environ=os.environ, file=file)
