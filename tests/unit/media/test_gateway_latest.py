"""What a viewer who comes now begins with: a key frame and the little after it, or nothing."""

from __future__ import annotations

from fanlight.media.gateway.frames import Frame
from fanlight.media.gateway.latest import MOST_BYTES, MOST_FRAMES, LatestPicture

KEY, NEXT = Frame(90_000, True, (b"key",)), Frame(180_000, False, (b"next",))


def test_nothing_is_kept_before_a_key_frame() -> None:
    latest = LatestPicture()

    latest.take(NEXT)

    assert not latest
    assert latest.frames() == ()


def test_what_followed_the_key_frame_is_shown_after_it_and_at_once() -> None:
    latest = LatestPicture()
    for frame in (KEY, NEXT, NEXT):
        latest.take(frame)

    kept = latest.frames()

    assert [each.payloads for each in kept] == [(b"key",), (b"next",), (b"next",)]
    assert [each.timestamp for each in kept] == [0, 90, 180], "a millisecond apart, not a second"


def test_a_key_frame_takes_the_place_of_all_before_it() -> None:
    latest = LatestPicture()
    for frame in (KEY, NEXT, KEY):
        latest.take(frame)

    assert [each.payloads for each in latest.frames()] == [(b"key",)]


def test_what_a_new_viewer_would_wait_for_is_not_kept() -> None:
    many, large = LatestPicture(), LatestPicture()
    for frame in (KEY, *[NEXT] * MOST_FRAMES):
        many.take(frame)
    large.take(Frame(0, True, (bytes(MOST_BYTES + 1),)))

    assert not many
    assert not large
    many.take(NEXT)
    assert not many, "it would be the middle of something"


def test_a_lost_frame_spoils_what_is_kept() -> None:
    latest = LatestPicture()
    latest.take(KEY)

    latest.spoil()

    assert latest.frames() == ()
