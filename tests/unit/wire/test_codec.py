"""What the codec refuses, case by case."""

from __future__ import annotations

import pytest

from fanlight import wire
from fanlight.errors import WireError
from fanlight.wire import ConnectionId, SessionId, ViewerCandidate


def test_fields_are_camel_case_on_the_wire() -> None:
    message = ViewerCandidate(SessionId("s"), ConnectionId("c"), "candidate:1", "0", 0)
    assert b'"sdpMLineIndex":0' in wire.encode(message)


def test_a_line_that_is_too_long_is_refused() -> None:
    with pytest.raises(WireError, match="are allowed"):
        wire.decode(b" " * (wire.MAX_LINE_BYTES + 1))


def test_a_stream_without_an_end_of_line_is_not_kept_for_ever() -> None:
    with pytest.raises(WireError, match="a line of over"):
        list(wire.Decoder().feed(b"x" * (wire.MAX_LINE_BYTES + 1)))


def test_empty_lines_mean_nothing() -> None:
    assert list(wire.Decoder().feed(b"\n\r\n")) == []


@pytest.mark.parametrize(
    "line",
    [
        b'{"type":"input.ping"}',
        b'{"type":"input.ping","t":true}',
        b'{"type":"input.ping","t":NaN}',
        b'{"type":"input.ping","t":1,"more":1}',
        b'{"type":"input.key","keysym":1.5,"down":true}',
        b'{"type":"connection.candidate","session":"s","connection":"c","candidate":"","sdpMid":3}',
    ],
)
def test_a_field_that_is_not_as_declared_is_refused(line: bytes) -> None:
    with pytest.raises(WireError):
        wire.decode(line)


def test_a_whole_number_will_do_for_a_fraction() -> None:
    assert wire.decode(b'{"type":"input.ping","t":1}') == wire.InputPing(1.0)


def test_a_field_with_a_default_may_be_left_out() -> None:
    line = b'{"type":"connection.candidate","session":"s","connection":"c","candidate":""}'
    assert wire.decode(line) == ViewerCandidate(SessionId("s"), ConnectionId("c"), "")
