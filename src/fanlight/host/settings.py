"""What a keeper is told when it is started, and how it travels: as JSON through a descriptor.

Not as arguments: an upstream proxy's address may hold a password, and arguments are public.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class EgressSettings:
    """What holds for every machine's way to the internet; a machine's own policy comes later."""

    upstream_proxy: str = ""
    """http://[user:password@]host:port of the proxy that this host itself must use, or nothing."""
    refused_networks: tuple[str, ...] = ()
    """Further networks (CIDR) that no machine may reach: the host's public address behind NAT."""
    connect_timeout_s: float = 10.0
    header_timeout_s: float = 15.0
    """A request's head must be there in this time."""
    idle_timeout_s: float = 600.0
    """A connection on which nothing moves either way is closed after this."""


@dataclass(frozen=True, slots=True)
class TurnSettings:
    """What the TURN server is run with. Addresses are IP addresses, written out."""

    port: int
    """UDP and TCP port."""
    tls_port: int
    """TCP port for TLS, when there is a certificate."""
    realm: str
    gateway: tuple[str, ...]
    """Addresses of this host on which the media gateway stands: relayed from, and to, there."""
    announced: tuple[str, ...] = ()
    """Addresses that the gateway announces, those of a NAT in front of this host among them."""
    listen: tuple[str, ...] = ()
    """Addresses to listen on. None: every address of this host."""
    certificate: Path | None = None
    key: Path | None = None
    bytes_per_s: int = 2_000_000
    """What one allocation may carry, each way."""
    command: tuple[str, ...] = ("turnserver",)


@dataclass(frozen=True, slots=True)
class KeeperSettings:
    """One keeper's settings. `data` is absolute."""

    data: Path
    idle_s: float = 600.0
    """Left without any controller for so long, the keeper ends everything."""
    boot_timeout_s: float = 10.0
    """A machine hands its descriptors over in this time, or is refused."""
    sweep_s: float = 15.0
    """So often it looks for what belongs to no machine; what it sees twice, it removes."""
    gateway_uid: int = 199_998
    """The media gateway's uid when the keeper is root; the egress proxy's is the next."""
    gateway_command: tuple[str, ...] = ()
    """Instead of gateway.pyz; `--listen-fd N` and `gateway_arguments` are added."""
    gateway_arguments: tuple[str, ...] = ()
    egress: EgressSettings = dataclasses.field(default_factory=EgressSettings)
    turn: TurnSettings | None = None
    """None: no TURN server is run."""

    @property
    def turn_uid(self) -> int:
        """The TURN server's uid when the keeper is root."""
        return self.gateway_uid - 1

    @property
    def egress_uid(self) -> int:
        """The egress proxy's uid when the keeper is root."""
        return self.gateway_uid + 1


def to_json(settings: KeeperSettings | EgressSettings) -> bytes:
    """Give the settings as JSON, to be read by `keeper_from_json` or `egress_from_json`."""
    return json.dumps(dataclasses.asdict(settings), default=os.fspath).encode()


def mark_of(settings: KeeperSettings) -> str:
    """Give a mark by which a controller knows settings again; it tells nothing of them."""
    return hashlib.sha256(to_json(settings)).hexdigest()[:16]


def keeper_from_json(text: bytes) -> KeeperSettings:
    """Read what `to_json` wrote; it comes from our own process, not from a peer."""
    fields: dict[str, Any] = json.loads(text)
    egress, turn = _egress(fields.pop("egress")), _turn(fields.pop("turn"))
    for name in ("gateway_command", "gateway_arguments"):
        fields[name] = tuple(fields[name])
    return KeeperSettings(
        **(fields | {"data": Path(fields["data"]), "egress": egress, "turn": turn})
    )


def egress_from_json(text: bytes) -> EgressSettings:
    """Read what `to_json` wrote."""
    return _egress(json.loads(text))


def _egress(fields: dict[str, Any]) -> EgressSettings:
    return EgressSettings(**(fields | {"refused_networks": tuple(fields["refused_networks"])}))


def _turn(fields: dict[str, Any] | None) -> TurnSettings | None:
    if fields is None:
        return None
    for name in ("gateway", "announced", "listen", "command"):
        fields[name] = tuple(fields[name])
    for name in ("certificate", "key"):
        fields[name] = Path(fields[name]) if fields[name] else None
    return TurnSettings(**fields)


def descriptor_with(text: bytes) -> int:
    """Give a descriptor from which `text` can be read once; it is the caller's to close."""
    descriptor = os.memfd_create("fanlight", os.MFD_CLOEXEC)
    os.write(descriptor, text)
    os.lseek(descriptor, 0, os.SEEK_SET)
    return descriptor


def read_descriptor(descriptor: int) -> bytes:
    """Read all of a descriptor and close it."""
    with open(descriptor, "rb") as file:
        return file.read()
