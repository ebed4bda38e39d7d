"""`fanlight keeper` and `fanlight doctor`: this computer."""

from __future__ import annotations

import dataclasses
from typing import Annotated

import typer

from .console import print_json, say
from .options import ConfigOption, DataOption, settings_of


def keeper(data: DataOption = None, config: ConfigOption = None) -> None:
    """Be the keeper of a data directory, in the foreground.

    `fanlight serve` starts one by itself when there is none; run it yourself to have it
    supervised, by systemd for one.

    Example: `fanlight keeper --data /var/lib/fanlight`
    """
    from fanlight.controller.opening import keeper_settings
    from fanlight.host.keeper import run_keeper

    run_keeper(keeper_settings(settings_of(data, config)))


MARKS = {"good": "[green]ok[/]  ", "note": "[yellow]note[/]", "bad": "[bold red]BAD[/] "}


def doctor(
    session: Annotated[str, typer.Argument(help="A session to look at, too.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="One JSON array, for programs.")] = False,
    data: DataOption = None,
    config: ConfigOption = None,
) -> None:
    """Check this host, or a session on it, end to end, and say what to fix.

    Leaves with 4 when something must be fixed before a session can start.

    Example: `fanlight doctor`, `fanlight doctor --json`, `fanlight doctor SESSION`
    """
    from fanlight.controller.doctor import examine_host
    from fanlight.controller.doctor_session import examine_session

    settings = settings_of(data, config)
    findings = examine_host(settings)
    if session:
        findings += examine_session(settings, session)
    if as_json:
        print_json([dataclasses.asdict(each) for each in findings])
    else:
        for each in findings:
            say(f"{MARKS[each.level]} [bold]{each.name:<18}[/]", text=each.text)
            if each.level != "good":
                more = f"{each.remedy} (docs/problems/{each.code}.md)".strip()
                say(" " * 23, text="-> " + more)
    if any(each.level == "bad" for each in findings):
        raise typer.Exit(4)
