"""A stream of any length, sealed under a key: what a suspended machine's memory is on disk.

AES-256-GCM in chunks, in the STREAM construction (Hoang, Reyhanitabar, Rogaway, Vizár: "Online
Authenticated-Encryption and its Nonce-Reuse Misuse-Resistance", 2015). Each chunk's nonce is its
number and whether it is the last, so that none can be moved, left out, doubled or added.

    magic, 16 bytes | salt, 32 bytes | chunk ... | last chunk

A chunk is at most `CHUNK_BYTES` of content and a tag of 16 bytes; only the last may be shorter,
and it is empty only where the content is. The chunks' key is made of the caller's, the salt and
the caller's context: one key may seal many streams, and none can be taken for another's.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from typing import Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

KEY_BYTES, SALT_BYTES, TAG_BYTES = 32, 32, 16
MAGIC = b"fanlight-seal-1\n"
CHUNK_BYTES = 1 << 20
"""Held in memory twice or so. A pipe is read in small pieces whatever this is."""
_COUNTER_BYTES = 11


class SealBroken(Exception):
    """A sealed stream is not what was sealed: damaged, cut off, changed, or another's."""


class Readable(Protocol):
    """What is read from, for instance an unbuffered file of a pipe's end."""

    def read(self, most: int, /) -> bytes | None:
        """Give at least a byte, and at most so many. Nothing: it is over."""
        ...


class Writable(Protocol):
    """What is written to, for instance an unbuffered file of a pipe's end."""

    def write(self, data: bytes | memoryview, /) -> int | None:
        """Write some of it, and give how many bytes these were."""
        ...


def new_key() -> bytes:
    """Make a key that nobody else has."""
    return secrets.token_bytes(KEY_BYTES)


def seal(key: bytes, source: Readable, target: Writable, *, context: bytes) -> int:
    """Seal a source to its end; give how many bytes were written. Blocks: use a thread.

    `context`: what the stream is, for instance which session's; `unseal` must be told the same.

    Raises:
        ValueError: the key is not one of `KEY_BYTES`.
        OSError: source or target cannot be used. What was written is no sealed stream then.
    """
    salt = secrets.token_bytes(SALT_BYTES)
    cipher = _cipher(key, salt, context)
    written = _write(target, MAGIC + salt)
    for nonce, chunk in _numbered(source, CHUNK_BYTES):
        written += _write(target, cipher.encrypt(nonce, chunk, None))
    return written


def unseal(key: bytes, source: Readable, target: Writable, *, context: bytes) -> int:
    """Give the content of a sealed stream; give how many bytes it is. Blocks: use a thread.

    What is written to the target is what was sealed, in its order, but whether it is all of it is
    known only when this returns: nothing that was written counts before.

    Raises:
        SealBroken: it is not, in all its bytes, what was sealed under this key and context.
        ValueError: the key is not one of `KEY_BYTES`.
        OSError: source or target cannot be used.
    """
    head = _read(source, len(MAGIC) + SALT_BYTES)
    if len(head) < len(MAGIC) + SALT_BYTES or not head.startswith(MAGIC):
        raise SealBroken("this is no sealed stream")
    cipher = _cipher(key, head[len(MAGIC) :], context)
    written = 0
    for nonce, chunk in _numbered(source, CHUNK_BYTES + TAG_BYTES):
        try:
            content = cipher.decrypt(nonce, chunk, None)
        except InvalidTag:
            raise SealBroken(f"what was sealed has changed, after {written} bytes") from None
        if not content and written:
            raise SealBroken("an empty chunk that is not the only one")
        written += _write(target, content)
    return written


def _cipher(key: bytes, salt: bytes, context: bytes) -> AESGCM:
    if len(key) != KEY_BYTES:
        raise ValueError(f"a key has {KEY_BYTES} bytes")
    # A key for each stream: nonces may then begin at nought in each.
    return AESGCM(HKDF(SHA256(), KEY_BYTES, salt=salt, info=MAGIC + context).derive(key))


def _numbered(source: Readable, size: int) -> Iterator[tuple[bytes, bytes]]:
    """Give the source in pieces of a size, at least one, each with its nonce."""
    number, piece = 0, _read(source, size)
    while True:
        # One ahead: whether a piece is the last is in its nonce.
        following = _read(source, size) if len(piece) == size else b""
        yield number.to_bytes(_COUNTER_BYTES) + bytes([not following]), piece
        if not following:
            return
        number, piece = number + 1, following


def _read(source: Readable, size: int) -> bytes:
    """Read so much, and less only where the source is over."""
    pieces, missing = [], size
    while missing and (piece := source.read(missing)):
        pieces.append(piece)
        missing -= len(piece)
    return b"".join(pieces)


def _write(target: Writable, data: bytes) -> int:
    left = memoryview(data)
    while left:
        left = left[target.write(left) or 0 :]
    return len(data)
