"""Recipients: the age keys that credentials are sealed to, and what people compare of them."""

from __future__ import annotations

import base64
import hashlib

import pyrage

from fanlight.errors import InvalidRequest
from fanlight.wire import SessionId


def check(recipient: str) -> None:
    """See that it is an age X25519 recipient.

    Raises:
        InvalidRequest: it is not.
    """
    try:
        pyrage.x25519.Recipient.from_str(recipient)
    except pyrage.RecipientError:
        raise InvalidRequest(
            "recipient: this is not an age X25519 recipient (age1...)",
            hint="`age-keygen` makes a key pair; its public key starts with age1.",
        ) from None


def fingerprint(recipient: str) -> str:
    """Give the first 16 hex digits of the recipient's SHA-256, in groups of four."""
    digits = hashlib.sha256(recipient.encode()).hexdigest()[:16]
    return " ".join(digits[at : at + 4] for at in range(0, 16, 4))


def matching_code(recipient: str, session: SessionId) -> str:
    """Give what both ends show when there is no user code: ABCD-EFGH."""
    digest = hashlib.sha256((recipient + session).encode()).digest()
    letters = base64.b32encode(digest).decode()[:8]
    return f"{letters[:4]}-{letters[4:]}"
