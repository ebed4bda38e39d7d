"""The host's end of Firecracker's vsock: a Unix socket on which a port is asked for by a line.

Source: Firecracker's `docs/vsock.md`, "Host-Initiated Connections".
"""

from __future__ import annotations

import asyncio
import re
import socket
from pathlib import Path

MOST_LINE_BYTES = 32
ANSWER_S = 10.0
_OK = re.compile(rb"OK \d{1,10}\n")


class VsockFailed(Exception):
    """There is no connection: nobody listens, in the guest or on the host."""


async def connect(path: Path, port: int, *, timeout_s: float = ANSWER_S) -> socket.socket:
    """Give a stream to a port in the guest. Everything after the answer's line is the guest's.

    A snapshot keeps no connections, but who listens in the guest goes on listening: after a
    restore this is done again (`docs/snapshotting/snapshot-support.md`).

    Raises:
        VsockFailed: nobody listens, or there is no answer in time.
    """
    end = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    end.setblocking(False)
    try:
        async with asyncio.timeout(timeout_s):
            await asyncio.get_running_loop().sock_connect(end, str(path))
            await asyncio.get_running_loop().sock_sendall(end, b"CONNECT %d\n" % port)
            line = await _line(end)
        if not _OK.fullmatch(line):
            what = "nobody listens" if not line else "no answer of a vsock's"
            raise VsockFailed(f"port {port} in the machine: {what}")
    except TimeoutError:
        end.close()
        raise VsockFailed(f"port {port} in the machine: no answer in {timeout_s:g} s") from None
    except OSError as error:
        end.close()
        raise VsockFailed(f"port {port} in the machine: {error.strerror}") from None
    except BaseException:
        end.close()
        raise
    return end


async def _line(end: socket.socket) -> bytes:
    """Read a line and not a byte more: the next is the guest's already."""
    loop, line = asyncio.get_running_loop(), b""
    while not line.endswith(b"\n") and len(line) < MOST_LINE_BYTES:
        if not (byte := await loop.sock_recv(end, 1)):
            break
        line += byte
    return line
