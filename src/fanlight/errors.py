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
│   ├── UnknownTool
│   ├── ToolNotInstalled
│   ├── LimitReached
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

from __future__ import annotations

from typing import ClassVar


class FanlightError(Exception):
    """The root. Catch it at the edges: HTTP, a link, the session driver, the command line."""

    code: ClassVar[str] = "internal"
    title: ClassVar[str] = "Something in Fanlight failed"
    status: ClassVar[int] = 500
    hint: str = "Run `fanlight doctor`; it says what this host lacks."

    def __init__(self, message: str = "", *, hint: str | None = None) -> None:
        super().__init__(message or self.title)
        if hint is not None:
            self.hint = hint


class CallerError(FanlightError):
    """The caller asked for something that cannot be."""

    code = "bad-request"
    title = "The request cannot be carried out"
    status = 400
    hint = "Check what was asked for; the API is described at /openapi.json."


class SessionNotFound(CallerError):
    """There is no such session, or it belongs to somebody else."""

    code = "session-not-found"
    title = "No such session"
    status = 404
    hint = "Sessions are listed on the dashboard of the account that started them."


class NotSignedIn(CallerError):
    """The request names nobody."""

    code = "not-signed-in"
    title = "Not signed in"
    status = 401
    hint = "Open a sign-in link (`fanlight link` prints one) or send an API key."


class NotAllowed(CallerError):
    """Somebody is signed in, but may not do this."""

    code = "not-allowed"
    title = "Not allowed"
    status = 403
    hint = "Ask the account that started the session."


class IllegalEvent(CallerError):
    """An event that its state machine cannot take in the state it is in."""

    code = "illegal-event"
    title = "Not possible now"
    status = 409
    hint = "Look at the session's status and try what fits it."

    def __init__(self, state: object, event: object) -> None:
        name = getattr(state, "value", state)
        super().__init__(f"{type(event).__name__} cannot happen while {name}")
        self.state, self.event = state, event


class SessionEnded(CallerError):
    """The session existed, and is over."""

    code = "session-ended"
    title = "The session has ended"
    status = 409
    hint = "Start a new session."


class ConnectionNotFound(CallerError):
    """No such viewer connection in this session."""

    code = "connection-not-found"
    title = "No such connection"
    status = 404
    hint = "Send a new offer; connections end with their viewer."


class OfferRejected(CallerError):
    """The description is not one that can be answered."""

    code = "offer-rejected"
    title = "The offer cannot be answered"
    status = 400
    hint = "Offer recvonly VP8 or H.264 video, with rtcp-mux and one bundle."


class UnknownTool(CallerError):
    """The catalogue has no tool of that name."""

    code = "unknown-tool"
    title = "Unknown tool"
    status = 422
    hint = "`fanlight tools` lists the tools that can be signed in."


class ToolNotInstalled(CallerError):
    """The tool is catalogued, but not installed on this host."""

    code = "tool-not-installed"
    title = "The tool is not installed on this host"
    status = 409
    hint = "Run `fanlight tools install NAME` on the host."

    def __init__(self, message: str = "", *, hint: str | None = None, tail: str = "") -> None:
        super().__init__(message, hint=hint)
        self.tail = tail
        """The last lines of what installed it, when that failed."""


class LimitReached(CallerError):
    """A limit that is a setting: sessions, viewers, rates, sizes."""

    code = "limit-reached"
    title = "A limit was reached"
    status = 429
    hint = "End a session that is no longer needed, or raise the setting."


class Expired(CallerError):
    """A link, ticket, code or credential that was used before, or is too old."""

    code = "expired"
    title = "Used before, or too old"
    status = 410
    hint = "Ask for a new one."


class SettingRejected(CallerError):
    """A setting has a value that cannot be, or does not exist."""

    code = "setting-rejected"
    title = "A setting cannot be used"
    hint = "`fanlight serve --help` and docs/reference/settings.md list the settings."


class RequestRefused(CallerError):
    """The request cannot be taken as HTTP; nothing was looked at further."""

    code = "request-refused"
    title = "The request was refused"


class HostRefused(RequestRefused):
    """The request's Host is not a name of this server."""

    code = "host-refused"
    title = "This server has another name"
    status = 421
    hint = "Use the address that `fanlight serve` printed, or add the name to allowed_hosts."


class OriginRefused(RequestRefused):
    """A page of another origin, or of none, wants to change something."""

    code = "origin-refused"
    title = "Another website sent this"
    status = 403
    hint = "Use Fanlight's own page, or a program with an API key."


class NotFound(RequestRefused):
    """There is nothing at this address."""

    code = "not-found"
    title = "Nothing is here"
    status = 404
    hint = "The API is described at /openapi.json."


class MethodNotAllowed(RequestRefused):
    """The address exists, but not for this method."""

    code = "method-not-allowed"
    title = "The method is not possible here"
    status = 405
    hint = "The header Allow names the methods that are."


class TooLarge(RequestRefused):
    """The body is larger than the limit of its route."""

    code = "too-large"
    title = "The body is too large"
    status = 413
    hint = "64 KiB are taken, 256 KiB for offers."


