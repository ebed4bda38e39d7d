"""Every message, by who says it to whom. Names on the wire are `area.verb`.

    browser    <-> gateway     the data channel `input` (JSON text, ordered, reliable)
    gateway    <-> guest       the control socket (SOCK_SEQPACKET, one message a packet): the
                               viewer's input, passed on after it was checked
    controller <-> guest       the link (link.sock in the machine's directory; the guest listens)
    controller <-> gateway     gateway.sock (the gateway listens)
    keeper      -> gateway     the same socket, descriptors along (SCM_RIGHTS)
    controller <-> keeper      keeper.sock (the keeper listens)
    vmm        <-> process 1 of a virtual machine    over their one stream (`wire.mux`)
    keeper     <-> egress      a socket pair, descriptors along

Units are in the names: `_px` pixels of the display, `_ms`, `_s`, `_kbps` kilobits a second,
`_b64` base64 (RFC 4648 section 4).
"""

from __future__ import annotations

from .hosting import (
    AssignMachine,
    AttachEgress,
    AttachMachine,
    DestroyMachine,
    DetachEgress,
    DetachMachine,
    EgressPolicy,
    EgressRefused,
    EndKeeper,
    GatewayExited,
    GatewaySpawned,
    KeeperHello,
    KeeperState,
    MachineAssigned,
    MachineGone,
    MachineNotSpawned,
    MachineRecord,
    MachineSpawned,
    OrphansRemoved,
    Refusal,
    SpawnMachine,
)
from .input import (
    ButtonChanged,
    ControlHeld,
    DisplaySize,
    FramesTaken,
    Input,
    InputPing,
    InputPong,
    KeyChanged,
    KeyFrameWanted,
    KeysReleased,
    PictureClock,
    PointerMoved,
    Rung,
    TextTyped,
    ViewerFigures,
    ViewerReported,
    WheelTurned,
)
from .link import (
    AccountVerified,
    BootStage,
    CliStarted,
    CredentialFile,
    CredentialSealed,
    GuestFailed,
    GuestReady,
    IdentifyMachine,
    LinkPing,
    LinkPong,
    LoginEnded,
    LoginRejected,
    MachineIdentified,
    PageOpened,
    ProcessRestarted,
    RejectLogin,
    ReleaseCredential,
    StageReached,
    StartLogin,
    ToolSpec,
    UserCodeShown,
)
from .media import (
    CloseConnection,
    CloseSession,
    ConnectionAnswer,
    ConnectionRejected,
    ConnectionReport,
    ConnectionState,
    ConnectionStats,
    DescribeSession,
    FirstFrameSent,
    GatewayHello,
    GatewayWelcome,
    MediaFlow,
    OpenConnection,
    OpenSession,
    OpenStream,
    SessionDescribed,
    SetControl,
    StreamClosed,
    StreamOpened,
    ViewerCandidate,
    ViewerDescribed,
)
from .naming import KINDS, NAMES
from .vm import IdentifyVm, VmFailed, VmIdentified, VmSettled

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
    | PictureClock
    | ViewerReported
    | FramesTaken
    | KeyFrameWanted
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
    | DescribeSession
    | SessionDescribed
    | ViewerCandidate
    | SetControl
    | CloseConnection
    | GatewayWelcome
    | ConnectionAnswer
    | ConnectionRejected
    | ConnectionState
    | FirstFrameSent
    | ConnectionStats
    | ConnectionReport
    | OpenStream
    | StreamOpened
    | StreamClosed
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
    | OrphansRemoved
    | EndKeeper
    | AssignMachine
    | MachineAssigned
    | IdentifyVm
    | VmIdentified
    | VmSettled
    | VmFailed
)

__all__ = [
    "KINDS",
    "NAMES",
    "AccountVerified",
    "AssignMachine",
    "AttachEgress",
    "AttachMachine",
    "BootStage",
    "ButtonChanged",
    "CliStarted",
    "CloseConnection",
    "CloseSession",
    "ConnectionAnswer",
    "ConnectionRejected",
    "ConnectionReport",
    "ConnectionState",
    "ConnectionStats",
    "ControlHeld",
    "CredentialFile",
    "CredentialSealed",
    "DescribeSession",
    "DestroyMachine",
    "DetachEgress",
    "DetachMachine",
    "DisplaySize",
    "EgressPolicy",
    "EgressRefused",
    "EndKeeper",
    "FirstFrameSent",
    "FramesTaken",
    "GatewayExited",
    "GatewayHello",
    "GatewaySpawned",
    "GatewayWelcome",
    "GuestFailed",
    "GuestReady",
    "IdentifyMachine",
    "IdentifyVm",
    "Input",
    "InputPing",
    "InputPong",
    "KeeperHello",
    "KeeperState",
    "KeyChanged",
    "KeyFrameWanted",
    "KeysReleased",
    "LinkPing",
    "LinkPong",
    "LoginEnded",
    "LoginRejected",
    "MachineAssigned",
    "MachineGone",
    "MachineIdentified",
    "MachineNotSpawned",
    "MachineRecord",
    "MachineSpawned",
    "MediaFlow",
    "Message",
    "OpenConnection",
    "OpenSession",
    "OpenStream",
    "OrphansRemoved",
    "PageOpened",
    "PictureClock",
    "PointerMoved",
    "ProcessRestarted",
    "Refusal",
    "RejectLogin",
    "ReleaseCredential",
    "Rung",
    "SessionDescribed",
    "SetControl",
    "SpawnMachine",
    "StageReached",
    "StartLogin",
    "StreamClosed",
    "StreamOpened",
    "TextTyped",
    "ToolSpec",
    "UserCodeShown",
    "ViewerCandidate",
    "ViewerDescribed",
    "ViewerFigures",
    "ViewerReported",
    "VmFailed",
    "VmIdentified",
    "VmSettled",
    "WheelTurned",
]
