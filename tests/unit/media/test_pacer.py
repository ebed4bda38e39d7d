"""Packets leave no faster than the path takes them, and on a good path at once."""

from __future__ import annotations

from fanlight.media.gateway.pacer import Pacer


def test_on_a_good_path_a_whole_key_frame_goes_out_at_once() -> None:
    pacer = Pacer(kbps=25_000)
    pacer.add([bytes(1200)] * 80)
    assert len(pacer.take(5.0)) == 80
    assert pacer.wait_s() is None


def test_on_a_slow_path_a_key_frame_is_spread_out_and_nothing_is_lost_or_reordered() -> None:
    pacer = Pacer(kbps=2500)
    packets = [bytes([n]) * 1200 for n in range(80)]
    pacer.add(packets)
    now, sent, after_first = 5.0, list(pacer.take(5.0)), 0
    after_first = len(sent)
    while (wait_s := pacer.wait_s()) is not None:
        now += wait_s
        sent += pacer.take(now)
    assert sent == packets
    assert after_first < 15
    rate_kbps = (80 - after_first) * 1200 * 8 / (now - 5.0) / 1000
    assert 2000 < rate_kbps < 3200
    assert pacer.queued_bytes == 0


def test_what_waits_is_known_and_can_be_given_up() -> None:
    pacer = Pacer(kbps=1000)
    pacer.take(1.0)
    pacer.add([bytes(1250)] * 100)
    assert pacer.queued_s == 1.0
    pacer.clear()
    assert pacer.take(2.0) == []
    assert pacer.queued_s == 0


def test_time_in_which_nothing_was_sent_is_not_saved_up() -> None:
    pacer = Pacer(kbps=1000)
    pacer.take(1.0)
    pacer.add([bytes(1000)] * 100)
    assert len(pacer.take(1000.0)) <= 6
