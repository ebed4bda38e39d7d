"""A stream socket that carries messages with descriptors along (unix(7), SCM_RIGHTS).

Used by the keeper towards gateway and egress proxy, and by the proxy. The kernel never glues data
across descriptors, so descriptors arrive in the order of the messages that name them.
"""

from __future__ import annotations

import array
import os
import socket
from collections import deque
from collections.abc import AsyncIterator, Sequence

from fanlight.errors import PeerError
from fanlight.wire import Decoder, Message, encode

from .processes import readable

READ_BYTES, MOST_DESCRIPTORS = 65_536, 16


class Channel:
    """One end. Reads in one task at most."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._decoder = Decoder()
        self.descriptors: deque[int] = deque()
        """Received and not yet taken; whoever takes one owns it."""
        sock.setblocking(False)

    def send(self, message: Message, descriptors: Sequence[int] = ()) -> None:
        """Send one message; it is small, so it goes whole or the other side is stuck.

        Raises:
            PeerError: the other side is gone, or has not read for long.
        """
        line = encode(message)
        try:
            if socket.send_fds(self._sock, [line], list(descriptors)) != len(line):
                raise PeerError("the other side does not read")
        except OSError as error:
            raise PeerError(f"the other side is gone: {error.strerror}") from None

    async def messages(self) -> AsyncIterator[Message]:
        """Yield messages until the other side closes.

        Raises:
            WireError: what came is no message.
        """
        while True:
            await readable(self._sock.fileno())
            data = self._receive()
            if data == b"":
                return
            for message in self._decoder.feed(data or b""):
                yield message

    def close(self) -> None:
        """Close the socket and what was not taken."""
        self._sock.close()
        while self.descriptors:
            os.close(self.descriptors.popleft())

    def _receive(self) -> bytes | None:
        room = socket.CMSG_SPACE(MOST_DESCRIPTORS * array.array("i").itemsize)
        try:
            data, ancillary, _, _ = self._sock.recvmsg(READ_BYTES, room, socket.MSG_CMSG_CLOEXEC)
        except BlockingIOError:
            return None
        except OSError:
            return b""
        for level, kind, body in ancillary:
            if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
                self.descriptors.extend(array.array("i", body))
        return data
