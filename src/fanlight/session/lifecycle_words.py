"""The words of a session's life: its states, events, commands and limits."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Literal, get_args

from fanlight.wire.messages import BootStage

from .rules import CancelTimer, Reason, SetTimer


class State(Enum):
    """Where a session is."""

    REQUESTED = "requested"
    STARTING = "starting"
    BOOTING = "booting"
    READY = "ready"
    ABANDONED = "abandoned"
    ENDING = "ending"
    ENDED = "ended"


Status = Literal["requested", "booting", "vm_created", "ending", "ended"]

STATUS: dict[State, Status] = {
    State.REQUESTED: "requested",
    State.STARTING: "booting",
    State.BOOTING: "booting",
    State.READY: "vm_created",
    State.ABANDONED: "ending",
    State.ENDING: "ending",
    State.ENDED: "ended",
}
"""What the HTTP API calls a state."""

STAGES: tuple[BootStage, ...] = get_args(BootStage)


@dataclass(frozen=True, slots=True)
class LifecycleSettings:
    """The limits of a session, in seconds."""

    boot_timeout_s: float = 60.0
    """From the request to a ready guest."""
    idle_timeout_s: float = 1800.0
    """How long a ready session may be without any viewer."""
    session_timeout_s: float = 14400.0
    """How long a session may last at all."""
    link_timeout_s: float = 20.0
    """How long the link to a ready guest may be lost."""
    destroy_timeout_s: float = 10.0
    """After how long the destruction of a machine is commanded again."""
    with_login: bool = False
    """Whether a tool is to be signed in as soon as the guest and the tool are ready."""


# --- events ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Open:
    """The session was asked for and accepted."""


@dataclass(frozen=True, slots=True)
class Adopted:
    """A new controller found this session and its machine alive; `age_s` since its request."""

    ready: bool
    age_s: float
    stages: tuple[tuple[BootStage, float], ...] = ()
    login_begun: bool = False
    """Whether the guest was told to sign the tool in: then nobody waits for the tool."""


@dataclass(frozen=True, slots=True)
class MachineStarted:
    """The provider made the machine."""


@dataclass(frozen=True, slots=True)
class MachineStartRefused:
    """The provider could not make a machine, and left nothing of it."""

    code: str
    text: str


@dataclass(frozen=True, slots=True)
class GuestStage:
    """A stage of the boot is done."""

    stage: BootStage
    since_start_ms: float


@dataclass(frozen=True, slots=True)
class GuestReadied:
    """The desktop is there and its pixels are being sent."""


@dataclass(frozen=True, slots=True)
class GuestFailed:
    """The guest cannot go on."""

    code: str
    text: str


@dataclass(frozen=True, slots=True)
class ToolReadied:
    """The tool is on this host, complete; machines see it."""


@dataclass(frozen=True, slots=True)
class ToolFailed:
    """The tool could not be brought onto this host."""

    code: str
    text: str


@dataclass(frozen=True, slots=True)
class LinkLost:
    """The link to the guest broke."""


@dataclass(frozen=True, slots=True)
class LinkBack:
    """The guest answers on the link again."""


@dataclass(frozen=True, slots=True)
class LinkTimedOut:
    """The link did not come back in time."""


@dataclass(frozen=True, slots=True)
class MachineDied:
    """The machine is gone, unasked. Nothing of it is left."""

    status: int = 0
    tail: str = ""


@dataclass(frozen=True, slots=True)
class MachineDestroyed:
    """The machine is gone as commanded. Nothing of it is left."""


@dataclass(frozen=True, slots=True)
class BootTimedOut:
    """The guest was not ready in time."""


@dataclass(frozen=True, slots=True)
class IdleTimedOut:
    """Nobody looked for too long."""


@dataclass(frozen=True, slots=True)
class AbsoluteTimedOut:
    """The session lasted as long as any may."""


@dataclass(frozen=True, slots=True)
class DestroyTimedOut:
    """No word of the machine's end yet."""


@dataclass(frozen=True, slots=True)
class ViewersCounted:
    """So many viewers look at the session now."""

    count: int


@dataclass(frozen=True, slots=True)
class GatewayLost:
    """The media gateway is gone."""


@dataclass(frozen=True, slots=True)
class GatewayBack:
    """There is a gateway again; it knows nothing of this session."""


@dataclass(frozen=True, slots=True)
class LoginFinished:
    """The login is over, well or not, and with it the session."""

    reason: Reason


@dataclass(frozen=True, slots=True)
class EndRequested:
    """The owner, the operator or a shutdown ends the session."""

    reason: Reason


Event = (
    Open
    | Adopted
    | MachineStarted
    | MachineStartRefused
    | GuestStage
    | GuestReadied
    | GuestFailed
    | ToolReadied
    | ToolFailed
    | LinkLost
    | LinkBack
    | LinkTimedOut
    | MachineDied
    | MachineDestroyed
    | BootTimedOut
    | IdleTimedOut
    | AbsoluteTimedOut
    | DestroyTimedOut
    | ViewersCounted
    | GatewayLost
    | GatewayBack
    | LoginFinished
    | EndRequested
)

# --- commands ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class View:
    """What may be shown of a session's life."""

    status: Status
    percent: int
    stages: tuple[tuple[BootStage, float], ...]
    """The stages that are done, and when: milliseconds since the agent's start."""
    reason: Reason | None
    has_tool: bool = True
    """Whether the tool that is to be signed in is there; also when none is."""


@dataclass(frozen=True, slots=True)
class Publish:
    """Store this and tell everybody who follows the session."""

    view: View


@dataclass(frozen=True, slots=True)
class OpenGatewaySession:
    """Have the gateway take viewers for this session; twice is once."""


@dataclass(frozen=True, slots=True)
class CloseGatewaySession:
    """Have the gateway close every connection of this session."""


@dataclass(frozen=True, slots=True)
class StartMachine:
    """Have the provider make the machine; `MachineStarted` or its refusal must follow."""


@dataclass(frozen=True, slots=True)
class DestroyMachine:
    """Have the provider destroy the machine; also when there is none: `MachineDestroyed`."""


@dataclass(frozen=True, slots=True)
class PrepareTool:
    """Have the tool on this host; `ToolReadied` or `ToolFailed` must follow."""


@dataclass(frozen=True, slots=True)
class LeaveTool:
    """Nobody in this session waits for the tool any more."""


@dataclass(frozen=True, slots=True)
class StartLogin:
    """Begin the login: guest and tool are ready for it."""


Command = (
    Publish
    | OpenGatewaySession
    | CloseGatewaySession
    | StartMachine
    | DestroyMachine
    | PrepareTool
    | LeaveTool
    | StartLogin
    | SetTimer[Event]
    | CancelTimer[Event]
)
