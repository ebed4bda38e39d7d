"""Firecracker's API: HTTP/1.1 with JSON over a Unix socket. Standard library only, as all here.

One request at a time on one connection; a refusal keeps Firecracker's own words.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ANSWER_S = 30.0
"""The slowest is a snapshot: all of the memory is written."""
MOST_ANSWER_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Request:
    """One request. `body`: as JSON; None: it has none."""

    method: str
    path: str
    body: dict[str, Any] | None = None


class FirecrackerFailed(Exception):
    """Firecracker refused a request, or is gone.

    `status`: of its answer; 0: there was none.
    """

    def __init__(self, message: str, status: int = 0) -> None:
        super().__init__(message)
        self.status = status


class FirecrackerApi:
    """A connection. Not for two tasks at once: the order of requests matters."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    @classmethod
    async def open(cls, socket: Path) -> FirecrackerApi:
        """Connect to a Firecracker that listens.

        Raises:
            FirecrackerFailed: nobody listens there.
        """
        try:
            return cls(*await asyncio.open_unix_connection(socket, limit=MOST_ANSWER_BYTES))
        except OSError as error:
            raise FirecrackerFailed(f"Firecracker's API: {error.strerror}") from None

    async def close(self) -> None:
        """Hang up. Firecracker goes on."""
        self._writer.close()
        with contextlib.suppress(OSError):
            await self._writer.wait_closed()

    async def request(self, request: Request, *, timeout_s: float = ANSWER_S) -> Any:
        """Give the body of the answer, as JSON; None: it has none.

        What was said in the request appears in no error: it may be a secret (`/mmds`).

        Raises:
            FirecrackerFailed: it is refused, or not answered in time. Without an answer the
                connection is closed.
        """
        what = f"{request.method} {request.path}"
        try:
            async with asyncio.timeout(timeout_s):
                self._writer.write(written(request))
                await self._writer.drain()
                status, body = await self._answer()
        except TimeoutError:
            await self.close()
            raise FirecrackerFailed(f"{what}: no answer in {timeout_s:g} s") from None
        except (OSError, EOFError, ValueError, asyncio.LimitOverrunError):
            await self.close()
            raise FirecrackerFailed(f"{what}: no answer, the connection is over") from None
        if status not in (200, 204):
            fault = body.get("fault_message") if isinstance(body, dict) else None
            raise FirecrackerFailed(f"{what}: {fault or 'refused'} ({status})", status)
        return body

    async def _answer(self) -> tuple[int, Any]:
        first, *lines = (await self._reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        version, status, *_ = first.split(" ")
        if not version.startswith("HTTP/1."):
            raise ValueError("not HTTP")
        length = 0
        for line in lines:
            name, _, value = line.partition(":")
            if name.lower() == "content-length":
                length = int(value)
        if not 0 <= length <= MOST_ANSWER_BYTES:
            raise ValueError("too long")
        body = await self._reader.readexactly(length)
        return int(status), json.loads(body) if body else None


def written(request: Request) -> bytes:
    """Give a request as it is on the wire. Its length is said: Firecracker knows no chunks."""
    body = b"" if request.body is None else json.dumps(request.body).encode()
    lines = [f"{request.method} {request.path} HTTP/1.1", "Host: localhost"]
    lines += ["Accept: application/json"]
    if body:
        lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body
