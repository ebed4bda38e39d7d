"""The conditions, row by row: which network, what it does and when, and who stands in it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from tests.networks import CLEAN, Conditions, Filter, both
from tests.networks.conditions import EVERYTHING_BLOCKED, NO_UDP, OUTAGE

Place = Literal["direct", "turn", "ipv6", "nats"]
"""Which network and server: straight; straight with a TURN server; IPv6; NAT on both sides."""

MBIT_10 = both(rate_kbps=10_000, delay_ms=10, queue_bytes=125_000)
MBIT_1 = both(rate_kbps=1_000, delay_ms=10, queue_bytes=25_000)


@dataclass(frozen=True, slots=True)
class Scenario:
    """One row. `text` says exactly what the name means."""

    name: str
    text: str
    place: Place = "direct"
    conditions: Conditions = CLEAN
    steps: tuple[Conditions, ...] = ()
    """The measured time is cut into as many parts, each with its own conditions."""
    outage_s: float = 0.0
    """A cut in the middle, after which the recovery is timed."""
    is_hopeless: bool = False
    """No rung can work: how fast is the cause named?"""
    server_gone: bool = False


SCENARIOS = (
    Scenario("clean", "no delay, no loss, no limit but this computer's"),
    Scenario("50 ms", "50 ms each way", conditions=both(delay_ms=50)),
    Scenario("2 % loss", "2 % of the packets lost each way, 10 ms each way",
             conditions=both(loss=0.02, delay_ms=10)),
    Scenario("10 % loss", "10 % of the packets lost each way, 10 ms each way",
             conditions=both(loss=0.10, delay_ms=10)),
    Scenario("1 Mbit/s", "1 Mbit/s and 10 ms each way, 25 kB of queue (0.2 s)", conditions=MBIT_1),
    Scenario("10-1-10 Mbit/s", "10, then 1, then 10 Mbit/s, a third of the time each, 10 ms",
             conditions=MBIT_10, steps=(MBIT_10, MBIT_1, MBIT_10)),
    Scenario("no UDP, TURN", "every UDP packet dropped; a TURN server speaks TCP",
             place="turn", conditions=NO_UDP),
    Scenario("no UDP", "every UDP packet dropped; no TURN server", conditions=NO_UDP),
    Scenario("one TCP port", "nothing but TCP port 443",
             conditions=Conditions(filter=Filter(udp=False, only_tcp_ports=(443,)))),
    Scenario("NAT both sides", "viewer and host each behind a router that translates",
             place="nats"),
    Scenario("IPv6 only", "no IPv4 route at either end", place="ipv6"),
    Scenario("1 s outage", "nothing passes for 1 s, then everything again", outage_s=1.0),
    Scenario("10 s outage", "nothing passes for 10 s, then everything again", outage_s=10.0),
    Scenario("60 s outage", "nothing passes for 60 s, then everything again", outage_s=60.0),
    Scenario("everything blocked", "the page is loaded, then neither UDP nor TCP passes",
             conditions=EVERYTHING_BLOCKED, is_hopeless=True),
    Scenario("server gone", "the page is loaded, then the server is killed", is_hopeless=True,
             server_gone=True),
)  # fmt: skip
OUTAGE_CONDITIONS = OUTAGE
