"""The commands, gathered; errors and exit statuses."""

from __future__ import annotations

import importlib.metadata
import sys
from collections.abc import Callable

import typer

from fanlight.errors import CallerError, FanlightError, HostError, MachineError, PeerError

from . import host, image, people, tools
from .connecting import connect
from .console import say, warn
from .serving import serve

app = typer.Typer(
    name="fanlight",
    help="A disposable desktop that signs command-line tools in, on your screen at once.\n\n"
    "Start with `fanlight serve`, open the link that it prints, and press Connect CLI tool; or "
    "run `fanlight connect wrangler` where there is no browser.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
)
app.command()(serve)
app.command()(connect)
app.add_typer(tools.app, name="tools")
app.add_typer(image.app, name="image")
app.command()(people.link)
app.add_typer(people.keys, name="key")
app.add_typer(people.principals, name="principal")
app.command()(people.sessions)
app.command()(host.keeper)
app.command()(host.doctor)


@app.command()
def version() -> None:
    """Print which Fanlight this is."""
    say(f"fanlight {importlib.metadata.version('fanlight')}")


FAULTS: tuple[tuple[type[FanlightError], int, str], ...] = (
    (CallerError, 2, "what was asked for cannot be done"),
    (PeerError, 3, "the other side broke the protocol"),
    (HostError, 4, "this computer lacks something"),
    (MachineError, 5, "the machine failed"),
)
"""Kinds of errors, their exit statuses, and whose fault they are."""


def main(run: Callable[[], object] = app) -> None:
    """Run `fanlight` and leave with its status.

    0 well; 1 a defect of ours; 2 a mistake in what was asked; 3 the peer's, 4 the host's,
    5 the machine's fault; 130 interrupted.
    """
    try:
        run()
    except FanlightError as error:
        sys.exit(report(error))
    except BaseExceptionGroup as group:
        # A task group wraps what its tasks raise; a named error in it is what the user needs.
        named = group.subgroup(FanlightError)
        if named is None:
            raise
        sys.exit(report(_first(named)))
    except KeyboardInterrupt:
        warn("Interrupted.")
        sys.exit(130)


def report(error: FanlightError) -> int:
    """Say what happened, whose fault it is and what to do; give the exit status."""
    status, fault = next(
        ((status, fault) for kind, status, fault in FAULTS if isinstance(error, kind)),
        (1, "a defect of Fanlight's"),
    )
    warn(f"[bold red]{error.title}[/]", f"({fault}; {error.code})")
    warn("  What happened:", text=str(error))
    warn("  What to do:   ", text=error.hint)
    return status


def _first(group: BaseExceptionGroup[FanlightError]) -> FanlightError:
    first = group.exceptions[0]
    return _first(first) if isinstance(first, BaseExceptionGroup) else first
