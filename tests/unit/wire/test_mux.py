"""The stream between a virtual machine and its host, each rule by itself."""

from __future__ import annotations

import pytest

from fanlight import wire
from fanlight.errors import WireError
from fanlight.wire.mux import MARKER

NONCE = bytes(range(wire.NONCE_BYTES))
EVERYTHING = 1 << 20


class Pair:
    """Both ends, and what each heard."""

    def __init__(self) -> None:
        self.host, self.guest = wire.HostMux(NONCE), wire.GuestMux()

    def to_guest(self) -> list[wire.MuxEvent]:
        return self.guest.feed(self.host.to_send(EVERYTHING))

    def to_host(self) -> list[wire.MuxEvent]:
        return self.host.feed(self.guest.to_send(EVERYTHING))

    def opened(self, service: wire.Service = "link") -> int:
        channel = self.host.open(service)
        assert wire.ChannelOpened(channel, service) in self.to_guest()
        self.to_host()
        return channel


def frame(kind: int, channel: int, payload: bytes = b"") -> bytes:
    return bytes((kind,)) + channel.to_bytes(2) + len(payload).to_bytes(2) + payload


OPEN, DATA, CLOSE, GIVE, DATAGRAM, MESSAGE = range(1, 7)


def test_both_ends_begin_afresh_and_a_channel_carries_bytes_both_ways() -> None:
    pair = Pair()
    channel = pair.host.open("vnc")
    pair.host.send(channel, b"RFB 003.008\n")

    assert pair.to_guest() == [
        wire.MuxFresh(),
        wire.ChannelOpened(channel, "vnc"),
        wire.ChannelData(channel, b"RFB 003.008\n"),
    ]
    pair.guest.send(channel, b"RFB")
    assert pair.to_host() == [wire.MuxFresh(), wire.ChannelData(channel, b"RFB")]
    assert not pair.host.is_waiting
    assert not pair.guest.is_waiting


def test_a_restored_guest_drops_half_a_frame_and_the_host_what_was_for_another() -> None:
    old = Pair()
    channel = old.opened()
    old.host.send(channel, b"x" * 100)
    old.guest.feed(old.host.to_send(EVERYTHING)[:-7])  # it was in the midst of this frame
    old.guest.send(channel, b"for the one before")

    new = wire.HostMux(NONCE[::-1])
    new.say(wire.VmIdentified("n"))
    sent = new.to_send(EVERYTHING)
    stale = old.guest.to_send(EVERYTHING)[3:]
    old.guest.feed(sent[:9])
    assert wire.MuxFresh() in old.guest.feed(sent[9:20]) + (last := old.guest.feed(sent[20:]))
    assert last[-1] == wire.MuxMessage(wire.VmIdentified("n"))
    assert old.guest.room(channel) == 0

    assert new.feed(stale + MARKER + NONCE) == []
    assert new.feed(old.guest.to_send(EVERYTHING)) == [wire.MuxFresh()]


def test_what_was_never_the_hosts_is_passed_over_until_it_begins() -> None:
    guest = wire.GuestMux()
    assert guest.feed(b"console noise" + MARKER[:5]) == []
    assert guest.feed(MARKER[5:] + NONCE) == [wire.MuxFresh()]