class MediaTypeUnsupported(RequestRefused):
    """The body has another type than the route takes."""

    code = "unsupported-media-type"
    title = "The type of the body is not supported"
    status = 415
    hint = "Send application/json; WHEP takes application/sdp and application/trickle-ice-sdpfrag."


class MalformedBody(RequestRefused):
    """The body is not what its type says: no JSON, or no UTF-8."""

    code = "malformed-body"
    title = "The body cannot be read"
    status = 400


class InvalidRequest(RequestRefused):
    """The body or a parameter has a field that is unknown, missing or of a wrong shape."""

    code = "invalid-request"
    title = "A field is not as it should be"
    status = 422


class NothingYet(CallerError):
    """What was asked for is not there yet."""

    code = "nothing-yet"
    title = "Not there yet"
    status = 404
    hint = "Ask again, with ?wait=SECONDS (60 at most) to be answered as soon as it is there."


class SignedInAsAnother(CallerError):
    """The browser is signed in already, as somebody else."""

    code = "signed-in-as-another"
    title = "Signed in as somebody else"
    status = 409
    hint = "Sign out first, then open the link again."


class AuthorizationPending(CallerError):
    """Nobody has approved the device request yet."""

    code = "authorization-pending"
    title = "Not approved yet"
    hint = "Ask again after the interval."


class SlowDown(CallerError):
    """The program asks more often than it was told to."""

    code = "slow-down"
    title = "Asked too often"
    hint = "Wait five seconds longer between requests from now on."


class AccessDenied(CallerError):
    """The device request was denied."""

    code = "access-denied"
    title = "Denied"
    hint = "Somebody pressed Deny. Ask again if that was a mistake."


class FragmentRejected(CallerError):
    """The body is no SDP fragment (RFC 8840)."""

    code = "fragment-rejected"
    title = "Not an SDP fragment"


class IceRestartUnsupported(CallerError):
    """The fragment has a new ufrag: an ICE restart, which cannot be done."""

    code = "ice-restart-unsupported"
    title = "ICE restarts are not supported"
    status = 422
    hint = "Send a new offer; the picture is there within a moment."


class EtagStale(CallerError):
    """If-Match names another state of the connection than the present one."""

    code = "etag-stale"
    title = "The connection has changed since"
    status = 412
    hint = "Use the ETag of the answer to the offer."


class IfMatchRequired(CallerError):
    """Strict mode: every PATCH needs If-Match."""

    code = "if-match-required"
    title = "If-Match is missing"
    status = 428
    hint = "Send If-Match with the ETag of the answer to the offer."


class PeerError(FanlightError):
    """The other side of a link broke the protocol."""

    code = "peer-error"
    title = "The other side broke the protocol"
    status = 502


class WireError(PeerError):
    """Bytes that are no message. Raised by the codec only."""

    code = "wire-error"
    title = "Not a message"


class HostError(FanlightError):
    """This computer lacks something that a session needs."""

    code = "host-error"
    title = "This host cannot do that now"
    status = 503


class PackageMissing(HostError):
    """A system package is not installed."""

    code = "package-missing"
    title = "A system package is missing"
    hint = "`./dev up` installs what is missing; apt/run.txt lists it."


class PortInUse(HostError):
    """Another program listens where we were told to."""

    code = "port-in-use"
    title = "The port is in use"
    hint = "Choose another with --port, or 0 for a free one."


class DiskFull(HostError):
    """No room for a session's state."""

    code = "disk-full"
    title = "The disk is full"
    hint = "Free some space in the data directory's file system."


class GatewayUnavailable(HostError):
    """The media gateway is not there, or did not answer in time."""

    code = "gateway-unavailable"
    title = "The media gateway is not available"
    hint = "It is restarted by itself; try again in a second."


class KeeperUnavailable(HostError):
    """The keeper is not there, or did not answer in time."""

    code = "keeper-unavailable"
    title = "The keeper is not available"
    hint = "Restart `fanlight serve`; it starts a keeper when there is none."


class MachineError(FanlightError):
    """The machine or its provider failed. The session ends with this reason."""

    code = "machine-error"
    title = "The machine failed"
    status = 502
    hint = "Start a new session. If it happens again, run `fanlight doctor`."


class MachineNotFound(MachineError):
    """The provider knows no such machine."""

    code = "machine-not-found"
    title = "No such machine"
    status = 404


class MachineRefused(MachineError):
    """The provider could not make a machine."""

    code = "machine-refused"
    title = "No machine could be made"


class BootTimedOut(MachineError):
    """The machine did not become ready in time."""

    code = "boot-timed-out"
    title = "The machine did not become ready in time"


class MachineDied(MachineError):
    """The machine is gone and nobody asked it to go."""

    code = "machine-died"
    title = "The machine died"

    def __init__(self, ref: str, status: int, console_tail: str) -> None:
        super().__init__(f"machine {ref} exited with status {status}")
        self.ref, self.status_code, self.console_tail = ref, status, console_tail


class LoginFailed(MachineError):
    """The tool could not be signed in."""

    code = "login-failed"
    title = "The tool could not be signed in"
    hint = "The tool's own last words are in the detail. Try again."
