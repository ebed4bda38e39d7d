"""Every message, by who says it to whom. Names on the wire are `area.verb`.

    browser    <-> gateway     the data channel `input` (JSON text, ordered, reliable)
    gateway    <-> guest       the control socket (SOCK_SEQPACKET, one message a packet): the
                               viewer's input, passed on after it was checked
    controller <-> guest       the link (link.sock in the machine's directory; the guest listens)
    controller <-> gateway     gateway.sock (the gateway listens)
    keeper      -> gateway     the same socket, descriptors along (SCM_RIGHTS)
    controller <-> keeper      keeper.sock (the keeper listens)
    keeper     <-> egress      a socket pair, descriptors along

Units are in the names: `_px` pixels of the display, `_ms`, `_s`, `_kbps` kilobits a second,
`_b64` base64 (RFC 4648 section 4).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal, TypeVar

from .ids import ConnectionId, MachineRef, SessionId

T = TypeVar("T")

NAMES: dict[type, str] = {}
KINDS: dict[str, type] = {}


def _named(name: str) -> Callable[[type[T]], type[T]]:
    def register(kind: type[T]) -> type[T]:
        NAMES[kind], KINDS[name] = name, kind
        return kind

    return register


# --- input: browser -> gateway -> guest -------------------------------------------------------


@_named("input.pointer")
@dataclass(frozen=True, slots=True)
class PointerMoved:
    """The pointer is at (x, y), pixels of the display from its top left corner."""

    x: int
    y: int


@_named("input.button")
@dataclass(frozen=True, slots=True)
class ButtonChanged:
    """An X button (1 left, 2 middle, 3 right, 8 back, 9 forward) went down or up at (x, y)."""

    button: int
    down: bool
    x: int
    y: int


@_named("input.wheel")
@dataclass(frozen=True, slots=True)
class WheelTurned:
    """The wheel turned by so many clicks; positive is right and down (W3C's sign)."""

    dx: int
    dy: int


@_named("input.key")
@dataclass(frozen=True, slots=True)
class KeyChanged:
    """A key, named by its X11 keysym, went down or up."""

    keysym: int
    down: bool


@_named("input.text")
@dataclass(frozen=True, slots=True)
class TextTyped:
    """Text to type as it stands: a paste, or what an input method composed."""

    text: str


@_named("input.release")
@dataclass(frozen=True, slots=True)
class KeysReleased:
    """Let go of every key and button: the viewer lost the keyboard's focus."""


@_named("input.ping")
@dataclass(frozen=True, slots=True)
class InputPing:
    """Ask for an `input.pong` with the same number; the gateway answers."""

    t: float


@_named("input.pong")
@dataclass(frozen=True, slots=True)
class InputPong:
    """The answer to `input.ping`."""

    t: float


Input = PointerMoved | ButtonChanged | WheelTurned | KeyChanged | TextTyped | KeysReleased

# --- gateway -> browser -----------------------------------------------------------------------


@_named("display.size")
@dataclass(frozen=True, slots=True)
class DisplaySize:
    """The size of the display (guest -> gateway -> browser); said again to each new viewer."""

    width_px: int
    height_px: int


@_named("control.held")
@dataclass(frozen=True, slots=True)
class ControlHeld:
    """Whether this viewer's input is taken; others watch."""

    held: bool


# --- controller -> guest, over the link -------------------------------------------------------


@_named("machine.identify")
@dataclass(frozen=True, slots=True)
class IdentifyMachine:
    """Who this machine is: first on every link. The token never is in an image or snapshot."""

    session: SessionId
    machine: MachineRef
    token: str
    hostname: str
    seed_b64: str
    time_s: float
    width_px: int = 1280
    height_px: int = 720
    codec: Literal["vp8", "h264"] = "vp8"
    bitrate_kbps: int = 4000
    frames_per_s: int = 60
    clipboard_out: bool = False
    ca_pem: str = ""
    start_url: str = "about:blank"


@_named("login.start")
@dataclass(frozen=True, slots=True)
class StartLogin:
    """Sign `tool` in and, when it is confirmed, seal what it wrote to `recipient` (age1...)."""

    tool: ToolSpec
    recipient: str
    nonce: str
    session: SessionId = SessionId("")  # noqa: RUF009 - a NewType: nothing is called
    """The session that the sealed bundle will name."""


@_named("login.release")
@dataclass(frozen=True, slots=True)
class ReleaseCredential:
    """The owner confirmed the account: seal, and send `login.sealed`."""


@_named("login.reject")
@dataclass(frozen=True, slots=True)
class RejectLogin:
    """The owner said no: sign out where the tool can, and say so with `login.rejected`."""


@_named("link.ping")
@dataclass(frozen=True, slots=True)
class LinkPing:
    """Are you there? The guest answers `link.pong`."""


@_named("link.pong")
@dataclass(frozen=True, slots=True)
class LinkPong:
    """Here."""


@dataclass(frozen=True, slots=True)
class CredentialFile:
    """One file of a credential: a path under HOME, and the fields kept of it (empty: all)."""

    path: str
    fields: tuple[str, ...] = ()
    required: bool = True
    max_bytes: int = 262_144


@dataclass(frozen=True, slots=True)
class ToolSpec:
    """What the guest needs to know of a tool; made from the catalogue."""

    name: str
    version: str
    command: tuple[str, ...]
    flow: Literal["loopback", "device"]
    status_command: tuple[str, ...]
    account_pattern: str
    """A regular expression over the status command's output; its group `account` is the name."""
    credential: tuple[CredentialFile, ...]
    env: dict[str, str] = field(default_factory=dict)
    path: tuple[str, ...] = ()
    """Directories put in front of PATH (the tool's locked tree, Node)."""
    answers: tuple[tuple[str, str], ...] = ()
    """(regular expression, keys) pairs: when the terminal shows the first, type the second."""
    user_code_pattern: str = ""
    """device flow: a regular expression over the terminal's output; its group `code`."""
    sign_out_command: tuple[str, ...] = ()
    sign_out_revokes: bool = False
    """Whether signing out tells the provider as well."""
    status_fails_signed_out: bool = True
    timeout_s: float = 900.0


# --- guest -> controller, over the link -------------------------------------------------------


@_named("machine.identified")
@dataclass(frozen=True, slots=True)
class MachineIdentified:
    """The guest took its identity. Nobody is let in before."""

    machine: MachineRef


BootStage = Literal["agent", "display", "desktop", "media", "browser"]


@_named("guest.stage")
@dataclass(frozen=True, slots=True)
class StageReached:
    """A stage of the boot is done; `since_start_ms` from the start of the agent."""

    stage: BootStage
    since_start_ms: float


@_named("guest.ready")
@dataclass(frozen=True, slots=True)
class GuestReady:
    """The desktop is there, its pixels are being sent."""


@_named("guest.failed")
@dataclass(frozen=True, slots=True)
class GuestFailed:
    """The guest cannot go on. `tail`: the last lines of what failed."""

    code: str
    detail: str
    tail: str = ""


@_named("desktop.restarted")
@dataclass(frozen=True, slots=True)
class ProcessRestarted:
    """A process of the desktop died and was spawned again."""

    name: str
    status: int
    tail: str = ""


@_named("login.cli_started")
@dataclass(frozen=True, slots=True)
class CliStarted:
    """The tool's sign-in command runs."""


@_named("login.page_open")
@dataclass(frozen=True, slots=True)
class PageOpened:
    """The sign-in page is in the machine's browser. Only its host is told, never its URL."""

    url_host: str


@_named("login.user_code")
@dataclass(frozen=True, slots=True)
class UserCodeShown:
    """The code to type on the page (RFC 8628 section 3.3)."""

    user_code: str


@_named("login.verified")
@dataclass(frozen=True, slots=True)
class AccountVerified:
    """The tool itself says that it is signed in, as `account`."""

    account: str


@_named("login.failed")
@dataclass(frozen=True, slots=True)
class LoginEnded:
    """The tool was not signed in. Codes: docs/reference/problems.md, `login-...`."""

    code: str
    detail: str
    tail: str = ""


@_named("login.sealed")
@dataclass(frozen=True, slots=True)
class CredentialSealed:
    """The credential, an age file that only the recipient opens."""

    bundle_b64: str


@_named("login.rejected")
@dataclass(frozen=True, slots=True)
class LoginRejected:
    """The credential was given up; `revoked` when the provider was told as well."""

    revoked: bool
    detail: str = ""


# --- controller -> gateway --------------------------------------------------------------------


@_named("gateway.hello")
@dataclass(frozen=True, slots=True)
class GatewayHello:
    """First on every connection of the controller's; answered by `gateway.welcome`."""


@_named("session.open")
@dataclass(frozen=True, slots=True)
class OpenSession:
    """Take viewers for a session, whether its machine is there or not. Twice is once."""

    session: SessionId
    codec: Literal["vp8", "h264"] = "vp8"


@_named("session.close")
@dataclass(frozen=True, slots=True)
class CloseSession:
    """Close every connection of a session and forget it. Of an unknown one: nothing."""

    session: SessionId


@_named("connection.open")
@dataclass(frozen=True, slots=True)
class OpenConnection:
    """Answer this offer: `connection.answer` or `connection.rejected` follows, always."""

    session: SessionId
    connection: ConnectionId
    sdp: str
    controls: bool = True


@_named("connection.candidate")
@dataclass(frozen=True, slots=True)
class ViewerCandidate:
    """A candidate of the viewer's, as the browser gives it; empty text ends them."""

    session: SessionId
    connection: ConnectionId
    candidate: str
    sdp_mid: str | None = None
    sdp_m_line_index: int | None = None


@_named("connection.control")
@dataclass(frozen=True, slots=True)
class SetControl:
    """Take this viewer's input, or stop taking it."""

    session: SessionId
    connection: ConnectionId
    controls: bool


@_named("connection.close")
@dataclass(frozen=True, slots=True)
class CloseConnection:
    """Close one connection. Of an unknown one: nothing."""

    session: SessionId
    connection: ConnectionId


# --- gateway -> controller --------------------------------------------------------------------


@_named("gateway.welcome")
@dataclass(frozen=True, slots=True)
class GatewayWelcome:
    """What the gateway holds now, so that a new controller can go on."""

    pid: int
    sessions: tuple[SessionId, ...] = ()
    connections: tuple[ConnectionId, ...] = ()


@_named("connection.answer")
@dataclass(frozen=True, slots=True)
class ConnectionAnswer:
    """The answer, with every candidate of the gateway's in it (WHEP servers do not trickle)."""

    session: SessionId
    connection: ConnectionId
    sdp: str


@_named("connection.rejected")
@dataclass(frozen=True, slots=True)
class ConnectionRejected:
    """The offer cannot be answered, and why."""

    session: SessionId
    connection: ConnectionId
    code: str
    detail: str


@_named("connection.state")
@dataclass(frozen=True, slots=True)
class ConnectionState:
    """RTCPeerConnectionState of the gateway's end."""

    session: SessionId
    connection: ConnectionId
    state: Literal["connecting", "connected", "disconnected", "failed", "closed"]


@_named("connection.first_frame")
@dataclass(frozen=True, slots=True)
class FirstFrameSent:
    """The first key frame went out to this viewer."""

    session: SessionId
    connection: ConnectionId


@_named("connection.stats")
@dataclass(frozen=True, slots=True)
class ConnectionStats:
    """Counters of one connection, every two seconds."""

    session: SessionId
    connection: ConnectionId
    packets_sent: int
    bytes_sent: int
    round_trip_ms: float
    packets_lost: int
    key_frames_wanted: int
    inputs_refused: int = 0


@_named("media.flow")
@dataclass(frozen=True, slots=True)
class MediaFlow:
    """What came from the machine, when it starts or stops coming, and every two seconds."""

    session: SessionId
    flowing: bool
    packets: int
    lost: int
    malformed: int
    key_frames: int


# --- keeper -> gateway, and keeper <-> egress -------------------------------------------------


@_named("session.attach")
@dataclass(frozen=True, slots=True)
class AttachMachine:
    """A machine's media sockets for a session. Descriptors along: RTP, RTCP, control."""

    session: SessionId
    machine: MachineRef


@_named("session.detach")
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


@_named("egress.attach")
@dataclass(frozen=True, slots=True)
class AttachEgress:
    """A machine's proxy listener and its policy. Descriptors along: the listening socket."""

    machine: MachineRef
    policy: EgressPolicy


@_named("egress.detach")
@dataclass(frozen=True, slots=True)
class DetachEgress:
    """The machine is gone: close its listener and connections."""

    machine: MachineRef


@_named("egress.refused")
@dataclass(frozen=True, slots=True)
class EgressRefused:
    """egress -> keeper -> controller: a machine wanted to go where it must not."""

    machine: MachineRef
    destination: str
    reason: str
    count: int


# --- controller <-> keeper --------------------------------------------------------------------


@_named("keeper.hello")
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


@_named("keeper.state")
@dataclass(frozen=True, slots=True)
class KeeperState:
    """What the keeper holds, now."""

    pid: int
    gateway_pid: int
    machines: tuple[MachineRecord, ...] = ()


@_named("machine.spawn")
@dataclass(frozen=True, slots=True)
class SpawnMachine:
    """Spawn a machine. In `argv`, `{boot_fd}` and `{seccomp_fd}` stand for descriptors' numbers.

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


@_named("machine.spawned")
@dataclass(frozen=True, slots=True)
class MachineSpawned:
    """It runs, and its descriptors have reached gateway and egress proxy."""

    machine: MachineRef
    pid: int


@_named("machine.refused")
@dataclass(frozen=True, slots=True)
class MachineNotSpawned:
    """It could not be spawned."""

    machine: MachineRef
    code: str
    detail: str


@_named("machine.destroy")
@dataclass(frozen=True, slots=True)
class DestroyMachine:
    """Kill it and leave nothing: `machine.gone` follows, also when there is none of that name."""

    machine: MachineRef


@_named("machine.gone")
@dataclass(frozen=True, slots=True)
class MachineGone:
    """No process, socket, mount or file of this machine is left. `tail`: its last lines."""

    machine: MachineRef
    status: int
    tail: str = ""


@_named("gateway.exited")
@dataclass(frozen=True, slots=True)
class GatewayExited:
    """The gateway died; the keeper spawns it again and hands it its descriptors."""

    status: int
    tail: str = ""


@_named("gateway.spawned")
@dataclass(frozen=True, slots=True)
class GatewaySpawned:
    """There is a gateway (again); connect to its socket."""

    pid: int


@_named("keeper.end")
@dataclass(frozen=True, slots=True)
class EndKeeper:
    """End every machine, the gateway, the egress proxy and yourself."""


Message = (
    PointerMoved
    | ButtonChanged
    | WheelTurned
    | KeyChanged
    | TextTyped
    | KeysReleased
    | InputPing
    | InputPong
    | DisplaySize
    | ControlHeld
    | IdentifyMachine
    | StartLogin
    | ReleaseCredential
    | RejectLogin
    | LinkPing
    | LinkPong
    | MachineIdentified
    | StageReached
    | GuestReady
    | GuestFailed
    | ProcessRestarted
    | CliStarted
    | PageOpened
    | UserCodeShown
    | AccountVerified
    | LoginEnded
    | CredentialSealed
    | LoginRejected
    | GatewayHello
    | OpenSession
    | CloseSession
    | OpenConnection
    | ViewerCandidate
    | SetControl
    | CloseConnection
    | GatewayWelcome
    | ConnectionAnswer
    | ConnectionRejected
    | ConnectionState
    | FirstFrameSent
    | ConnectionStats
    | MediaFlow
    | AttachMachine
    | DetachMachine
    | AttachEgress
    | DetachEgress
    | EgressRefused
    | KeeperHello
    | KeeperState
    | SpawnMachine
    | MachineSpawned
    | MachineNotSpawned
    | DestroyMachine
    | MachineGone
    | GatewayExited
    | GatewaySpawned
    | EndKeeper
)
