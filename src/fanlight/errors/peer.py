"""The other side broke the protocol: the link is closed, the session kept."""

from __future__ import annotations

from .root import FanlightError


class PeerError(FanlightError):
    """The other side of a link broke the protocol."""

    code = "peer-error"
    title = "The other side broke the protocol"
    status = 502


class WireError(PeerError):
    """Bytes that are no message. Raised by the codec only."""

    code = "wire-error"
    title = "Not a message"
