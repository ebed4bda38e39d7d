"""STUN as RFC 5769's samples have it, and nothing that is broken."""

from __future__ import annotations

import hashlib
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fanlight.errors import WireError
from fanlight.wire import stun
from fanlight.wire.stun import LongTermCredential, StunMessage

TRANSACTION = bytes.fromhex("b7e7a701bc34d686fa87dfae")
IPV4_RESPONSE = bytes.fromhex(
    "0101003c2112a442b7e7a701bc34d686fa87dfae"
    "8022000b7465737420766563746f7220"
    "002000080001a147e112a643"
    "000800142b91f599fd9e90c38c7489f92af9ba53f06be7d7"
    "80280004c07d4c96"
)
"""RFC 5769 section 2.2."""
IPV6_ADDRESS = bytes.fromhex("0002a1470113a9faa5d3f179bc25f4b5bed2b9d9")
"""RFC 5769 section 2.3."""
LONG_TERM_REQUEST = bytes.fromhex(
    "000100602112a44278ad3433c6ad72c029da412e"
    "00060012e3839ee38388e383aae38383e382afe382b90000"
    "0015001c662f2f3439396b39353464364f4c33346f4c39465354767936347341"
    "0014000b6578616d706c652e6f726700"
    "00080014f67024656dd64a3e02b8e0712e85c9a28ca89666"
)
"""RFC 5769 section 2.4."""


def test_the_sample_response_is_read() -> None:
    message = stun.decode_stun(IPV4_RESPONSE)

    assert (message.method, message.kind) == (stun.BINDING, "success")
    assert message.transaction == TRANSACTION
    assert message.endpoint(stun.XOR_MAPPED_ADDRESS) == ("192.0.2.1", 32853)


def test_the_sample_address_of_ipv6_is_read_and_written() -> None:
    endpoint = ("2001:db8:1234:5678:11:2233:4455:6677", 32853)
    message = StunMessage(1, "success", TRANSACTION, ((stun.XOR_MAPPED_ADDRESS, IPV6_ADDRESS),))

    assert message.endpoint(stun.XOR_MAPPED_ADDRESS) == endpoint
    assert stun.xor_endpoint(endpoint, TRANSACTION) == IPV6_ADDRESS


def test_the_sample_request_is_signed_by_the_key_of_its_credential() -> None:
    who = LongTermCredential("マトリックス", "TheMatrIX", "example.org", b"")

    mac = hmac.new(who.key, LONG_TERM_REQUEST[:-24], hashlib.sha1).digest()

    assert mac == LONG_TERM_REQUEST[-20:]


def test_a_signed_request_holds_who_asks_and_a_signature_over_all_of_it() -> None:
    who = LongTermCredential("anna", "secret", "fanlight", b"nonce")
    request = StunMessage(stun.ALLOCATE, "request", TRANSACTION, ((0x19, stun.UDP),))

    data = stun.encode_stun(request, who)

    message = stun.decode_stun(data)
    assert message.attribute(stun.USERNAME) == b"anna"
    assert message.attribute(stun.NONCE) == b"nonce"
    mac = hmac.new(who.key, data[:-24], hashlib.sha1).digest()
    assert message.attribute(stun.MESSAGE_INTEGRITY) == mac
    assert b"secret" not in data


def test_an_error_is_read_as_number_and_phrase() -> None:
    value = b"\0\0\4\1Unauthorized"
    message = StunMessage(stun.ALLOCATE, "error", TRANSACTION, ((stun.ERROR_CODE, value),))

    assert message.error == (401, "Unauthorized")


METHODS = st.integers(0, 0xFFF)
KINDS = st.sampled_from(["request", "indication", "success", "error"])
ATTRIBUTES = st.lists(st.tuples(st.integers(0, 0xFFFF), st.binary(max_size=60)), max_size=8)


@given(METHODS, KINDS, st.binary(min_size=12, max_size=12), ATTRIBUTES)
def test_what_is_written_is_read(
    method: int, kind: stun.Kind, transaction: bytes, attributes: list[tuple[int, bytes]]
) -> None:
    message = StunMessage(method, kind, transaction, tuple(attributes))

    assert stun.decode_stun(stun.encode_stun(message)) == message


@given(st.binary(max_size=200) | st.binary(max_size=80).map(lambda b: IPV4_RESPONSE[:20] + b))
def test_whatever_comes_is_a_message_or_refused(data: bytes) -> None:
    try:
        message = stun.decode_stun(data)
    except WireError:
        return
    assert message.error[0] < 1000
    for number, _ in message.attributes:
        message.endpoint(number)


@pytest.mark.parametrize("cut", [0, 1, 19, 20, 30, 63, 79])
def test_a_message_that_is_not_whole_is_refused(cut: int) -> None:
    with pytest.raises(WireError):
        stun.decode_stun(IPV4_RESPONSE[:cut])


@pytest.mark.parametrize(
    "header",
    [b"\x40" + IPV4_RESPONSE[1:20], IPV4_RESPONSE[:2] + b"\xff\xff" + IPV4_RESPONSE[4:20]],
)
def test_a_stream_is_not_waited_on_for_what_is_no_message(header: bytes) -> None:
    with pytest.raises(WireError):
        stun.body_length(header)


def test_temporary_credentials_are_those_that_coturn_makes() -> None:
    # `echo -n 1700000000:me | openssl dgst -sha1 -hmac abc -binary | base64`
    assert stun.temporary_credential("abc", "me", 1_700_000_000) == (
        "1700000000:me",
        "G9RjkroTF8cWNt3y+czFCzLeeMY=",
    )
