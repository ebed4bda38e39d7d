"""How the tool's sign-in page gets into the machine's browser: a program called as the browser.

`BROWSER` and the names in front of PATH are one small script that hands its argument over a Unix
socket to the agent. Nothing is ever read off the terminal: what a tool prints may be another
address than the one it opens.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import socket
import struct
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from urllib.parse import urlsplit

NAMES = ("fanlight-browser", "xdg-open", "sensible-browser", "www-browser", "x-www-browser")
MAX_URL_BYTES = 16_384
HAND_OVER_TIMEOUT_S = 10.0

_SCRIPT = """#!/usr/bin/python3 -IS
import socket, sys
with socket.socket(socket.AF_UNIX) as agent:
    agent.settimeout({timeout})
    agent.connect({path!r})
    agent.sendall(sys.argv[-1].encode() + b"\\n")
    sys.exit(0 if agent.recv(1) == b"+" else 1)
"""

OnUrl = Callable[[str], Awaitable[None]]


def host_of(url: str) -> str | None:
    """Give the host of a web address; None for what is no web address (http, https only)."""
    try:
        parts = urlsplit(url)
        host = parts.hostname
    except ValueError:
        return None
    is_web = parts.scheme in ("http", "https") and url.isprintable() and " " not in url
    return host if is_web and host and "@" not in parts.netloc else None


@contextlib.asynccontextmanager
async def browser_programs(on_url: OnUrl) -> AsyncIterator[Path]:
    """Give a directory of browser programs; while in the block, each web address they get goes
    to `on_url`. `directory/NAMES[0]` is for the variable BROWSER."""
    directory = Path(await asyncio.to_thread(tempfile.mkdtemp, prefix="fanlight-open."))
    path = str(directory / "socket")

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(HAND_OVER_TIMEOUT_S):
                taken = _is_own(writer) and await _take(reader, on_url)
            writer.write(b"+" if taken else b"-")
            await writer.drain()
        except (OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass  # whoever called the browser learns that it did not open
        finally:
            writer.close()

    try:
        await asyncio.to_thread(_write_programs, directory, path)
        server = await asyncio.start_unix_server(serve, path, limit=MAX_URL_BYTES)
        try:
            yield directory
        finally:
            server.close()
    finally:
        await asyncio.to_thread(shutil.rmtree, directory, ignore_errors=True)


async def _take(reader: asyncio.StreamReader, on_url: OnUrl) -> bool:
    url = (await reader.readuntil(b"\n")).decode(errors="replace").strip()
    if host_of(url) is None:
        return False
    await on_url(url)
    return True


def _is_own(writer: asyncio.StreamWriter) -> bool:
    peer: socket.socket = writer.get_extra_info("socket")
    raw = peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    _pid, uid, _gid = struct.unpack("3i", raw)
    return bool(uid == os.getuid())


def _write_programs(directory: Path, path: str) -> None:
    script = directory / NAMES[0]
    script.write_text(_SCRIPT.format(path=path, timeout=HAND_OVER_TIMEOUT_S))
    script.chmod(0o700)
    for name in NAMES[1:]:
        (directory / name).symlink_to(NAMES[0])
