"""Every exception that Fanlight raises, and whose fault it is.

FanlightError
├── CallerError            you asked for something impossible   -> 4xx problem
│   ├── SessionNotFound        also for somebody else's session: strangers learn nothing
│   ├── NotSignedIn
│   ├── NotAllowed
│   ├── IllegalEvent
│   ├── SessionEnded
│   ├── ConnectionNotFound
│   ├── OfferRejected
│   ├── CodecUnsupported
│   ├── UnknownTool
│   ├── ToolNotInstalled
│   ├── LimitReached
│   │   └── TooManyViewers     answered 503: it is a server under load
│   ├── Expired                links, tickets, codes, credentials: once, and not for ever
│   ├── RequestRefused         HTTP itself: host, origin, route, method, type, size, shape
│   │   ├── HostRefused
│   │   ├── OriginRefused
│   │   ├── NotFound
│   │   ├── MethodNotAllowed
│   │   ├── TooLarge
│   │   ├── MediaTypeUnsupported
│   │   ├── MalformedBody
│   │   └── InvalidRequest
│   ├── NothingYet             an offer or answer that is not there yet
│   ├── SignedInAsAnother
│   ├── AuthorizationPending   the device flow's answers, RFC 8628 section 3.5
│   ├── SlowDown
│   ├── AccessDenied
│   ├── FragmentRejected       WHEP: trickle and restart
│   ├── IceRestartUnsupported
│   ├── EtagStale
│   ├── IfMatchRequired
│   └── SettingRejected        a flag, variable or key of the configuration file
├── PeerError              the other side broke the protocol    -> close the link, keep the session
│   └── WireError
├── HostError              this computer lacks something        -> the start fails, with the remedy
│   ├── PackageMissing
│   ├── PortInUse
│   ├── DiskFull
│   ├── HostFull
│   ├── ImageMissing
│   ├── ImageDamaged
│   ├── SnapshotFailed
│   ├── GatewayUnavailable
│   └── KeeperUnavailable
└── MachineError           the machine or its provider failed   -> the session ends
    ├── MachineNotFound
    ├── MachineRefused
    ├── BootTimedOut
    ├── MachineDied
    └── LoginFailed

Every error has a stable `code` (kebab-case, the tail of its problem type), a `title` that is the
same for all of its kind, a message for this case, and a `hint`: what to do next.
"""

from .caller import (
    AccessDenied,
    AuthorizationPending,
    CallerError,
    CodecUnsupported,
    ConnectionNotFound,
    Expired,
    IllegalEvent,
    LimitReached,
    NotAllowed,
    NothingYet,
    NotSignedIn,
    OfferRejected,
    SessionEnded,
    SessionNotFound,
    SettingRejected,
    SignedInAsAnother,
    SlowDown,
    ToolNotInstalled,
    TooManyViewers,
    UnknownTool,
)
from .host import (
    DiskFull,
    GatewayUnavailable,
    HostError,
    HostFull,
    ImageDamaged,
    ImageMissing,
    KeeperUnavailable,
    PackageMissing,
    PortInUse,
    SnapshotFailed,
)
from .machine import (
    BootTimedOut,
    LoginFailed,
    MachineDied,
    MachineError,
    MachineNotFound,
    MachineRefused,
)
from .peer import (
    PeerError,
    WireError,
)
from .request import (
    EtagStale,
    FragmentRejected,
    HostRefused,
    IceRestartUnsupported,
    IfMatchRequired,
    InvalidRequest,
    MalformedBody,
    MediaTypeUnsupported,
    MethodNotAllowed,
    NotFound,
    OriginRefused,
    RequestRefused,
    TooLarge,
)
from .root import (
    FanlightError,
)

__all__ = [
    "AccessDenied",
    "AuthorizationPending",
    "BootTimedOut",
    "CallerError",
    "CodecUnsupported",
    "ConnectionNotFound",
    "DiskFull",
    "EtagStale",
    "Expired",
    "FanlightError",
    "FragmentRejected",
    "GatewayUnavailable",
    "HostError",
    "HostFull",
    "HostRefused",
    "IceRestartUnsupported",
    "IfMatchRequired",
    "IllegalEvent",
    "ImageDamaged",
    "ImageMissing",
    "InvalidRequest",
    "KeeperUnavailable",
    "LimitReached",
    "LoginFailed",
    "MachineDied",
    "MachineError",
    "MachineNotFound",
    "MachineRefused",
    "MalformedBody",
    "MediaTypeUnsupported",
    "MethodNotAllowed",
    "NotAllowed",
    "NotFound",
    "NotSignedIn",
    "NothingYet",
    "OfferRejected",
    "OriginRefused",
    "PackageMissing",
    "PeerError",
    "PortInUse",
    "RequestRefused",
    "SessionEnded",
    "SessionNotFound",
    "SettingRejected",
    "SignedInAsAnother",
    "SlowDown",
    "SnapshotFailed",
    "TooLarge",
    "TooManyViewers",
    "ToolNotInstalled",
    "UnknownTool",
    "WireError",
]
