"""You asked for something impossible: 4xx."""

from __future__ import annotations

from .root import FanlightError


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


class CodecUnsupported(CallerError):
    """The viewer does not decode what the session's machine sends."""

    code = "codec-unsupported"
    title = "This browser lacks the codec"
    status = 406
    hint = "Use a current browser, or start sessions with `codec` vp8."


class UnknownTool(CallerError):
    """The catalogue has no tool of that name."""

    code = "unknown-tool"
    title = "Unknown tool"
    status = 422
    hint = "`fanlight tools list` shows the tools that can be signed in."


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


class TooManyViewers(LimitReached):
    """As many look as may: at the session, or at the gateway. It may be otherwise in a moment.

    503, as WHEP wants it of a server under load, so that players come again by themselves.
    """

    code = "too-many-viewers"
    title = "As many viewers look as may"
    status = 503
    hint = "Close a viewer, or raise max_viewers_per_session; then try again."


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
