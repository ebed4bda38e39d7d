"""Plain sockets at both ends of a network, to measure what it does."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

from .namespaces import Namespace
from .topology import Network

UDP_PORT = 9000
SO_SNDBUFFORCE, SO_RCVBUFFORCE = 32, 33
"""Linux's numbers, which Python does not name: buffers beyond what an ordinary user may have."""
SOCKET_BYTES = 4 << 20
PATIENCE_S = 10.0
_HEADER = 4


@dataclass
class Arrivals:
    """Datagrams as they arrived: their numbers and when."""

    numbers: list[int] = field(default_factory=list)
    times: list[float] = field(default_factory=list)

    @property
    def overtaken(self) -> int:
        """How many arrived after one that was sent later."""
        newest, late = -1, 0
        for number in self.numbers:
            late += number < newest
            newest = max(newest, number)
        return late

    @property
    def seconds(self) -> float:
        """From the first arrival to the last."""
        return self.times[-1] - self.times[0]


def _family(address: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def udp_socket(namespace: Namespace, address: str, port: int = 0) -> socket.socket:
    """Give a datagram socket in a namespace, with room for a burst."""

    def made() -> socket.socket:
        opened = socket.socket(_family(address), socket.SOCK_DGRAM)
        for option in (SO_SNDBUFFORCE, SO_RCVBUFFORCE):
            opened.setsockopt(socket.SOL_SOCKET, option, SOCKET_BYTES)
        opened.bind((address, port))
        opened.settimeout(PATIENCE_S)
        return opened

    return namespace.call(made)


def send_datagrams(
    network: Network, count: int, *, size: int = 500, every_s: float = 0.0, quiet_s: float = 0.5
) -> Arrivals:
    """Send numbered datagrams from the viewer to the host and give what arrived.

    Args:
        size: bytes of an IPv4 packet, headers included.
        quiet_s: for how long none must come before it is taken that no more will.
    """
    arrivals = Arrivals()
    anywhere = "::" if ":" in network.host_address else "0.0.0.0"
    with (
        udp_socket(network.host, network.host_address, UDP_PORT) as receiver,
        udp_socket(network.viewer, anywhere) as sender,
    ):
        receiver.settimeout(quiet_s)

        def receive() -> None:
            with contextlib.suppress(TimeoutError):
                while True:
                    datagram = receiver.recv(2048)
                    arrivals.times.append(time.monotonic())
                    arrivals.numbers.append(int.from_bytes(datagram[:_HEADER], "big"))

        thread = threading.Thread(target=receive)
        thread.start()
        due = time.monotonic()
        for number in range(count):
            payload = number.to_bytes(_HEADER, "big").ljust(size - 28, b"\0")
            sender.sendto(payload, (network.public_address, UDP_PORT))
            due += every_s
            time.sleep(max(0.0, due - time.monotonic()))
        thread.join()
    return arrivals


def round_trips(network: Network, count: int) -> list[float]:
    """Give the seconds that datagrams took to the host and back, one after the other."""
    with (
        udp_socket(network.host, network.host_address, UDP_PORT) as echo,
        udp_socket(network.viewer, "::" if ":" in network.host_address else "0.0.0.0") as sender,
    ):

        def answer() -> None:
            for _ in range(count):
                datagram, sender_address = echo.recvfrom(2048)
                echo.sendto(datagram, sender_address)

        thread = threading.Thread(target=answer)
        thread.start()
        times = []
        for _ in range(count):
            since = time.monotonic()
            sender.sendto(b"x", (network.public_address, UDP_PORT))
            sender.recv(2048)
            times.append(time.monotonic() - since)
        thread.join()
    return times


@contextlib.contextmanager
def listening(network: Network, port: int) -> Iterator[socket.socket]:
    """Give a TCP listener on the host."""
    where = (network.host_address, port)
    family = _family(network.host_address)
    with network.host.call(lambda: socket.create_server(where, family=family)) as listener:
        listener.settimeout(PATIENCE_S)
        yield listener


def can_connect(network: Network, port: int, timeout_s: float = 0.5) -> bool:
    """Whether a TCP connection from the viewer comes up in time."""
    where = (network.public_address, port)
    try:
        network.viewer.call(lambda: socket.create_connection(where, timeout_s)).close()
    except OSError:
        return False
    return True
