"""A sealed stream gives back what was sealed, or nothing that could be taken for it."""

from __future__ import annotations

import io
import os
import threading
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fanlight.machines import sealed_stream
from fanlight.machines.sealed_stream import (
    KEY_BYTES,
    MAGIC,
    SALT_BYTES,
    TAG_BYTES,
    SealBroken,
    new_key,
    seal,
    unseal,
)

SMALL_CHUNK_BYTES = 16
HEAD_BYTES = len(MAGIC) + SALT_BYTES
KEY = bytes(range(KEY_BYTES))
CONTEXT = b"session one"
contents = st.binary(max_size=6 * SMALL_CHUNK_BYTES)


@pytest.fixture(autouse=True, scope="module")
def small_chunks() -> Iterator[None]:
    """Have many chunks in few bytes."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sealed_stream, "CHUNK_BYTES", SMALL_CHUNK_BYTES)
        yield


class Dribbling(io.BytesIO):
    """A source and target like a pipe's end: gives and takes a few bytes at a time."""

    def read(self, most: int | None = -1, /) -> bytes:
        return super().read(min(most or 0, 7))

    def write(self, data: object, /) -> int:
        return super().write(memoryview(data)[:5])  # type: ignore[arg-type]


def sealed(content: bytes, key: bytes = KEY, context: bytes = CONTEXT) -> bytes:
    target = io.BytesIO()
    assert seal(key, io.BytesIO(content), target, context=context) == len(target.getvalue())
    return target.getvalue()


def unsealed(data: bytes, key: bytes = KEY, context: bytes = CONTEXT) -> bytes:
    target = io.BytesIO()
    assert unseal(key, io.BytesIO(data), target, context=context) == len(target.getvalue())
    return target.getvalue()


def chunks_of(data: bytes) -> list[bytes]:
    size, body = SMALL_CHUNK_BYTES + TAG_BYTES, data[HEAD_BYTES:]
    return [body[at : at + size] for at in range(0, len(body), size)]


@given(content=contents)
def test_what_was_sealed_comes_back(content: bytes) -> None:
    assert unsealed(sealed(content)) == content


@given(content=contents)
def test_it_comes_back_however_few_bytes_a_pipe_gives_at_a_time(content: bytes) -> None:
    target, back = Dribbling(), Dribbling()
    seal(KEY, Dribbling(content), target, context=CONTEXT)
    unseal(KEY, Dribbling(target.getvalue()), back, context=CONTEXT)

    assert back.getvalue() == content


@given(content=contents, data=st.data())
def test_a_stream_that_is_cut_off_anywhere_is_refused(content: bytes, data: st.DataObject) -> None:
    whole = sealed(content)
    kept = data.draw(st.integers(0, len(whole) - 1))

    with pytest.raises(SealBroken):
        unsealed(whole[:kept])


@given(content=contents, more=st.binary(min_size=1, max_size=64))
def test_a_stream_with_anything_added_is_refused(content: bytes, more: bytes) -> None:
    with pytest.raises(SealBroken):
        unsealed(sealed(content) + more)


@given(content=contents, data=st.data())
def test_a_changed_bit_is_refused_wherever_it_is(content: bytes, data: st.DataObject) -> None:
    changed = bytearray(sealed(content))
    at = data.draw(st.integers(0, len(changed) - 1))
    changed[at] ^= 1 << data.draw(st.integers(0, 7))

    with pytest.raises(SealBroken):
        unsealed(bytes(changed))


@given(content=st.binary(min_size=20, max_size=100), data=st.data())
def test_chunks_in_another_order_or_number_are_refused(
    content: bytes, data: st.DataObject
) -> None:
    whole = sealed(content)
    chunks = chunks_of(whole)
    order = st.lists(st.integers(0, len(chunks) - 1), min_size=1, max_size=len(chunks) + 2)
    other = data.draw(order.filter(lambda chosen: chosen != list(range(len(chunks)))))

    with pytest.raises(SealBroken):
        unsealed(whole[:HEAD_BYTES] + b"".join(chunks[each] for each in other))


@given(one=contents, other=contents)
def test_the_chunks_of_another_stream_are_refused(one: bytes, other: bytes) -> None:
    with pytest.raises(SealBroken):
        unsealed(sealed(one)[:HEAD_BYTES] + sealed(other)[HEAD_BYTES:])


@given(content=contents)
def test_another_key_or_context_opens_nothing(content: bytes) -> None:
    with pytest.raises(SealBroken):
        unsealed(sealed(content), key=new_key())
    with pytest.raises(SealBroken):
        unsealed(sealed(content), context=b"session two")


@given(content=contents, data=st.data())
def test_what_is_given_before_the_refusal_is_a_beginning_of_what_was_sealed(
    content: bytes, data: st.DataObject
) -> None:
    changed = bytearray(sealed(content))
    changed[data.draw(st.integers(0, len(changed) - 1))] ^= 1
    given_back = io.BytesIO()

    with pytest.raises(SealBroken):
        unseal(KEY, io.BytesIO(bytes(changed)), given_back, context=CONTEXT)

    assert content.startswith(given_back.getvalue())


@given(content=st.binary(min_size=8, max_size=64))
def test_nothing_of_the_content_can_be_read_and_no_two_streams_are_alike(content: bytes) -> None:
    one, other = sealed(content), sealed(content)

    assert content not in one[HEAD_BYTES:]
    assert one[HEAD_BYTES:] != other[HEAD_BYTES:]


@pytest.mark.parametrize("size", [0, KEY_BYTES - 1, KEY_BYTES + 1])
def test_a_key_of_another_size_is_a_mistake_of_the_callers(size: int) -> None:
    with pytest.raises(ValueError, match="a key has 32 bytes"):
        seal(bytes(size), io.BytesIO(), io.BytesIO(), context=CONTEXT)


def test_real_pipes_carry_it() -> None:
    content = os.urandom(300_000)
    plain_out, plain_in = os.pipe()
    sealed_to = io.BytesIO()

    def pour() -> None:
        with open(plain_in, "wb", buffering=0) as end:
            left = memoryview(content)
            while left:
                left = left[end.write(left) :]

    pouring = threading.Thread(target=pour)
    pouring.start()
    with open(plain_out, "rb", buffering=0) as end:
        seal(KEY, end, sealed_to, context=CONTEXT)
    pouring.join()

    assert unsealed(sealed_to.getvalue()) == content
