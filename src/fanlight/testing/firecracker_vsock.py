"""The host's socket of a vsock, and in place of a guest what a test lets listen.

Another part of the double of Firecracker. Source: Firecracker's `docs/vsock.md`.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import TracebackType

Listener = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
_CONNECT = re.compile(rb"CONNECT (\d{1,10})\n")
_FIRST_PORT = 1 << 30


class VsockDouble:
    """Listens where a vsock's `uds_path` is. Use with `async with`."""

    def __init__(self, path: Path, guest: dict[int, Listener]) -> None:
        """`guest`: who listens there, by port."""
        self._path, self._guest = path, guest
        self._next = _FIRST_PORT
        self._served: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> VsockDouble:
        self._server = await asyncio.start_unix_server(self._serve, self._path)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.close()
        await asyncio.gather(*self._served)
        await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._served.add(task)
        try:
            asked = _CONNECT.fullmatch(await reader.readline())
            listener = self._guest.get(int(asked[1])) if asked else None
            if listener:
                writer.write(b"OK %d\n" % self._next)
                self._next += 1
                await listener(reader, writer)
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()
            self._served.discard(task)
