"""Asks a TURN server for an allocation as a viewer's browser does, and gives it back."""

from __future__ import annotations

import contextlib
import os
import socket
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Literal

from fanlight.errors import PeerError, WireError
from fanlight.wire import stun
from fanlight.wire.stun import Endpoint, LongTermCredential, StunMessage

Transport = Literal["udp", "tcp", "tls"]
TRIES, FIRST_WAIT_S = 4, 0.4
"""UDP: sent again after 0.4, 0.8 and 1.6 s, given up after 3.2 s more: 6 s in all."""
STREAM_TIMEOUT_S = 5.0


class TurnRefused(PeerError):
    """The TURN server answered with an error."""

    code = "turn-refused"
    title = "The TURN server refused us"
    hint = "Compare turn_secret_file with the server's static-auth-secret, and the clocks."

    def __init__(self, number: int, phrase: str) -> None:
        super().__init__(f"the TURN server answered {number}: {phrase or 'no reason given'}")
        self.number = number


@dataclass(frozen=True, slots=True)
class TurnServer:
    """Where a TURN server is, and how it is spoken to."""

    host: str
    port: int
    transport: Transport


class Allocation:
    """An allocation, held until the block is left.

    Args:
        tls: what certificates are trusted, for `tls`.

    Raises (on entering):
        TurnRefused: the server answered with an error: 401 for the credentials, 486 for a quota.
        OSError: nobody answers (`TimeoutError` among them), or TLS fails.
        WireError: what answers is no TURN server.
    """

    def __init__(
        self,
        server: TurnServer,
        username: str,
        password: str,
        *,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._server, self._user = server, (username, password)
        self._tls = tls or ssl.create_default_context()
        self.relayed: Endpoint | None = None
        """The address that the server relays from."""

    def __enter__(self) -> Allocation:
        self._socket = _connected(self._server, self._tls)
        try:
            self._allocate()
        except BaseException:
            self._socket.close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with self._socket, contextlib.suppress(OSError, PeerError):
            self._ask(stun.REFRESH, ((stun.LIFETIME, bytes(4)),), self._credential)

    def permit(self, peer: Endpoint) -> None:
        """Ask to be relayed to `peer`.

        Raises:
            TurnRefused: 403 for a peer that nobody may be relayed to.
            OSError, WireError: as on entering.
        """
        transaction = os.urandom(12)
        value = stun.xor_endpoint(peer, transaction)
        self._ask(
            stun.CREATE_PERMISSION,
            ((stun.XOR_PEER_ADDRESS, value),),
            self._credential,
            transaction=transaction,
        )

    def _allocate(self) -> None:
        wanted = ((stun.REQUESTED_TRANSPORT, stun.UDP),)
        first = self._exchange(StunMessage(stun.ALLOCATE, "request", os.urandom(12), wanted), None)
        realm, nonce = first.attribute(stun.REALM), first.attribute(stun.NONCE)
        if first.error[0] != 401 or realm is None or nonce is None:
            raise WireError("what answers there wants no credentials, or is no TURN server")
        name, password = self._user
        self._credential = LongTermCredential(
            name, password, realm.decode(errors="replace"), nonce
        )
        answer = self._ask(stun.ALLOCATE, wanted, self._credential)
        self.relayed = answer.endpoint(stun.XOR_RELAYED_ADDRESS)

    def _ask(
        self,
        method: int,
        attributes: tuple[tuple[int, bytes], ...],
        credential: LongTermCredential,
        *,
        transaction: bytes = b"",
    ) -> StunMessage:
        request = StunMessage(method, "request", transaction or os.urandom(12), attributes)
        answer = self._exchange(request, credential)
        if answer.kind != "success":
            number, phrase = answer.error
            raise TurnRefused(number, phrase.rstrip("\0"))
        return answer

    def _exchange(
        self, request: StunMessage, credential: LongTermCredential | None
    ) -> StunMessage:
        data = stun.encode_stun(request, credential)
        for wait_s in self._waits_s():
            self._socket.settimeout(wait_s)
            self._socket.send(data)
            try:
                while (answer := self._receive()).transaction != request.transaction:
                    pass
            except TimeoutError:
                continue
            return answer
        raise TimeoutError("the TURN server does not answer")

    def _waits_s(self) -> Iterator[float]:
        if self._server.transport != "udp":
            yield STREAM_TIMEOUT_S
            return
        for attempt in range(TRIES):
            yield FIRST_WAIT_S * 2**attempt

    def _receive(self) -> StunMessage:
        if self._server.transport == "udp":
            return stun.decode_stun(self._socket.recv(stun.LARGEST_BYTES))
        header = self._read(stun.HEADER_BYTES)
        return stun.decode_stun(header + self._read(stun.body_length(header)))

    def _read(self, count: int) -> bytes:
        data = b""
        while len(data) < count:
            if not (part := self._socket.recv(count - len(data))):
                raise ConnectionResetError("the TURN server hung up")
            data += part
        return data


def _connected(server: TurnServer, tls: ssl.SSLContext) -> socket.socket:
    host = server.host.strip("[]")
    if server.transport == "udp":
        family, _, _, _, address = socket.getaddrinfo(
            host, server.port, type=socket.SOCK_DGRAM
        )[0]  # fmt: skip
        datagrams = socket.socket(family, socket.SOCK_DGRAM)
        datagrams.connect(address)
        return datagrams
    stream = socket.create_connection((host, server.port), timeout=STREAM_TIMEOUT_S)
    if server.transport == "tcp":
        return stream
    try:
        return tls.wrap_socket(stream, server_hostname=host)
    except OSError:
        stream.close()
        raise
