"""Egress, over all addresses and all bytes."""

from __future__ import annotations

import contextlib
import ipaddress

from hypothesis import given
from hypothesis import strategies as st

from fanlight.host.addresses import why_refused
from fanlight.host.policy import EgressDenied, parse_destination
from fanlight.host.requests import BadHead, parse_request, request_head


@given(st.ip_addresses())
def test_what_python_calls_not_global_is_never_reached(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address,
) -> None:
    if why_refused(address, (), lambda address: False) is None:
        assert address.is_global
        assert not address.is_multicast


@given(st.ip_addresses(v=4), st.sampled_from(["::ffff:0:0", "64:ff9b::", "::", "2002::"]))
def test_no_ipv4_address_is_reached_in_the_clothes_of_ipv6(
    inner: ipaddress.IPv4Address, prefix: str
) -> None:
    shift = 80 if prefix == "2002::" else 0
    outer = ipaddress.IPv6Address(int(ipaddress.IPv6Address(prefix)) | int(inner) << shift)

    assert why_refused(outer, (), lambda address: False)


@given(st.text(max_size=40))
def test_a_destination_is_read_or_refused(text: str) -> None:
    with contextlib.suppress(EgressDenied):
        destination = parse_destination(text)
        assert parse_destination(str(destination)) == destination


pieces = st.sampled_from(
    [
        b"GET", b"POST", b"CONNECT", b" ", b"http://", b"x.org", b":80", b"/", b" HTTP/1.1",
        b"\r\n", b"\n", b"\r", b"Host", b": ", b"Content-Length", b"1", b"Transfer-Encoding",
        b"chunked", b"\0", b"\t", b"Connection", b"close", b"\xff",
    ]
)  # fmt: skip


@given(st.one_of(st.binary(max_size=200), st.lists(pieces, max_size=30).map(b"".join)))
def test_a_head_is_read_or_refused_and_what_is_passed_on_reads_the_same(data: bytes) -> None:
    with contextlib.suppress(BadHead):
        request = parse_request(data + b"\r\n\r\n")
        if request.path:
            url = f"http://{request.authority}{request.path}"
            again = parse_request(request_head(request, url))
            assert (again.method, again.path, again.body) == (
                request.method,
                request.path,
                request.body,
            )
