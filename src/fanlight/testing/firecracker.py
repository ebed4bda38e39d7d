"""A double of Firecracker: its API on a Unix socket, and no machine behind it.

It answers as the published rules say (`firecracker_rules`, `firecracker_bodies`), so that what
talks to Firecracker can be tested where there is no KVM. It proves that requests are well formed
and in order; that a guest boots, a snapshot works or a jail holds, it cannot. Left out, and
refused: hot plugging, pmem, CPU templates, serial console, hinting, vhost-user disks. Its
vsock has no socket. The wording of a fault is Firecracker's only where the rules quote it.
"""

from __future__ import annotations

import asyncio
import contextlib
import http
import json
from pathlib import Path
from types import TracebackType

from .firecracker_rules import Answer, MicroVm

MOST_BODY_BYTES = 51_200
"""`--http-api-max-payload-size` of Firecracker, as it is unless told otherwise."""
_METHODS = ("GET", "PUT", "PATCH")


class FirecrackerDouble:
    """One Firecracker process. Use with `async with`; it ends itself after a load that failed."""

    def __init__(self, socket: Path, root: Path) -> None:
        """Listen on `socket`; take every path of a request to be inside `root`."""
        self._socket = socket
        self._connections: dict[asyncio.StreamWriter, asyncio.Task[None] | None] = {}
        self._one_at_a_time = asyncio.Lock()
        self.vm = MicroVm(root)
        self.requests: list[tuple[str, str]] = []
        """Methods and paths of the requests so far."""

    async def __aenter__(self) -> FirecrackerDouble:
        self._server = await asyncio.start_unix_server(self._serve, self._socket)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        served = [each for each in self._connections.values() if each]
        self._end()
        await asyncio.gather(*served)
        await self._server.wait_closed()
        await asyncio.to_thread(self._socket.unlink, missing_ok=True)

    def _end(self) -> None:
        self._server.close()
        for each in self._connections:
            each.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._connections[writer] = asyncio.current_task()
        try:
            while not self.vm.is_ended:
                answer, is_understood = await self._answered(reader)
                writer.write(_response(answer))
                await writer.drain()
                if not is_understood:
                    return  # nobody knows where the next request begins
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, ConnectionError):
            pass
        finally:
            del self._connections[writer]
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()
        if self.vm.is_ended:
            self._end()

    async def _answered(self, reader: asyncio.StreamReader) -> tuple[Answer, bool]:
        first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        method, _, rest = first.partition(" ")
        path = rest.partition(" ")[0]
        headers = {name.lower(): value.strip() for name, _, value in _split(lines)}
        length = headers.get("content-length", "0")
        if method not in _METHODS or not length.isdecimal() or "transfer-encoding" in headers:
            return Answer(400, {"fault_message": "Invalid HTTP request."}), False
        body = await reader.readexactly(int(length))
        self.requests.append((method, path))
        if len(body) > MOST_BODY_BYTES:
            return Answer(
                413, {"fault_message": "Request payload is larger than the limit."}
            ), True
        async with self._one_at_a_time:
            return await asyncio.to_thread(self.vm.answer, method, path, body), True


def _split(lines: list[str]) -> list[tuple[str, str, str]]:
    return [each.partition(":") for each in lines if each]


def _response(answer: Answer) -> bytes:
    body = b"" if answer.body is None else json.dumps(answer.body).encode()
    lines = [
        f"HTTP/1.1 {answer.status} {http.HTTPStatus(answer.status).phrase}",
        "Server: Firecracker API",
        "Connection: keep-alive",
    ]
    if answer.body is not None:
        lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body
