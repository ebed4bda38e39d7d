"""What is encoded is decoded as it was; any other bytes are a WireError and nothing else."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fanlight import wire
from fanlight.errors import WireError
from fanlight.wire import messages

st.register_type_strategy(float, st.floats(allow_nan=False, allow_infinity=False))
text = st.text(st.characters(exclude_categories=["Cs"]))
st.register_type_strategy(str, text)

any_message: st.SearchStrategy[Any] = st.sampled_from(sorted(messages.KINDS)).flatmap(
    lambda name: st.from_type(messages.KINDS[name])
)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | text,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(text, inner, max_size=4),
    max_leaves=8,
)


@given(any_message)
def test_a_message_is_decoded_as_it_was_encoded(message: Any) -> None:
    assert wire.decode(wire.encode(message)) == message


@given(st.lists(any_message, max_size=5), st.integers(1, 40))
def test_a_stream_cut_anywhere_gives_the_same_messages(sent: list[Any], size: int) -> None:
    stream = b"".join(map(wire.encode, sent))
    decoder = wire.Decoder()
    received: list[Any] = []
    for start in range(0, len(stream), size):
        received += decoder.feed(stream[start : start + size])
    assert received == sent


@given(st.binary(max_size=300))
def test_random_bytes_are_a_wire_error_or_a_message(line: bytes) -> None:
    with contextlib.suppress(WireError):
        wire.decode(line)


@given(st.sampled_from(sorted(messages.KINDS)), st.dictionaries(text, json_values, max_size=4))
def test_random_fields_are_a_wire_error_or_a_message(kind: str, fields: dict[str, Any]) -> None:
    line = json.dumps(fields | {"type": kind})
    with contextlib.suppress(WireError):
        assert wire.encode(wire.decode(line))


@given(any_message, st.data())
def test_a_field_of_another_kind_is_a_wire_error_or_fits(
    message: Any, data: st.DataObject
) -> None:
    fields = json.loads(wire.encode(message))
    name = data.draw(st.sampled_from(sorted(fields)))
    fields[name] = data.draw(json_values)
    with contextlib.suppress(WireError):
        assert wire.encode(wire.decode(json.dumps(fields)))


def test_every_message_of_the_union_has_a_name_of_area_and_verb() -> None:
    union = set(messages.Message.__args__)
    assert union == set(messages.NAMES)
    assert all(name.count(".") == 1 and name == name.lower() for name in messages.NAMES.values())


@pytest.mark.parametrize("line", [b"[]", b'{"type": 3}', b'{"type": "no.such"}', b"\xff", b"{}"])
def test_what_is_no_message_is_refused(line: bytes) -> None:
    with pytest.raises(WireError):
        wire.decode(line)
