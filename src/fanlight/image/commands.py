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
_END_S = 10.0
PACKAGES = {
    "mmdebstrap": "mmdebstrap",
    "mkfs.erofs": "erofs-utils",
    "cpio": "cpio",
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

    Mounts that it makes are in a namespace of its own, and so go with it. When this is cancelled
    it is told to end, and then made to.

    Raises:
        HostError: it failed; the message has its last lines.
    """
    process = await asyncio.create_subprocess_exec(
        *("unshare", "--mount", "--propagation", "private", "--", *argv),
        stdin=subprocess.PIPE if given else subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
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
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_END_S):
                await process.wait()
                return
