"""Networks to choose from: who stands where, and by which address a viewer reaches the host.

    direct()        viewer -- emulator -- host
    direct(6)       the same by IPv6 alone
    behind_nats()   viewer -- router -- emulator -- router -- host, both routers with NAT

Each is a context manager. `Network.set` changes the conditions while it runs. A TURN server can
stand on the host's side at an address of its own (`turn_address`), where it may have any port.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass

from .conditions import Conditions
from .emulation import Emulator
from .namespaces import Namespace

HTTPS_PORT = 443
UDP_PORTS = (40000, 40099)
"""The media ports that the host's router forwards."""


@dataclass(frozen=True, slots=True)
class Network:
    """A viewer's place, a host's place and what lies between."""

    viewer: Namespace
    host: Namespace
    emulator: Emulator
    host_address: str
    """The address to listen on, as the host knows itself."""
    public_address: str
    """The address by which viewers reach the host: a router's where there is one."""
    turn_address: str
    """A further address on the host's side, for a TURN server in the host's namespace; "" where
    there is none."""
    viewer_network: str
    """What the gateway sees viewers come from (CIDR)."""

    def set(self, conditions: Conditions) -> None:
        """From now on the network is like this."""
        self.emulator.set(conditions)


@contextlib.contextmanager
def direct(version: int = 4, *, seed: int = 1) -> Iterator[Network]:
    """Give a viewer and a host with nothing but the emulator between them, by IPv4 or IPv6."""
    if version == 4:
        viewer_address, host_address, turn_address = "10.90.1.2", "10.90.2.2", "10.90.2.3"
        bits, viewer_network, everything = "32", "10.90.1.0/24", "0.0.0.0/0"
    else:
        viewer_address, host_address, turn_address = (
            "2001:db8:1::2",
            "2001:db8:2::2",
            "2001:db8:2::3",
        )
        bits, viewer_network, everything = "128", "2001:db8:1::/64", "::/0"
    with Namespace() as viewer, Namespace() as host, Emulator(viewer, host, seed=seed) as emulator:
        viewer.address("tun0", f"{viewer_address}/{bits}")
        host.address("tun0", f"{host_address}/{bits}", f"{turn_address}/{bits}")
        for end, address in ((viewer, viewer_address), (host, host_address)):
            end.route(everything, "dev", "tun0", "src", address)
        _plug_in(viewer)
        yield Network(
            viewer, host, emulator, host_address, host_address, turn_address, viewer_network
        )


@contextlib.contextmanager
def behind_nats(*, seed: int = 1) -> Iterator[Network]:
    """Give a viewer and a host in private networks, each behind a router that translates.

    The host's router forwards the HTTPS port and `UDP_PORTS`; the viewer's takes a random port for
    every connection, so that nobody outside can guess one.
    """
    outside_viewer, outside_host = "198.51.100.7", "203.0.113.9"
    with contextlib.ExitStack() as stack:
        viewer, viewer_router, host_router, host = (
            stack.enter_context(Namespace()) for _ in range(4)
        )
        emulator = stack.enter_context(Emulator(viewer_router, host_router, seed=seed))
        _private_side(viewer, viewer_router, "192.168.7", outside_viewer, "masquerade random")
        _private_side(host, host_router, "10.77.0", outside_host, "masquerade")
        first, last = UDP_PORTS
        _nft(
            host_router,
            "add chain ip nat in { type nat hook prerouting priority -100; }",
            f"add rule ip nat in iifname tun0 tcp dport {HTTPS_PORT} dnat to 10.77.0.2",
            f"add rule ip nat in iifname tun0 udp dport {first}-{last} dnat to 10.77.0.2",
            f"add rule ip nat in iifname tun0 tcp dport {first}-{last} dnat to 10.77.0.2",
        )
        yield Network(
            viewer, host, emulator, "10.77.0.2", outside_host, "", f"{outside_viewer}/32"
        )


def _plug_in(viewer: Namespace) -> None:
    """Give a viewer a network card besides the tunnel: it leads nowhere, but Chromium looks at it.

    Tunnels do not count when Chromium asks whether the computer is online. And without any IPv4
    address its mDNS does not start ("MDNS bind failed", net/dns/mdns_client.cc); as it hides the
    addresses of host candidates behind mDNS names, it then gathers none. So the card has the
    address that a computer takes to which nobody gives one (RFC 3927).
    """
    viewer.join(viewer, "eth0", "nowhere")
    viewer.address("eth0", "169.254.7.7/16")


def _private_side(
    end: Namespace, router: Namespace, prefix: str, outside: str, translate: str
) -> None:
    """Put an end into a private network behind a router, whose TUN device leads outside."""
    router.join(end, "inside", "eth0")
    router.address("inside", f"{prefix}.1/24")
    end.address("eth0", f"{prefix}.2/24")
    end.route("default", "via", f"{prefix}.1")
    router.address("tun0", f"{outside}/32")
    router.route("0.0.0.0/0", "dev", "tun0", "src", outside)
    router.forward()
    _nft(
        router,
        "add table ip nat",
        "add chain ip nat out { type nat hook postrouting priority 100; }",
        f"add rule ip nat out oifname tun0 {translate}",
        # What nobody inside asked for does not come in, except what is forwarded.
        "add chain ip nat through { type filter hook forward priority 0; policy drop; }",
        "add rule ip nat through ct state established,related accept",
        "add rule ip nat through iifname inside accept",
        "add rule ip nat through ct status dnat accept",
    )


def _nft(router: Namespace, *rules: str) -> None:
    router.run("nft", "-f", "-", stdin="".join(f"{rule}\n" for rule in rules))
