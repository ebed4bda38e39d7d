"""STUN messages (RFC 8489) and what TURN adds to them (RFC 8656). Pure: bytes in, bytes out.

What `fanlight doctor` needs to ask a TURN server for an allocation as a viewer would, no more:
long-term credentials, IPv4 and IPv6, no fingerprints. Everything that comes from the network is
checked for its length before it is read.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import ipaddress
import struct
from dataclasses import dataclass
from typing import Literal

from fanlight.errors import WireError

HEADER_BYTES = 20
COOKIE = 0x2112A442
LARGEST_BYTES = 1500
"""More than any server's answer; a longer one is none (RFC 8489 section 6.1: path MTU)."""

BINDING, ALLOCATE, REFRESH, SEND, DATA, CREATE_PERMISSION = 1, 3, 4, 6, 7, 8
"""Methods: RFC 8489 section 18.2, RFC 8656 section 17."""

Kind = Literal["request", "indication", "success", "error"]
_KINDS: tuple[Kind, ...] = ("request", "indication", "success", "error")

USERNAME, MESSAGE_INTEGRITY, ERROR_CODE, LIFETIME = 0x0006, 0x0008, 0x0009, 0x000D
XOR_PEER_ADDRESS, DATA_ATTRIBUTE, REALM, NONCE = 0x0012, 0x0013, 0x0014, 0x0015
XOR_RELAYED_ADDRESS, REQUESTED_TRANSPORT, XOR_MAPPED_ADDRESS = 0x0016, 0x0019, 0x0020
UDP = b"\x11\0\0\0"
"""The only value of REQUESTED-TRANSPORT (RFC 8656 section 18.6): protocol 17."""

Endpoint = tuple[str, int]
"""An IP address and a port."""


@dataclass(frozen=True, slots=True)
class StunMessage:
    """One message. `transaction` is 12 bytes, fresh for each request."""

    method: int
    kind: Kind
    transaction: bytes
    attributes: tuple[tuple[int, bytes], ...] = ()

    def attribute(self, number: int) -> bytes | None:
        """Give the first attribute of this number, or None."""
        return next((value for each, value in self.attributes if each == number), None)

    @property
    def error(self) -> tuple[int, str]:
        """The error code and its phrase, (0, "") when there is none (RFC 8489 section 14.8)."""
        value = self.attribute(ERROR_CODE)
        if value is None or len(value) < 4:
            return 0, ""
        return (value[2] & 7) * 100 + value[3], value[4:132].decode(errors="replace")

    def endpoint(self, number: int) -> Endpoint | None:
        """Give an XOR-ed address (RFC 8489 section 14.2), None when it is not there or broken."""
        value = self.attribute(number)
        if value is None or len(value) not in (8, 20) or value[1] != len(value) // 8:
            return None
        mask = _mask(self.transaction)
        port = int.from_bytes(value[2:4]) ^ (COOKIE >> 16)
        raw = bytes(a ^ b for a, b in zip(value[4:], mask, strict=False))
        return str(ipaddress.ip_address(raw)), port


@dataclass(frozen=True, slots=True)
class LongTermCredential:
    """Who asks (RFC 8489 section 9.2), with the server's realm and nonce."""

    username: str
    password: str
    realm: str
    nonce: bytes

    @property
    def key(self) -> bytes:
        """The key of MESSAGE-INTEGRITY: RFC 8489 section 9.2.2 wants MD5 here."""
        text = f"{self.username}:{self.realm}:{self.password}"
        return hashlib.md5(text.encode(), usedforsecurity=False).digest()


def temporary_credential(secret: str, who: str, expires_at: int) -> tuple[str, str]:
    """Give name and password that a TURN server with `use-auth-secret` takes until `expires_at`.

    draft-uberti-behave-turn-rest-00 section 2.2: the name is the end of its life (seconds since
    the epoch) and who it is for; the password is its HMAC-SHA1, in base 64.
    """
    username = f"{expires_at}:{who}"
    mac = hmac.new(secret.encode(), username.encode(), hashlib.sha1)
    return username, base64.b64encode(mac.digest()).decode()


def xor_endpoint(endpoint: Endpoint, transaction: bytes) -> bytes:
    """Give an address as XOR-PEER-ADDRESS and its like hold it."""
    packed = ipaddress.ip_address(endpoint[0]).packed
    raw = bytes(a ^ b for a, b in zip(packed, _mask(transaction), strict=False))
    return struct.pack("!BBH", 0, 1 if len(raw) == 4 else 2, endpoint[1] ^ (COOKIE >> 16)) + raw


def encode_stun(message: StunMessage, credential: LongTermCredential | None = None) -> bytes:
    """Give the message's bytes, signed when there is a credential."""
    body = b"".join(_attribute(number, value) for number, value in message.attributes)
    if credential is None:
        return _header(message, len(body)) + body
    body += _attribute(USERNAME, credential.username.encode())
    body += _attribute(REALM, credential.realm.encode())
    body += _attribute(NONCE, credential.nonce)
    # The length that is signed counts MESSAGE-INTEGRITY itself (RFC 8489 section 14.5).
    signed = _header(message, len(body) + 24) + body
    mac = hmac.new(credential.key, signed, hashlib.sha1).digest()
    return signed + _attribute(MESSAGE_INTEGRITY, mac)


def decode_stun(data: bytes) -> StunMessage:
    """Read one whole message.

    Raises:
        WireError: it is not STUN, or not whole.
    """
    if not HEADER_BYTES <= len(data) <= LARGEST_BYTES:
        raise WireError("no STUN message is that long or short")
    kind, length, cookie = struct.unpack_from("!HHI", data)
    if kind >> 14 or cookie != COOKIE or length % 4 or len(data) != HEADER_BYTES + length:
        raise WireError("that is not a STUN message")
    attributes, at = [], HEADER_BYTES
    while at < len(data):
        number, size = struct.unpack_from("!HH", data, at)
        if at + 4 + size > len(data):
            raise WireError("a STUN attribute is longer than its message")
        attributes.append((number, data[at + 4 : at + 4 + size]))
        at += 4 + size + -size % 4
    return StunMessage(_method(kind), _kind(kind), data[8:HEADER_BYTES], tuple(attributes))


def body_length(header: bytes) -> int:
    """Give how many bytes follow a STUN header on a stream (RFC 8489 section 6.2.2).

    Raises:
        WireError: it is no STUN header, or announces too much.
    """
    kind, length, cookie = struct.unpack("!HHI12x", header)
    if kind >> 14 or cookie != COOKIE or length > LARGEST_BYTES - HEADER_BYTES:
        raise WireError("that is not a STUN message")
    return int(length)


def _header(message: StunMessage, length: int) -> bytes:
    # RFC 8489 section 5: the two bits of the class stand between those of the method.
    number, method = _KINDS.index(message.kind), message.method
    bits = (method & 0xF80) << 2 | (method & 0x70) << 1 | method & 0xF
    bits |= (number & 2) << 7 | (number & 1) << 4
    return struct.pack("!HHI", bits, length, COOKIE) + message.transaction


def _method(bits: int) -> int:
    return (bits & 0x3E00) >> 2 | (bits & 0xE0) >> 1 | bits & 0xF


def _kind(bits: int) -> Kind:
    return _KINDS[(bits >> 7 & 2) | (bits >> 4 & 1)]


def _attribute(number: int, value: bytes) -> bytes:
    return struct.pack("!HH", number, len(value)) + value + bytes(-len(value) % 4)


def _mask(transaction: bytes) -> bytes:
    return COOKIE.to_bytes(4) + transaction
