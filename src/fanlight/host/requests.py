"""HTTP/1.1 heads as the egress proxy reads and writes them (RFC 9112), strictly.

Whatever two parsers could read in two ways is refused: that is what request smuggling is made of.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from fanlight.errors import PeerError

MOST_HEAD_BYTES = 32_768
MOST_FIELDS = 128
TOKEN = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
TARGET = re.compile(rb"[\x21-\x7e]+")
VALUE = re.compile(rb"[\t\x20-\x7e\x80-\xff]*")
STATUS_LINE = re.compile(rb"HTTP/1\.[01] ([1-9][0-9]{2})(?: [\t\x20-\x7e\x80-\xff]*)?")
ABSOLUTE = re.compile(r"http://([^/?#@]+)(/[^#]*|\?[^#]*)?", re.IGNORECASE)

HOP_BY_HOP = frozenset(
    (
        b"connection",
        b"keep-alive",
        b"proxy-connection",
        b"proxy-authenticate",
        b"proxy-authorization",
        b"te",
        b"trailer",
        b"upgrade",
        b"http2-settings",
    )
)
"""RFC 9110 section 7.6.1. Transfer-Encoding stays, as bodies are passed on as they are framed."""

Fields = tuple[tuple[bytes, bytes], ...]


class BadHead(PeerError):
    """What came is no HTTP head that can be passed on."""

    code = "bad-http"
    title = "Not HTTP"
    status = 400


@dataclass(frozen=True, slots=True)
class Body:
    """How long a message's body is (RFC 9112 section 6)."""

    length: int = 0
    chunked: bool = False


@dataclass(frozen=True, slots=True)
class Request:
    """A request to a proxy: CONNECT with an authority, or any method with an absolute URL."""

    method: str
    authority: str
    path: str
    """Origin form; empty for CONNECT."""
    fields: Fields
    body: Body


@dataclass(frozen=True, slots=True)
class ResponseHead:
    """The head of a response."""

    status: int
    line: bytes
    fields: Fields


def parse_request(head: bytes) -> Request:
    """Read a head, its final empty line included.

    Raises:
        BadHead: it is none, or one that could be read in two ways.
    """
    line, fields = _split(head)
    words = line.split(b" ")
    if len(words) != 3 or words[2] not in (b"HTTP/1.1", b"HTTP/1.0"):
        raise BadHead("the request line is not one of HTTP/1")
    if not TOKEN.fullmatch(words[0]) or not TARGET.fullmatch(words[1]):
        raise BadHead("the request line has characters that it must not")
    method, target = words[0].decode(), words[1].decode()
    if method == "CONNECT":
        return Request(method, target, "", fields, Body())
    match = ABSOLUTE.fullmatch(target)
    if match is None:
        raise BadHead("a proxy is asked with http:// and a host")
    path = match[2] or "/"
    path = path if path.startswith("/") else "/" + path
    return Request(method, match[1], path, fields, body_of(fields))


def parse_response(head: bytes) -> ResponseHead:
    """Read a response's head.

    Raises:
        BadHead: it is none.
    """
    line, fields = _split(head)
    match = STATUS_LINE.fullmatch(line)
    if match is None:
        raise BadHead("the answer has no status line of HTTP/1")
    return ResponseHead(int(match[1]), line, fields)


def body_of(fields: Fields) -> Body:
    """Say how a request's body is framed.

    Raises:
        BadHead: in two ways at once, twice, or in one that is not known.
    """
    lengths = [value for name, value in fields if name.lower() == b"content-length"]
    codings = [value for name, value in fields if name.lower() == b"transfer-encoding"]
    if lengths and codings:
        raise BadHead("both Content-Length and Transfer-Encoding")
    if codings:
        if len(codings) > 1 or codings[0].lower() != b"chunked":
            raise BadHead("a transfer coding other than chunked")
        return Body(chunked=True)
    if not lengths:
        return Body()
    if len(lengths) > 1 or not re.fullmatch(rb"[0-9]{1,15}", lengths[0]):
        raise BadHead("a Content-Length that is not one number")
    return Body(length=int(lengths[0]))


def request_head(request: Request, target: str, further: Fields = ()) -> bytes:
    """Write the head of a request to be passed on; one request a connection."""
    fields = [
        (b"Host", request.authority.encode()),
        *(each for each in end_to_end(request.fields) if each[0].lower() != b"host"),
        *further,
        (b"Connection", b"close"),
    ]
    return _join(f"{request.method} {target} HTTP/1.1".encode(), tuple(fields))


def response_head(response: ResponseHead) -> bytes:
    """Write the head of a response to be passed on; the connection ends with it."""
    fields = end_to_end(response.fields)
    if response.status >= 200:
        fields = (*fields, (b"Connection", b"close"))
    return _join(response.line, fields)


def end_to_end(fields: Fields) -> Fields:
    """Leave out what is meant for the next hop only, also what `Connection` names."""
    named = {
        each.strip().lower()
        for name, value in fields
        if name.lower() == b"connection"
        for each in value.split(b",")
    }
    dropped = HOP_BY_HOP | (named - {b"content-length", b"transfer-encoding", b"host"})
    return tuple(each for each in fields if each[0].lower() not in dropped)


def _split(head: bytes) -> tuple[bytes, Fields]:
    if len(head) > MOST_HEAD_BYTES:
        raise BadHead("the head is too long")
    if not head.endswith(b"\r\n\r\n"):
        raise BadHead("the head does not end")
    line, *rest = head[:-4].split(b"\r\n")
    if len(rest) > MOST_FIELDS:
        raise BadHead("too many header fields")
    return line, tuple(_field(each) for each in rest)


def _field(line: bytes) -> tuple[bytes, bytes]:
    name, colon, value = line.partition(b":")
    # A line that begins with a blank (obs-fold) has no token for a name, so it fails here too.
    if not colon or not TOKEN.fullmatch(name):
        raise BadHead("a header field has no name that can be")
    value = value.strip(b" \t")
    if not VALUE.fullmatch(value):
        raise BadHead("a header field has characters that it must not")
    return name, value


def _join(line: bytes, fields: Fields) -> bytes:
    return b"\r\n".join([line, *(name + b": " + value for name, value in fields), b"", b""])
