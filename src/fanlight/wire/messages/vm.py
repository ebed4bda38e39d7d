"""A virtual machine's process 1 and what runs beside it on the host, over their one stream."""

from __future__ import annotations

from dataclasses import dataclass

from .naming import named


@named("vm.settled")
@dataclass(frozen=True, slots=True)
class VmSettled:
    """guest -> host: the desktop is up and quiet; this is the moment for a snapshot."""


@named("vm.identify")
@dataclass(frozen=True, slots=True)
class IdentifyVm:
    """host -> guest, first after every start, restore or resume: what no two machines share.

    Answered by `vm.identified` once all of it holds; nobody is let in before.
    """

    nonce: str
    """Said again in the answer: an older answer is not taken for this one's."""
    hostname: str
    machine_id: str
    """32 hex digits (machine-id(5))."""
    mac: str
    """Six hex octets with colons, locally administered."""
    seed_b64: str
    """Entropy for RNDADDENTROPY, followed by RNDRESEEDCRNG (random(4))."""
    time_s: float
    """Seconds since the epoch."""


@named("vm.identified")
@dataclass(frozen=True, slots=True)
class VmIdentified:
    """guest -> host: clock, host name, machine id, MAC and entropy are as they were told.

    And at the first identity after a snapshot: the browser that came up before it is gone, with
    the random numbers it had.
    """

    nonce: str


@named("vm.failed")
@dataclass(frozen=True, slots=True)
class VmFailed:
    """guest -> host: process 1 cannot go on, and why."""

    detail: str
