"""`fanlight image`: the golden image that virtual machines are made of."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from fanlight.errors import HostError

from .console import inert, say, show_table, warn
from .options import ConfigOption, DataOption, settings_of

app = typer.Typer(
    help="Build, list, show, verify and prune the image that virtual machines are made of.",
    no_args_is_help=True,
)
NameArgument = Annotated[
    str, typer.Argument(help="The image's name, as `fanlight image list` has it.")
]


@app.command("build")
def build_(
    tool: Annotated[
        list[str] | None,
        typer.Option(help="A tool that machines are to have; may be given several times."),
    ] = None,
    suite: Annotated[
        str, typer.Option(help="Debian's suite; without: the one that this host runs.")
    ] = "",
    data: DataOption = None,
    config: ConfigOption = None,
) -> None:
    """Build the image, as root: some minutes the first time, seconds when nothing changed.

    What is whole is kept: a build that was cut off goes on where it was, and a further tool
    rebuilds nothing else.

    Example: `fanlight image build --tool wrangler --tool codex`
    """
    where = settings_of(data, config).data.absolute()
    started = time.monotonic()
    columns = (
        TextColumn("{task.percentage:>3.0f}%"),
        BarColumn(),
        TextColumn("{task.description}"),
    )
    console = Console(stderr=True)
    with Progress(*columns, TimeElapsedColumn(), console=console, transient=True) as bar:
        task = bar.add_task("", total=100)

        def told(percent: int, what: str) -> None:
            bar.update(task, completed=percent, description=inert(what))
            if not console.is_terminal:
                warn(f"{percent:3}%", text=what)

        name, size = asyncio.run(_build(where, tuple(tool or ()), suite, told))
    took = time.monotonic() - started
    say(name)
    warn(f"{size >> 20} MB, in {took:.0f} s.")


@app.command("list")
def list_(data: DataOption = None, config: ConfigOption = None) -> None:
    """Show the images that are there, the newest first. Machines are made of the newest.

    Example: `fanlight image list`
    """
    from fanlight.image import images

    rows = [
        (
            each.name,
            time.strftime("%Y-%m-%d %H:%M", time.localtime(each.manifest.made_at)),
            f"{sum(part.bytes for part in each.manifest.parts) >> 20} MB",
            str(len(each.manifest.packages)),
            ", ".join(sorted(each.manifest.tools)) or "none",
        )
        for each in images(settings_of(data, config).data)
    ]
    show_table(("name", "made", "size", "packages", "tools"), rows)


@app.command("show")
def show_(name: NameArgument = "", data: DataOption = None, config: ConfigOption = None) -> None:
    """Show what an image is made of; without a name: the newest.

    Example: `fanlight image show`
    """
    from fanlight.image import SBOM, open_image

    image = open_image(settings_of(data, config).data, name)
    made = image.manifest
    when = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(made.made_at))
    tools = ", ".join(f"{each} {made.tools[each]}" for each in sorted(made.tools))
    facts = {
        "name": made.name,
        "made at": when,
        "kernel": made.kernel_version,
        "packages": str(len(made.packages)),
        "tools": tools or "none",
        "bill of materials": str(image.directory / SBOM),
    }
    for what, text in facts.items():
        say(f"{what}: {text}")
    rows = [(each.role, each.file, f"{each.bytes:,}", each.sha256) for each in made.parts]
    show_table(("part", "file", "bytes", "SHA-256"), rows)


@app.command("verify")
def verify_(name: NameArgument = "", data: DataOption = None, config: ConfigOption = None) -> None:
    """Read an image's every byte and compare it with what was built; without a name: the newest.

    Example: `fanlight image verify`
    """
    from fanlight.image import open_image, verify

    image = open_image(settings_of(data, config).data, name)
    verify(image)
    say(f"{image.name} is as it was built.")


@app.command("prune")
def prune_(
    keep: Annotated[int, typer.Option(min=0, help="How many of the newest stay.")] = 1,
    data: DataOption = None,
    config: ConfigOption = None,
) -> None:
    """Remove old and damaged images, and parts that no image has. Machines that run go on.

    Example: `fanlight image prune --keep 2`
    """
    from fanlight.image import prune

    for name in prune(settings_of(data, config).data, keep):
        say(f"{name} is removed.")


async def _build(
    data: Path, names: tuple[str, ...], suite: str, told: Callable[[int, str], None]
) -> tuple[str, int]:
    from fanlight.host import Layout
    from fanlight.host.runtime import BUILT, ETC
    from fanlight.image import ToolTree, Wanted, build
    from fanlight.tools import Catalogue

    Layout(data).prepare()
    catalogue = Catalogue(data)
    for name in names:
        await catalogue.install(name, lambda line: warn("", text=line))
    trees = [ToolTree(*each) for each in catalogue.trees(names)]
    made_of = Wanted(suite or _suite(), BUILT / "guest.pyz", ETC, trees)
    image = await build(data, made_of, told)
    return image.name, sum(part.bytes for part in image.manifest.parts)


def _suite() -> str:
    """Give the suite of Debian that this host runs (os-release(5))."""
    for line in Path("/etc/os-release").read_text().splitlines():
        if line.startswith("VERSION_CODENAME="):
            return line.partition("=")[2].strip('"')
    raise HostError("this host does not say which Debian it is", hint="Name it with --suite.")
