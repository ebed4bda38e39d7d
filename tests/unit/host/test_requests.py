"""HTTP heads: what is read in one way only, and what is passed on."""

from __future__ import annotations

import pytest

from fanlight.host.requests import (
    BadHead,
    Body,
    parse_request,
    parse_response,
    request_head,
    response_head,
)


def head(*lines: str) -> bytes:
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


def test_a_connect_names_its_authority() -> None:
    request = parse_request(head("CONNECT example.org:443 HTTP/1.1", "Host: example.org:443"))

    assert (request.method, request.authority, request.path) == ("CONNECT", "example.org:443", "")


def test_what_is_for_one_hop_is_not_passed_on() -> None:
    request = parse_request(
        head(
            "GET http://example.org:8080/a?b=c HTTP/1.1",
            "Host: something.else",
            "Proxy-Authorization: Basic eDp5",
            "Connection: keep-alive, X-Private",
            "X-Private: 1",
            "Upgrade: h2c",
            "Accept: */*",
        )
    )

    assert request_head(request, request.path) == head(
        "GET /a?b=c HTTP/1.1", "Host: example.org:8080", "Accept: */*", "Connection: close"
    )


@pytest.mark.parametrize(
    "lines",
    [
        ["GET / HTTP/1.1", "Host: example.org"],
        ["GET https://example.org/ HTTP/1.1"],
        ["GET ftp://example.org/ HTTP/1.1"],
        ["GET http://user@example.org/ HTTP/1.1"],
        ["GET http://example.org/ HTTP/2"],
        ["GET  http://example.org/ HTTP/1.1"],
        ["GET http://example.org/ HTTP/1.1", " folded: 1"],
        ["GET http://example.org/ HTTP/1.1", "A: 1", "\tfolded"],
        ["GET http://example.org/ HTTP/1.1", "Name : value"],
        ["GET http://example.org/ HTTP/1.1", "no colon"],
        ["GET http://example.org/ HTTP/1.1", "A: b\nEvil: c"],
        ["GET http://example.org/ HTTP/1.1", "A: b\0"],
        ["POST http://x.org/ HTTP/1.1", "Content-Length: 1", "Transfer-Encoding: chunked"],
        ["POST http://x.org/ HTTP/1.1", "Content-Length: 1", "Content-Length: 2"],
        ["POST http://x.org/ HTTP/1.1", "Content-Length: +1"],
        ["POST http://x.org/ HTTP/1.1", "Content-Length: 1, 1"],
        ["POST http://x.org/ HTTP/1.1", "Transfer-Encoding: gzip, chunked"],
        ["POST http://x.org/ HTTP/1.1", "Transfer-Encoding: chunked", "Transfer-Encoding: x"],
        ["GET http://example.org/ HTTP/1.1", *(f"A{n}: b" for n in range(200))],
    ],
)
def test_what_could_be_read_in_two_ways_is_refused(lines: list[str]) -> None:
    with pytest.raises(BadHead):
        parse_request(head(*lines))


def test_a_body_is_framed_as_it_says() -> None:
    start = "POST http://x.org/ HTTP/1.1"

    assert parse_request(head(start, "Content-Length: 12")).body == Body(12)
    assert parse_request(head(start, "Transfer-Encoding: Chunked")).body == Body(chunked=True)


def test_an_answer_loses_what_is_for_one_hop_and_closes() -> None:
    response = parse_response(
        head("HTTP/1.1 200 OK", "Keep-Alive: timeout=5", "Connection: keep-alive", "Etag: x")
    )

    assert response_head(response) == head("HTTP/1.1 200 OK", "Etag: x", "Connection: close")
