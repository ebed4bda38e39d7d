"""Making and hashing what grants something. 256 random bits need no slow hash."""

from __future__ import annotations

import hashlib
import secrets

USER_CODE_LETTERS = "BCDFGHJKLMNPQRSTVWXZ"
"""No vowels (no words by accident) and nothing that looks like a digit."""


def new_token(prefix: str = "") -> str:
    """Give `prefix` and 256 random bits, safe in a URL."""
    return prefix + secrets.token_urlsafe(32)


def hashed(token: str) -> str:
    """Give what is stored of `token`. Looking the hash up compares in constant time."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def new_user_code() -> str:
    """Give a code that a person can read aloud: XXXX-XXXX, 34 bits."""
    letters = "".join(secrets.choice(USER_CODE_LETTERS) for _ in range(8))
    return f"{letters[:4]}-{letters[4:]}"