def test_a_side_sends_no_more_than_it_was_given_credit_for() -> None:
    pair = Pair()
    channel = pair.opened()
    pair.guest.send(channel, b"v" * wire.WINDOW_BYTES)
    assert pair.guest.room(channel) == 0

    pair.to_host()
    pair.host.took(channel, 100)
    assert pair.to_guest() == []  # too little to be worth a frame
    pair.host.took(channel, wire.WINDOW_BYTES // 2)
    assert pair.to_guest() == [wire.ChannelRoom(channel)]
    assert pair.guest.room(channel) == wire.WINDOW_BYTES // 2 + 100


def test_a_flood_in_one_channel_holds_up_neither_another_nor_a_message() -> None:
    pair = Pair()
    flooded, link = pair.opened("vnc"), pair.opened("link")
    pair.guest.send(flooded, b"v" * wire.WINDOW_BYTES)
    pair.guest.to_send(4096)
    pair.guest.send(link, b"hello\n")
    pair.guest.say(wire.VmSettled())

    first, second = (pair.guest.to_send(4096) for _ in range(2))
    assert b"vm.settled" in first
    assert b"hello\n" in first + second


def test_closing_says_what_waits_first_and_the_other_side_hears_it_once() -> None:
    pair = Pair()
    channel = pair.opened()
    pair.host.send(channel, b"last words")
    pair.host.close(channel)
    pair.host.close(channel)
    assert pair.host.room(channel) == 0

    pair.guest.send(channel, b"in vain")
    assert pair.to_guest() == [
        wire.ChannelData(channel, b"last words"),
        wire.ChannelClosed(channel),
    ]
    pair.guest.close(channel)  # it is over
    pair.guest.took(channel, 10)
    assert pair.to_host() == []
    assert not pair.host._channels
    assert not pair.guest._channels


def test_data_and_credit_for_a_channel_that_we_closed_is_passed_over() -> None:
    pair = Pair()
    channel = pair.opened()
    pair.host.send(channel, b"w" * wire.WINDOW_BYTES)
    pair.to_guest()
    pair.guest.send(channel, b"in vain")
    pair.guest.took(channel, wire.WINDOW_BYTES)
    pair.host.close(channel)
    assert pair.to_host() == []
    pair.host.took(channel, 10)
    pair.to_guest()
    assert pair.to_host() == []


def test_both_sides_may_close_at_once() -> None:
    pair = Pair()
    channel = pair.opened()
    pair.host.close(channel)
    pair.guest.send(channel, b"waits")
    pair.guest.close(channel)
    assert pair.to_guest() == []
    assert pair.to_host() == []
    assert not pair.host._channels
    assert not pair.guest._channels


def test_datagrams_keep_their_bounds_and_have_a_credit_of_their_own() -> None:
    pair = Pair()
    pair.host.send_datagram(b"one")
    pair.host.send_datagram(b"two")
    assert pair.host.is_waiting
    assert pair.to_guest()[1:] == [wire.MuxDatagram(b"one"), wire.MuxDatagram(b"two")]
    packet = b"p" * wire.MAX_PAYLOAD_BYTES
    while pair.host.room(wire.CONTROL) >= len(packet):
        pair.host.send_datagram(packet)
    received = [each for each in pair.to_guest() if isinstance(each, wire.MuxDatagram)]
    for each in received:
        pair.guest.took(wire.CONTROL, len(each.data))
    assert wire.ChannelRoom(wire.CONTROL) in pair.to_host()
    assert pair.host.room(wire.CONTROL) >= len(packet)


@pytest.mark.parametrize("data", [b"", b"x" * (wire.MAX_PAYLOAD_BYTES + 1), MARKER, MARKER[1:]])
def test_a_packet_that_no_frame_can_hold_is_refused(data: bytes) -> None:
    with pytest.raises(WireError):
        wire.HostMux(NONCE).send_datagram(data)


@pytest.mark.parametrize("before", [0, 1, wire.MAX_PAYLOAD_BYTES - 9])
def test_bytes_that_hold_the_marker_are_cut_inside_it(before: int) -> None:
    pair = Pair()
    channel = pair.opened()
    sent = b"b" * before + MARKER + MARKER[1:] + b"a" * 240
    pair.host.send(channel, sent)
    stream = pair.host.to_send(EVERYTHING)
    assert MARKER not in stream
    events = pair.guest.feed(stream)
    assert b"".join(e.data for e in events if isinstance(e, wire.ChannelData)) == sent


def test_numbers_of_channels_are_used_again_but_never_those_in_use() -> None:
    pair = Pair()
    first = pair.opened()
    pair.host._last = 0xFFFF
    assert pair.opened() == first + 1
    while pair.host.has_room_for_channel:
        pair.opened()
    assert len(pair.guest._channels) == wire.MAX_CHANNELS


@pytest.mark.parametrize(
    "sent",
    [
        frame(0, 0),
        frame(7, 0),
        bytes((DATA, 0, 1, 0xFF, 0xFF)),
        frame(OPEN, 9, b"link"),
        frame(DATA, 9, b"x"),
        frame(DATA, 1),
        frame(CLOSE, 9),
        frame(CLOSE, 1, b"x"),
        frame(GIVE, 9, bytes(4)),
        frame(GIVE, 1, bytes(3)),
        frame(GIVE, 1, bytes(4)),
        frame(GIVE, 1, (1).to_bytes(4)),
        frame(GIVE, 0, (1).to_bytes(4)),
        frame(DATAGRAM, 1, b"x"),
        frame(DATAGRAM, 0),
        frame(MESSAGE, 1, b"{}"),
        frame(MESSAGE, 0, b"{}"),
        frame(DATA, 1, bytes(wire.MAX_PAYLOAD_BYTES)) * 17,
        frame(DATAGRAM, 0, bytes(wire.MAX_PAYLOAD_BYTES)) * 17,
    ],
)
def test_a_guest_that_does_not_keep_to_the_protocol_is_a_wire_error(sent: bytes) -> None:
    pair = Pair()
    assert pair.opened() == 1
    with pytest.raises(WireError):
        pair.host.feed(sent)


@pytest.mark.parametrize(
    "sent",
    [
        frame(OPEN, 1, b"link"),
        frame(OPEN, 0, b"link"),
        frame(OPEN, 2, b"shadow"),
        b"".join(frame(OPEN, 2 + each, b"vnc") for each in range(wire.MAX_CHANNELS)),
    ],
)
def test_a_guest_that_loses_the_thread_waits_for_the_host_to_begin_again(sent: bytes) -> None:
    pair = Pair()
    channel = pair.opened()
    assert isinstance(pair.guest.feed(sent)[-1], wire.MuxLost)
    assert pair.guest.room(channel) == 0
    assert pair.guest.feed(frame(MESSAGE, 0, b"{}")) == []
    assert pair.guest.feed(MARKER + NONCE) == [wire.MuxFresh()]


def test_credit_for_a_packet_that_was_not_sent_yet_is_refused() -> None:
    host = wire.HostMux(NONCE)
    host.to_send(EVERYTHING)
    host.feed(MARKER + NONCE)
    host.send_datagram(b"waits")
    with pytest.raises(WireError):
        host.feed(frame(GIVE, 0, (1).to_bytes(4)))
