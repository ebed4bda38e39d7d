"""The agent's own HTTP: GET /health and GET /login, for whoever holds the machine's token.

On agent.sock in the machine's directory and on 127.0.0.1:8080 in the machine. One request a
connection (HTTP/1.1, RFC 9112), no bodies, everything bounded.
"""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import json
from pathlib import Path

from .journal import Journal
from .link import Identity

PORT = 8080
MAX_REQUEST_BYTES = 8192
REQUEST_TIMEOUT_S = 5.0
_REASONS = {
    200: "OK", 400: "Bad Request", 401: "Unauthorized", 404: "Not Found",
    405: "Method Not Allowed",
}  # fmt: skip


class HealthServer:
    """Answers those who know the token; 401 to everybody before there is one."""

    def __init__(self, path: Path, journal: Journal, identity: Identity) -> None:
        self._path, self._journal, self._identity = path, journal, identity

    async def run(self) -> None:
        """Listen until cancelled."""
        self._path.unlink(missing_ok=True)
        limit = MAX_REQUEST_BYTES
        unix = await asyncio.start_unix_server(self._serve, self._path, limit=limit)
        self._path.chmod(0o600)
        inside = await asyncio.start_server(self._serve, "127.0.0.1", PORT, limit=limit)
        async with unix, inside, asyncio.TaskGroup() as tasks:
            tasks.create_task(unix.serve_forever())
            tasks.create_task(inside.serve_forever())

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, TimeoutError):
            async with asyncio.timeout(REQUEST_TIMEOUT_S):
                try:
                    head = await reader.readuntil(b"\r\n\r\n")
                    status, body = self._answer(head)
                except (asyncio.IncompleteReadError, asyncio.LimitOverrunError):
                    status, body = 400, {"code": "bad-request"}
                writer.write(_response(status, body))
                await writer.drain()
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()

    def _answer(self, head: bytes) -> tuple[int, dict[str, object]]:
        request = parse_head(head)
        if request is None:
            return 400, {"code": "bad-request"}
        method, path, authorization = request
        if not self._is_allowed(authorization):
            return 401, {"code": "not-signed-in"}
        if path not in ("/health", "/login"):
            return 404, {"code": "not-found"}
        if method != "GET":
            return 405, {"code": "method-not-allowed"}
        if path == "/login":
            state, account = self._journal.login
            return 200, {"state": state, "account": account}
        return 200, {"ready": self._journal.is_ready, "stages": self._journal.stages}

    def _is_allowed(self, authorization: str) -> bool:
        scheme, _, token = authorization.partition(" ")
        known = self._identity.known
        return (
            known is not None
            and scheme.lower() == "bearer"
            and hmac.compare_digest(token.strip().encode(), known.token.encode())
        )


def parse_head(head: bytes) -> tuple[str, str, str] | None:
    """Give method, path and Authorization of a request's head; None: it is none."""
    first, *fields = head.decode("latin-1").split("\r\n")
    words = first.split(" ")
    if len(words) != 3 or not words[2].startswith("HTTP/1."):
        return None
    authorization = [
        value.strip()
        for name, _, value in (field.partition(":") for field in fields)
        if name.lower() == "authorization"
    ]
    if len(authorization) > 1:
        return None
    return words[0], words[1].partition("?")[0], "".join(authorization)


def _response(status: int, body: dict[str, object]) -> bytes:
    text = json.dumps(body).encode()
    head = (
        f"HTTP/1.1 {status} {_REASONS[status]}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(text)}\r\nCache-Control: no-store\r\nConnection: close\r\n"
    )
    if status == 401:
        head += "WWW-Authenticate: Bearer\r\n"
    return head.encode() + b"\r\n" + text
