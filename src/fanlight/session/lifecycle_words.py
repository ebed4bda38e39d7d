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
    PAUSING = "pausing"
    PAUSED = "paused"
    RESUMING = "resuming"
    ABANDONED = "abandoned"
    ENDING = "ending"
    ENDED = "ended"


Ending = Literal["idle", "limit"]
"""Why a session is going to end by itself: nobody looks, or its time is over."""

Status = Literal["requested", "booting", "vm_created", "ending", "ended"]

STATUS: dict[State, Status] = {
    State.REQUESTED: "requested",
    State.STARTING: "booting",
    State.BOOTING: "booting",
    State.READY: "vm_created",
    State.PAUSING: "vm_created",
    State.PAUSED: "vm_created",
    State.RESUMING: "vm_created",
    State.ABANDONED: "ending",
    State.ENDING: "ending",
    State.ENDED: "ended",
}
"""What the HTTP API calls a state."""

Pause = Literal["pausing", "paused", "resuming"]
"""How far a machine is on its way to disk and back."""

PAUSES: dict[State, Pause] = {
    State.PAUSING: "pausing",
    State.PAUSED: "paused",
    State.RESUMING: "resuming",
}

STAGES: tuple[BootStage, ...] = get_args(BootStage)


@dataclass(frozen=True, slots=True)
class LifecycleSettings:
    """The limits of a session, in seconds."""

    boot_timeout_s: float = 60.0
    """From the request to a ready guest."""
    keep_s: float = 1800.0
    """How long a ready session is kept without any viewer."""
    session_timeout_s: float = 14400.0
    """How long a session lasts from its request, and from each time it is extended."""
    max_session_s: float = 43200.0
    """How long a session may last in all, however often it is extended."""
    notice_s: float = 120.0
    """How long before either end it is announced; of a shorter time, half."""
    link_timeout_s: float = 20.0
    """How long the link to a ready guest may be lost."""
    destroy_timeout_s: float = 10.0
    """After how long the destruction of a machine is commanded again."""
    with_login: bool = False
    """Whether a tool is to be signed in as soon as the guest and the tool are ready."""
    pause_after_s: float = 0.0
    """After how long without any viewer the machine is written to disk. 0: never."""

    @property
    def pauses(self) -> bool:
        """Whether its machine may be written to disk: never one that signs something in."""
        return self.pause_after_s > 0 and not self.with_login


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
    granted_s: float = 0.0
    """How long it may last, as it was extended before; 0: it was not."""
    idle_until_s: float | None = None
    """Until when it is kept, if nobody looked at it; since its request."""
    paused: bool = False
    """Its machine is on disk."""


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
    """The desktop is there and its pixels are being sent; `age_s` since the session's request."""

    age_s: float = 0.0


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
    out_of_memory_mib: int = 0
    """Its memory, so much, was full. 0: that was not why."""


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
    """The session lasted as long as it was granted."""


@dataclass(frozen=True, slots=True)
class IdleLooms:
    """Nobody looks, and if nobody comes the session ends soon."""


@dataclass(frozen=True, slots=True)
class LimitLooms:
    """The session's time is over soon."""


@dataclass(frozen=True, slots=True)
class Extended:
    """The owner wants the session to go on; `age_s` since its request."""

    age_s: float


@dataclass(frozen=True, slots=True)
class DestroyTimedOut:
    """No word of the machine's end yet."""


@dataclass(frozen=True, slots=True)
class ViewersCounted:
    """So many viewers look at the session now; `age_s` since its request."""

    count: int
    age_s: float = 0.0


@dataclass(frozen=True, slots=True)
class PauseDue:
    """Nobody has looked for so long that the machine may rest."""


@dataclass(frozen=True, slots=True)
class MachineSuspended:
    """The machine is on disk, and nothing else of it is left."""


@dataclass(frozen=True, slots=True)
class SuspendRefused:
    """The machine could not be written to disk, and goes on."""


@dataclass(frozen=True, slots=True)
class ResumeDeferred:
    """The machine stays on disk for now: this host has no room for it."""


@dataclass(frozen=True, slots=True)
class ViewerCame:
    """Somebody wants to look: the machine is wanted, though nobody sees anything yet."""


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
    | IdleLooms
    | LimitLooms
    | Extended
    | DestroyTimedOut
    | ViewersCounted
    | PauseDue
    | MachineSuspended
    | SuspendRefused
    | ResumeDeferred
    | ViewerCame
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
    viewers: int = 0
    ends_s: float | None = None
    """When it ends if nothing happens, since its request; None: it is over, or not begun."""
    looming: Ending | None = None
    """The end that was announced."""
    pause: Pause | None = None
    """None: the machine runs, or there is none yet or any more."""


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
class SuspendMachine:
    """Have the machine written to disk; `MachineSuspended` or `SuspendRefused` must follow."""


@dataclass(frozen=True, slots=True)
class ResumeMachine:
    """Have the machine go on; `MachineStarted`, its refusal or `ResumeDeferred` must follow."""


@dataclass(frozen=True, slots=True)
class PrepareTool:
    """Have the tool on this host; `ToolReadied` or `ToolFailed` must follow."""


@dataclass(frozen=True, slots=True)
class LeaveTool:
    """Nobody in this session waits for the tool any more."""


@dataclass(frozen=True, slots=True)
class AnnounceEnd:
    """Tell people that the session ends soon, and why."""

    why: Ending


@dataclass(frozen=True, slots=True)
class StartLogin:
    """Begin the login: guest and tool are ready for it."""


Command = (
    Publish
    | OpenGatewaySession
    | CloseGatewaySession
    | StartMachine
    | DestroyMachine
    | SuspendMachine
    | ResumeMachine
    | PrepareTool
    | LeaveTool
    | AnnounceEnd
    | StartLogin
    | SetTimer[Event]
    | CancelTimer[Event]
)
