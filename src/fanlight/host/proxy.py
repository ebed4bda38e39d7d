"""One machine's HTTP proxy: CONNECT, and absolute http:// URLs. One request a connection."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from collections.abc import Callable, Iterator

from fanlight.wire import EgressPolicy, MachineRef, Refusal

from .dial import Connected, Dialler, Unreachable
from .forward import forward, read_head
from .pace import Bucket
from .policy import Destination, EgressDenied, parse_destination
from .relay import Traffic, relay
from .requests import MOST_HEAD_BYTES, BadHead, Request, parse_request, parse_response
from .resolver import Lookups
from .settings import EgressSettings

log = logging.getLogger(__name__)

REASONS = {400: "Bad Request", 403: "Forbidden", 408: "Request Timeout", 502: "Bad Gateway"}
BURST_S = 5
"""A page may open as many connections at once as come to its machine in so many seconds."""
ESTABLISHED = b"HTTP/1.1 200 Connection established\r\n\r\n"


class MachineProxy:
    """Serves one machine's listener until closed. `report(destination, reason, why)` hears
    refusals."""

    def __init__(
        self,
        machine: MachineRef,
        policy: EgressPolicy,
        *,
        settings: EgressSettings,
        dialler: Dialler,
        report: Callable[[str, str, Refusal], None],
    ) -> None:
        self.machine, self.policy = machine, policy
        self.traffic = Traffic(policy.bytes_per_s)
        self._settings, self._dialler, self._report = settings, dialler, report
        self._idle_s = settings.idle_timeout_s
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()
        self._accepted = 0
        self._lookups = Lookups()
        self._begun = Bucket(policy.connections_per_s, policy.connections_per_s * BURST_S)

    async def start(self, listener: socket.socket) -> None:
        """Begin to accept; the listener is ours from now on."""
        self._server = await asyncio.start_server(
            self._serve, sock=listener, limit=MOST_HEAD_BYTES
        )

    def close(self) -> None:
        """Close the listener and every connection, both ends."""
        if self._server:
            self._server.close()
        for writer in tuple(self._open):
            writer.transport.abort()
        log.info(
            "proxy of %s closed: %d bytes up, %d down",
            self.machine,
            self.traffic.up.bytes,
            self.traffic.down.bytes,
        )

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if not self._may_begin():
            writer.transport.abort()
            return
        self._accepted += 1
        try:
            with self._held(writer):
                await self._answer(reader, writer)
        except (OSError, asyncio.IncompleteReadError, TimeoutError) as error:
            log.debug("a connection of %s broke: %r", self.machine, error)
        finally:
            self._accepted -= 1

    def _may_begin(self) -> bool:
        """Whether one more connection is within the machine's limits; if not, it is reported."""
        # The machine's ends: those that are not connected any further yet count as well.
        if self._accepted >= self.policy.max_connections:
            text = f"more than {self.policy.max_connections} connections at once"
            self._report("", text, "connections")
            return False
        if not self._begun.take(asyncio.get_running_loop().time()):
            text = f"more than {self.policy.connections_per_s} new connections a second"
            self._report("", text, "rate")
            return False
        return True

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        wanted = ""
        try:
            async with asyncio.timeout(self._settings.header_timeout_s):
                head = await read_head(reader)
            request = parse_request(head)
            wanted = request.authority
            destination = parse_destination(wanted, None if not request.path else 80)
            await self._pass_on(request, destination, reader, writer)
        except EgressDenied as error:
            self._report(wanted, str(error), error.why)
            await _say(writer, 403, f"Fanlight refused this address: {wanted}: {error}.")
        except Unreachable as error:
            await _say(writer, 502, f"Fanlight could not reach {wanted}: {error}.")
        except BadHead as error:
            await _say(writer, 400, f"Fanlight cannot pass this request on: {error}.")
        except TimeoutError:
            await _say(writer, 408, "Fanlight waited too long for this request.")

    async def _pass_on(
        self,
        request: Request,
        destination: Destination,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        connected = await self._dialler.connect(self.policy, destination, self._lookups)
        with self._held(connected.writer):
            far = (connected.reader, connected.writer)
            if request.path:
                await forward(request, connected, (reader, writer), self._idle_s, self.traffic)
                return
            await self._ask_upstream(connected, destination)
            writer.write(ESTABLISHED)
            await relay((reader, writer), far, idle_s=self._idle_s, traffic=self.traffic)

    async def _ask_upstream(self, connected: Connected, destination: Destination) -> None:
        """Have the upstream proxy, if there is one, make the tunnel."""
        if connected.via is None:
            return
        target = str(destination).encode()
        lines = [b"CONNECT " + target + b" HTTP/1.1", b"Host: " + target]
        if connected.via.authorization:
            lines.append(b"Proxy-Authorization: " + connected.via.authorization)
        connected.writer.write(b"\r\n".join([*lines, b"", b""]))
        try:
            async with asyncio.timeout(self._settings.header_timeout_s):
                answer = parse_response(await read_head(connected.reader))
        except (BadHead, TimeoutError, OSError, asyncio.IncompleteReadError):
            raise Unreachable("the upstream proxy did not answer") from None
        if not 200 <= answer.status < 300:
            raise Unreachable(f"the upstream proxy answered {answer.status}")

    @contextlib.contextmanager
    def _held(self, writer: asyncio.StreamWriter) -> Iterator[None]:
        """Count a connection's end, and close it when done."""
        self._open.add(writer)
        try:
            yield
        finally:
            self._open.discard(writer)
            writer.close()


async def _say(writer: asyncio.StreamWriter, status: int, text: str) -> None:
    """Answer with a page of plain text. What came from the machine is shown as text only."""
    body = "".join(each if each.isprintable() else "?" for each in text)[:600].encode() + b"\n"
    head = (
        f"HTTP/1.1 {status} {REASONS[status]}\r\n"
        "Content-Type: text/plain; charset=utf-8\r\n"
        "X-Content-Type-Options: nosniff\r\n"
        "Cache-Control: no-store\r\n"
        f"Content-Length: {len(body)}\r\n"
        "Connection: close\r\n\r\n"
    )
    with contextlib.suppress(OSError):
        writer.write(head.encode() + body)
        await writer.drain()
