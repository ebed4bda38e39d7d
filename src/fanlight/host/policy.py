"""Where one machine may go: names, ports, pins. Pure; addresses are judged in addresses.py."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass

from fanlight.errors import FanlightError
from fanlight.wire import EgressPolicy, Refusal

from .addresses import Address

NAME = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)(\.(?!-)[a-z0-9_-]{1,63}(?<!-))*", re.ASCII)
NUMERIC = re.compile(r"[0-9]+|0x[0-9a-f]*", re.ASCII)
LOCAL_SUFFIXES = (
    "localhost",
    "local",
    "localdomain",
    "internal",
    "intranet",
    "lan",
    "home",
    "corp",
    "arpa",
    "onion",
    "invalid",
    "test",
)
"""Names that never mean a public address (RFC 6761, 6762, 8375, 9476), or must not here."""


class EgressDenied(FanlightError):
    """A machine wanted to go where it must not. The message says why, to the machine's user."""

    code = "egress-denied"
    title = "Fanlight refused this address"
    status = 403

    def __init__(self, message: str, why: Refusal) -> None:
        super().__init__(message)
        self.why: Refusal = why


@dataclass(frozen=True, slots=True)
class Destination:
    """What was asked for: a host, as text or address, and a port."""

    host: str
    port: int
    address: Address | None = None

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


def parse_destination(authority: str, default_port: int | None = None) -> Destination:
    """Read `host:port` as in RFC 9112 section 3.2.3.

    Raises:
        EgressDenied: it is none, or a spelling of an address that hides which one it is.
    """
    match = re.fullmatch(r"(\[[0-9A-Fa-f:.]+\]|[^\[\]:@/?#\s]+)(?::([0-9]{1,5}))?", authority)
    if match is None:
        raise EgressDenied("it is not a host and a port", "unreadable")
    port = int(match[2]) if match[2] else default_port
    if port is None or not 0 < port < 65_536:
        raise EgressDenied("it has no port that can be", "unreadable")
    host = match[1].strip("[]").lower().removesuffix(".")
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        address = None
    if address is None and not is_name(host):
        text = "its host is neither a name nor an address in its usual form"
        raise EgressDenied(text, "unreadable")
    return Destination(host, port, address)


def is_name(host: str) -> bool:
    """Whether `host` is a name. What ends in a number is an address in some spelling (WHATWG)."""
    return (
        len(host) <= 253
        and NAME.fullmatch(host) is not None
        and NUMERIC.fullmatch(host.rpartition(".")[2]) is None
    )


def pin_of(policy: EgressPolicy, destination: Destination) -> tuple[str, int] | None:
    """Give the address that the operator pinned a name to, or None. `none` has no pins either."""
    pinned = None if policy.mode == "none" else policy.pins.get(str(destination))
    if pinned is None:
        return None
    host, _, port = pinned.rpartition(":")
    return host.strip("[]"), int(port)


def check_policy(policy: EgressPolicy, destination: Destination) -> None:
    """Let a destination pass that has no pin, as far as its name and port go.

    Raises:
        EgressDenied: it may not be reached.
    """
    if policy.mode == "none":
        raise EgressDenied("this machine may not reach the internet", "no-internet")
    if policy.ports and destination.port not in policy.ports:
        raise EgressDenied(f"port {destination.port} is not open to machines", "port")
    if policy.mode == "listed" and not _is_listed(policy, destination.host):
        raise EgressDenied("it is not on this machine's list", "not-listed")
    if destination.address is None and _is_local(destination.host):
        raise EgressDenied("it is a name for something local", "local-name")


def _is_listed(policy: EgressPolicy, host: str) -> bool:
    return any(
        host == each or host.endswith("." + each) for each in map(str.lower, policy.domains)
    )


def _is_local(host: str) -> bool:
    return "." not in host or host.rpartition(".")[2] in LOCAL_SUFFIXES
