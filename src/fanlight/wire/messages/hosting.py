"""The keeper, with the controller, the gateway and the egress proxy."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from fanlight.wire.ids import MachineRef, SessionId

from .naming import named

# --- keeper -> gateway, and keeper <-> egress ---------------------------------------------------


@named("session.attach")
@dataclass(frozen=True, slots=True)
class AttachMachine:
    """A machine's media sockets for a session. Descriptors along: RTP, RTCP, control.

    An empty `session`: it waits for one. It is shown to nobody, but its picture is kept.
    """

    session: SessionId
    machine: MachineRef
    waited_as: MachineRef | None = None
    """What it was called while it waited, if it did."""


@named("session.detach")
@dataclass(frozen=True, slots=True)
class DetachMachine:
    """The machine is gone; viewers stay and see the next one's picture."""

    session: SessionId
    machine: MachineRef


@dataclass(frozen=True, slots=True)
class EgressPolicy:
    """Where a machine may go. `pins`: names ("host:port") and the address they mean instead."""

    mode: Literal["none", "public", "listed"] = "public"
    domains: tuple[str, ...] = ()
    pins: dict[str, str] = field(default_factory=dict)
    max_connections: int = 256
    ports: tuple[int, ...] = (80, 443)
    """Ports that may be asked for; none named: any. Pins go by their own."""
    connections_per_s: int = 50
    """New connections, over some seconds (the proxy says how many). 0: no limit."""
    bytes_per_s: int = 0
    """To the internet and from it, each, on all connections together. 0: no limit."""


@named("egress.attach")
@dataclass(frozen=True, slots=True)
class AttachEgress:
    """A machine's proxy listener and its policy. Descriptors along: the listening socket."""

    machine: MachineRef
    policy: EgressPolicy


@named("egress.detach")
@dataclass(frozen=True, slots=True)
class DetachEgress:
    """The machine is gone: close its listener and connections."""

    machine: MachineRef


Refusal = Literal[
    "unreadable",
    "no-internet",
    "port",
    "not-listed",
    "local-name",
    "address",
    "connections",
    "rate",
    "others",
]
"""Why a machine was refused, as it is counted: closed, and without what the machine asked for."""


@named("egress.refused")
@dataclass(frozen=True, slots=True)
class EgressRefused:
    """egress -> keeper -> controller: a machine wanted to go where it must not."""

    machine: MachineRef
    destination: str
    reason: str
    """For a person; may name an address."""
    count: int
    why: Refusal = "others"


# --- controller <-> keeper ----------------------------------------------------------------------


@named("keeper.hello")
@dataclass(frozen=True, slots=True)
class KeeperHello:
    """First on a connection of the controller's; answered by `keeper.state`."""


@dataclass(frozen=True, slots=True)
class MachineRecord:
    """A machine as the keeper holds it; `directory` has its sockets."""

    machine: MachineRef
    session: SessionId
    directory: str
    pid: int


@named("keeper.state")
@dataclass(frozen=True, slots=True)
class KeeperState:
    """What the keeper holds, now."""

    pid: int
    gateway_pid: int
    machines: tuple[MachineRecord, ...] = ()
    settings: str = ""
    """A mark of what it was started with: it keeps that, whatever a later controller wants."""
    turn_pid: int = 0
    """0: it runs no TURN server, or that one has just died."""


@named("machine.spawn")
@dataclass(frozen=True, slots=True)
class SpawnMachine:
    """Spawn a machine. In `argv`, `{boot_fd}`, `{seccomp_fd}` and `{file0_fd}` and so on stand for
    descriptors' numbers.

    An empty `session`: it waits, without media gateway and internet, for `machine.assign`.

    The process sends the descriptors `rtp, rtcp, egress, control` over the boot descriptor (a
    SOCK_SEQPACKET pair) in one packet, before it runs anything that is not ours.
    """

    machine: MachineRef
    session: SessionId
    argv: tuple[str, ...]
    env: dict[str, str]
    directory: str
    uid: int
    """The host's uid of the machine; the keeper's own when it is not root."""
    policy: EgressPolicy
    seccomp_b64: str = ""
    memory_mib: int = 0
    """0: no limit of this kind."""
    pids: int = 0
    cpus: float = 0.0
    """Processors' worth of time; 0: no limit."""
    files: tuple[str, ...] = ()
    """Opened by the keeper for reading and writing, and passed on: what the machine's uid could
    not open by name, such as another process's /proc/PID/fd/N."""


@named("machine.spawned")
@dataclass(frozen=True, slots=True)
class MachineSpawned:
    """It runs, and its descriptors have reached gateway and egress proxy."""

    machine: MachineRef
    pid: int


@named("machine.refused")
@dataclass(frozen=True, slots=True)
class MachineNotSpawned:
    """It could not be spawned."""

    machine: MachineRef
    code: str
    detail: str


@named("machine.assign")
@dataclass(frozen=True, slots=True)
class AssignMachine:
    """Give a machine that was spawned without a session its session, its ref and its policy.

    From then on it is `as_machine`: its directory is renamed to that, and only now do gateway and
    egress proxy hear of it. Answered by `machine.assigned` or `machine.refused` (of `as_machine`).
    """

    machine: MachineRef
    as_machine: MachineRef
    session: SessionId
    policy: EgressPolicy


@named("machine.assigned")
@dataclass(frozen=True, slots=True)
class MachineAssigned:
    """A machine has the session that it was assigned. `machine`: its new ref."""

    machine: MachineRef
    pid: int


@named("machine.destroy")
@dataclass(frozen=True, slots=True)
class DestroyMachine:
    """Kill it and leave nothing: `machine.gone` follows, also when there is none of that name."""

    machine: MachineRef


@named("machine.gone")
@dataclass(frozen=True, slots=True)
class MachineGone:
    """No process, socket, mount or file of this machine is left. `tail`: its last lines."""

    machine: MachineRef
    status: int
    tail: str = ""
    out_of_memory_mib: int = 0
    """It died because its memory, so much, was full. 0: it did not."""


@named("gateway.exited")
@dataclass(frozen=True, slots=True)
class GatewayExited:
    """The gateway died; the keeper spawns it again and hands it its descriptors."""

    status: int
    tail: str = ""


@named("gateway.spawned")
@dataclass(frozen=True, slots=True)
class GatewaySpawned:
    """There is a gateway (again); connect to its socket."""

    pid: int


@named("orphans.removed")
@dataclass(frozen=True, slots=True)
class OrphansRemoved:
    """The keeper found what belongs to no machine, and removed it: so many of each kind."""

    directories: int = 0
    control_groups: int = 0
    processes: int = 0


@named("keeper.end")
@dataclass(frozen=True, slots=True)
class EndKeeper:
    """End every machine, the gateway, the egress proxy and yourself."""
