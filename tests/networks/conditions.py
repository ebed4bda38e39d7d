"""What a network does to packets, and the same as JSON for the emulator's control. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from .packets import TCP, UDP, Kind


@dataclass(frozen=True, slots=True)
class Direction:
    """One way through the network."""

    delay_ms: float = 0.0
    jitter_ms: float = 0.0
    """Evenly spread around the delay, to either side. It does not change the order of packets."""
    loss: float = 0.0
    """Share of the packets that is lost at random, 0 to 1."""
    loss_burst: float = 1.0
    """How many packets are lost in a row, on average (a Gilbert model when more than 1)."""
    reorder: float = 0.0
    """Share of the packets that is held back, so that later ones overtake."""
    reorder_ms: float = 20.0
    """How long such a packet is held back."""
    rate_kbps: float | None = None
    """Bandwidth in kilobits a second; None: as much as comes."""
    queue_bytes: int = 60_000
    """What may wait for the bandwidth; more is dropped at the tail."""

    def __post_init__(self) -> None:
        """Refuse what no network does.

        Raises:
            ValueError: a share outside 0 to 1, a negative time, or no bandwidth at all.
        """
        if not (0 <= self.loss <= 1 and 0 <= self.reorder <= 1 and self.loss_burst >= 1):
            raise ValueError("loss and reorder are shares from 0 to 1, loss_burst at least 1")
        if min(self.delay_ms, self.jitter_ms, self.reorder_ms, self.queue_bytes) < 0:
            raise ValueError("times and sizes are not negative")
        if self.rate_kbps is not None and self.rate_kbps <= 0:
            raise ValueError("rate_kbps is more than 0; an outage is `outage`")


@dataclass(frozen=True, slots=True)
class Filter:
    """What a firewall lets through, both ways. It drops silently, as firewalls do."""

    udp: bool = True
    tcp: bool = True
    only_tcp_ports: tuple[int, ...] | None = None
    """Of TCP, only connections to these ports of the host's side."""
    blocked_ports: tuple[int, ...] = ()
    """Ports of the host's side that nothing reaches, whatever the protocol."""

    def takes(self, kind: Kind, host_port: int | None) -> bool:
        """Whether a packet goes through; `host_port` is the port on the host's side."""
        if host_port in self.blocked_ports:
            return False
        if kind.protocol == UDP:
            return self.udp
        if kind.protocol != TCP:
            return True
        allowed = self.only_tcp_ports
        return self.tcp and (allowed is None or host_port is None or host_port in allowed)


@dataclass(frozen=True, slots=True)
class Conditions:
    """A whole network between viewer and host."""

    up: Direction = Direction()
    """From the viewer to the host."""
    down: Direction = Direction()
    """From the host to the viewer."""
    filter: Filter = field(default_factory=Filter)
    outage: bool = False
    """Nothing gets through, either way."""

    def to_json(self) -> dict[str, Any]:
        """Give it as the emulator's control takes it."""
        return asdict(self)


CLEAN = Conditions()
NO_UDP = Conditions(filter=Filter(udp=False))
OUTAGE = Conditions(outage=True)
EVERYTHING_BLOCKED = Conditions(filter=Filter(udp=False, tcp=False))


def both(**figures: Any) -> Conditions:
    """Give conditions that are the same in both directions; arguments are `Direction`'s."""
    return Conditions(up=Direction(**figures), down=Direction(**figures))


def from_json(told: Mapping[str, Any]) -> Conditions:
    """Read what `to_json` gave.

    Raises:
        TypeError: an unknown field.
        ValueError: a figure that no network has.
    """
    told = dict(told)
    rules = dict(told.pop("filter", {}))
    for name in ("only_tcp_ports", "blocked_ports"):
        if rules.get(name) is not None:
            rules[name] = tuple(rules[name])
    return Conditions(
        up=Direction(**told.pop("up", {})),
        down=Direction(**told.pop("down", {})),
        filter=Filter(**rules),
        **told,
    )
