"""The request cannot be taken as HTTP: host, origin, method, type, size, shape; WHEP."""

from __future__ import annotations

from .caller import CallerError


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
