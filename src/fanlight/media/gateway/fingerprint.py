"""Whether a certificate is the one that an offer named. Pure."""

from __future__ import annotations

import base64
import hashlib


def has_fingerprint(pem: str, fingerprint: str) -> bool:
    """Whether a certificate (PEM) has the fingerprint of `a=fingerprint` (RFC 8122 section 5)."""
    body = pem.partition("-----BEGIN CERTIFICATE-----")[2].partition("-----END")[0]
    digest, _, wanted = fingerprint.lower().partition(" ")
    seen = hashlib.new(digest.replace("-", ""), base64.b64decode(body)).digest()
    return seen.hex(":") == wanted
