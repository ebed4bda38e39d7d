"""Running the programs that images are made with: heard line by line, gone when we are."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import subprocess
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence

from fanlight.errors import HostError, PackageMissing

TAIL_LINES = 15
MADE_AT = {"SOURCE_DATE_EPOCH": "1577836800"}
"""What programs take for the time, so that they write the same on every day
(reproducible-builds.org). Not zero, which shadow(5) reads as a password that has run out."""
PACKAGES = {
    "mmdebstrap": "mmdebstrap",
    "mkfs.erofs": "erofs-utils",
    "cpio": "cpio",
    "setpriv": "util-linux",
    "unshare": "util-linux",
}


def check_programs() -> None:
    """See that everything is installed.

    Raises:
        PackageMissing: something is not.
    """
    missing = sorted(
        {package for program, package in PACKAGES.items() if shutil.which(program) is None}
    )
    if missing:
        raise PackageMissing(
            f"not installed on this host: {', '.join(missing)}",
            hint=f"apt-get install {' '.join(missing)}",
        )


async def run(
    argv: Sequence[str],
    *,
    what: str,
    on_line: Callable[[str], None] = lambda line: None,
    given: str = "",
) -> list[str]:
    """Run a program to its end; give the lines that it wrote.

    As root it has namespaces of its own for mounts and processes, which go with it, so that
    nothing of it is left when this is cancelled, or when we are killed.

    Raises:
        HostError: it failed; the message has its last lines.
    """
    process = await asyncio.create_subprocess_exec(
        *(*_confinement(), *argv),
        stdin=subprocess.PIPE if given else subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        env={**os.environ, **MADE_AT},
    )
    lines: deque[str] = deque(maxlen=5000)
    try:
        if process.stdin:
            process.stdin.write(given.encode())
            process.stdin.close()
        assert process.stdout
        async for line in _lines(process.stdout):
            lines.append(line)
            on_line(line)
        status = await process.wait()
    finally:
        await asyncio.shield(_end(process))
    if status:
        tail = "\n".join(list(lines)[-TAIL_LINES:])
        raise HostError(f"{what} failed (status {status}):\n{tail}")
    return list(lines)


async def _lines(stream: asyncio.StreamReader) -> AsyncIterator[str]:
    """Give what comes line by line; a line that is written over with \\r is one too."""
    rest = b""
    while data := await stream.read(65_536):
        *whole, rest = (rest + data).replace(b"\r", b"\n").split(b"\n")
        for line in whole:
            if line.strip():
                yield line.decode(errors="replace").rstrip()
        rest = rest[-4096:]
    if rest:
        yield rest.decode(errors="replace").rstrip()


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is not None:
        return
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    await process.wait()


def _confinement() -> tuple[str, ...]:
    """Give the words before a program's: setpriv(1) and unshare(1) of util-linux."""
    dies = ("setpriv", "--pdeathsig", "KILL", "--")
    if os.geteuid() != 0:
        return dies
    apart = ("unshare", "--mount", "--propagation", "private", "--pid", "--fork")
    return (*dies, *apart, "--kill-child=KILL", "--mount-proc", "--")
