"""The catalogue on one host: which tools are there, and what the guest is told of them."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from fanlight.errors import HostError, ToolNotInstalled
from fanlight.wire import ToolSpec

from .description import Tool, find, read_tools
from .installing import NODE_VERSION, Progress, install_tool, is_installed

INSIDE = PurePosixPath("/opt/fanlight/tools")
"""Where a machine sees the tools."""
CHECK_TIMEOUT_S = 60.0

read_tools()  # now, as an event loop must not wait for it later


@dataclass(frozen=True, slots=True)
class ListedFile:
    """A file of a tool's credential, as whoever opens a bundle must judge it."""

    path: str
    """Under HOME."""
    fields: tuple[str, ...]
    """What may be in it at the top; empty: anything."""
    required: bool
    merge: bool
    """Whether its fields are merged into a file that is there, instead of replacing it."""


@dataclass(frozen=True, slots=True)
class ListedTool:
    """A tool as the list shows it."""

    name: str
    title: str
    vendor: str
    version: str
    installed: bool
    installable: bool
    """Whether it is installed at its first use when it is not there."""
    note: str
    """Why it cannot be used here, or what else is to be known of it."""
    credential_paths: tuple[ListedFile, ...] = ()
    next_command: str = ""
    """What its user types next, where the credential was put in place."""


class Catalogue:
    """The tools, and what is installed of them under a data directory (DATA/tools).

    What is not a coroutine looks at the file system: on an event loop, call it in a thread.
    """

    def __init__(self, data: Path, *, may_install: bool = True) -> None:
        self._tools, self._may_install = data / "tools", may_install

    def list(self) -> tuple[ListedTool, ...]:
        """Give every tool, installed or not."""
        return tuple(self._listed(tool) for tool in read_tools().values())

    def _listed(self, tool: Tool) -> ListedTool:
        installed = is_installed(self._tools, tool)
        installable = self._is_installable(tool)
        note = tool.note
        if not (installed or installable or note):
            note = f"It is not installed on this host. {_remedy(tool)}"
        return ListedTool(
            name=tool.name,
            title=tool.title,
            vendor=tool.vendor,
            version=tool.version,
            installed=installed,
            installable=installable,
            note=note,
            credential_paths=_listed_files(tool),
            next_command=tool.next_command,
        )

    def _is_installable(self, tool: Tool) -> bool:
        return self._may_install and tool.installable and tool.install.kind == "npm"

    def needs_install(self, name: str) -> bool:
        """Say whether `install` comes before the first use of a tool.

        Raises:
            UnknownTool: there is no tool of that name.
            ToolNotInstalled: it is not on this host, and is not to be installed by itself.
        """
        tool = find(name)
        if is_installed(self._tools, tool):
            return False
        if not self._is_installable(tool):
            raise ToolNotInstalled(f"{tool.title} is not installed", hint=_remedy(tool))
        return True

    def titled(self, name: str) -> str:
        """Give a tool's title and version, for people. Raises UnknownTool."""
        tool = find(name)
        return f"{tool.title} {tool.version}"

    def spec(self, name: str, *, inside: PurePosixPath = INSIDE) -> ToolSpec:
        """Give what the guest is told of a tool; `inside`: where it sees the tools' directory.

        Raises:
            UnknownTool: there is no tool of that name.
            ToolNotInstalled: it is not on this host.
        """
        tool = find(name)
        if not is_installed(self._tools, tool):
            raise ToolNotInstalled(f"{tool.title} is not installed", hint=_remedy(tool))
        return tool.spec(inside / name / tool.version, inside / "node" / NODE_VERSION)

    def trees(self, names: Iterable[str]) -> tuple[tuple[str, str, Path], ...]:
        """Give name, version and directory of what these tools are on disk, Node included.

        System packages have none: they are where the system has them.

        Raises:
            UnknownTool, ToolNotInstalled: as for `spec`.
        """
        found: dict[str, tuple[str, str, Path]] = {}
        for tool in map(find, names):
            if not is_installed(self._tools, tool):
                raise ToolNotInstalled(f"{tool.title} is not installed", hint=_remedy(tool))
            if tool.install.kind == "npm":
                for name, version in (("node", NODE_VERSION), (tool.name, tool.version)):
                    found[name] = (name, version, self._tools / name / version)
        return tuple(sorted(found.values()))

    async def install(self, name: str, progress: Progress) -> None:
        """Install a tool; `progress` gets a line now and then. Cancelled, it leaves nothing.

        Raises:
            UnknownTool: there is no tool of that name.
            ToolNotInstalled: it is one that Fanlight cannot install, or npm failed; its last
                lines are in `tail`.
            PackageMissing: it is a system package, and not there.
        """
        await install_tool(self._tools, find(name), progress)

    async def check(self, name: str) -> str:
        """Run the installed tool with `--version` and give what it says, its first line.

        Raises:
            UnknownTool, ToolNotInstalled: as for `spec`.
            HostError: it does not run.
        """
        spec = await asyncio.to_thread(self.spec, name, inside=PurePosixPath(self._tools))
        path = ":".join([*spec.path, "/usr/bin", "/bin"])
        # A home to write in, which then goes: some tools leave files even for this.
        home = await asyncio.to_thread(tempfile.TemporaryDirectory, prefix="fanlight-check-")
        try:
            return await _version(spec, {"PATH": path, "HOME": home.name, **spec.env})
        finally:
            await asyncio.to_thread(home.cleanup)


async def _version(spec: ToolSpec, env: dict[str, str]) -> str:
    child = await asyncio.create_subprocess_exec(
        spec.command[0],
        "--version",
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env=env,
    )
    try:
        async with asyncio.timeout(CHECK_TIMEOUT_S):
            output, _ = await child.communicate()
    except TimeoutError:
        raise HostError(f"{spec.command[0]} --version did not end") from None
    finally:
        if child.returncode is None:
            child.kill()
            await child.wait()
    lines = output.decode(errors="replace").strip().splitlines()
    if child.returncode != 0:
        raise HostError(f"{spec.name} --version failed: {' '.join(lines[-3:])}")
    return lines[0] if lines else ""


def _listed_files(tool: Tool) -> tuple[ListedFile, ...]:
    return tuple(
        ListedFile(file.path, file.fields, file.required, file.path in tool.merged)
        for file in tool.credential
    )


def _remedy(tool: Tool) -> str:
    match tool.install.kind:
        case "npm":
            return f"Run `fanlight tools install {tool.name}` on the host."
        case "apt":
            return f"Run `apt-get install {tool.install.package}` on the host, as root."
        case "manual":
            return tool.note
