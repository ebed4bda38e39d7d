"""The stream of a virtual machine: cut and interleaved anyhow, it carries the same."""

from __future__ import annotations

import contextlib
from collections import defaultdict

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from fanlight import wire
from fanlight.errors import WireError
from fanlight.wire.mux import MARKER, SERVICES

nonces = st.binary(min_size=wire.NONCE_BYTES, max_size=wire.NONCE_BYTES)
pieces = st.lists(st.sampled_from((MARKER, MARKER[1:], b"\xff", b"\0")) | st.binary(max_size=40))
data = pieces.map(b"".join)
sizes = st.sampled_from((1, 300, 5000))


class Side:
    """One end, the bytes on their way to it, and what it has heard."""

    def __init__(self, mux: wire.HostMux | wire.GuestMux) -> None:
        self.mux = mux
        self.coming = bytearray()
        self.sent: defaultdict[int, bytearray] = defaultdict(bytearray)
        self.heard: defaultdict[int, bytearray] = defaultdict(bytearray)
        self.held: defaultdict[int, int] = defaultdict(int)
        self.open: set[int] = set()

    def take(self, event: wire.MuxEvent) -> None:
        match event:
            case wire.ChannelOpened(channel=channel):
                self.open.add(channel)
            case wire.ChannelData(channel=channel, data=data):
                assert channel in self.open
                self.heard[channel] += data
                self.held[channel] += len(data)
                assert self.held[channel] <= wire.WINDOW_BYTES
            case wire.MuxDatagram(data=data):
                self.heard[wire.CONTROL] += data + b"|"
                self.mux.took(wire.CONTROL, len(data))
            case wire.ChannelClosed(channel=channel):
                self.open.remove(channel)
            case _:
                pass


class Interleaved(RuleBasedStateMachine):
    """Both ends do anything at any time, and the bytes between them come in any pieces."""

    def __init__(self) -> None:
        super().__init__()
        self.host_mux, guest_mux = wire.HostMux(bytes(wire.NONCE_BYTES)), wire.GuestMux()
        guest_mux.feed(self.host_mux.to_send(1 << 20))  # what it says before is passed over
        self.host, self.guest = Side(self.host_mux), Side(guest_mux)
        self.sides = (self.host, self.guest)

    def other(self, side: Side) -> Side:
        return self.guest if side is self.host else self.host

    @precondition(lambda self: self.host_mux.has_room_for_channel)
    @rule(service=st.sampled_from(SERVICES))
    def opens(self, service: wire.Service) -> None:
        channel = self.host_mux.open(service)
        self.host.take(wire.ChannelOpened(channel, service))

    @rule(at_host=st.booleans(), which=st.integers(0, 40), text=data, times=sizes)
    def sends(self, at_host: bool, which: int, text: bytes, times: int) -> None:
        side = self.sides[not at_host]
        if side.open:
            channel = sorted(side.open)[which % len(side.open)]
            text = (text * times)[: side.mux.room(channel)]
            side.mux.send(channel, text)
            side.sent[channel] += text

    @rule(at_host=st.booleans(), text=st.binary(min_size=1, max_size=400))
    def sends_a_packet(self, at_host: bool, text: bytes) -> None:
        side = self.sides[not at_host]
        if side.mux.room(wire.CONTROL) >= len(text):
            side.mux.send_datagram(text)
            side.sent[wire.CONTROL] += text + b"|"

    @rule(at_host=st.booleans(), limit=st.integers(64, 40_000))
    def writes(self, at_host: bool, limit: int) -> None:
        side = self.sides[not at_host]
        self.other(side).coming += side.mux.to_send(limit)

    @rule(at_host=st.booleans(), size=st.integers(1, 40_000))
    def reads(self, at_host: bool, size: int) -> None:
        side = self.sides[not at_host]
        part = bytes(side.coming[:size])
        del side.coming[:size]
        for event in side.mux.feed(part):
            assert not isinstance(event, wire.MuxLost)
            side.take(event)

    @rule(at_host=st.booleans())
    def takes(self, at_host: bool) -> None:
        side = self.sides[not at_host]
        for channel in side.open:
            side.mux.took(channel, side.held.pop(channel, 0))

    @rule(at_host=st.booleans(), which=st.integers(0, 40))
    def closes(self, at_host: bool, which: int) -> None:
        side = self.sides[not at_host]
        if side.open:
            channel = sorted(side.open)[which % len(side.open)]
            side.open.remove(channel)
            side.mux.close(channel)

    @invariant()
    def each_channel_has_its_bytes_in_order(self) -> None:
        for side in self.sides:
            for channel in (*side.open, wire.CONTROL):
                assert self.other(side).sent[channel].startswith(side.heard[channel])

    @invariant()
    def no_end_holds_more_than_its_windows(self) -> None:
        for side in self.sides:
            assert len(side.mux._rest) <= 5 + wire.MAX_PAYLOAD_BYTES
            for known in side.mux._channels.values():
                assert len(known.waiting) + known.credit <= wire.WINDOW_BYTES

    def teardown(self) -> None:
        while any(side.mux.is_waiting or side.coming for side in self.sides):
            for side in self.sides:
                self.writes(side is self.host, 1 << 20)
                self.reads(side is self.host, 1 << 20)
                self.takes(side is self.host)
        for side in self.sides:
            assert side.open == self.other(side).open
            for channel in (*side.open, wire.CONTROL):
                assert side.heard[channel] == self.other(side).sent[channel]


TestInterleaved = Interleaved.TestCase


@given(nonces, st.lists(st.binary(max_size=60) | st.just(MARKER), max_size=12))
def test_random_bytes_at_the_host_are_nothing_or_a_wire_error(
    nonce: bytes, parts: list[bytes]
) -> None:
    host = wire.HostMux(nonce)
    host.open("link")
    host.feed(host.to_send(1 << 20)[:32])
    with contextlib.suppress(WireError):
        for part in parts:
            host.feed(part)
            assert len(host._rest) <= 5 + wire.MAX_PAYLOAD_BYTES


@given(st.lists(st.binary(max_size=60) | st.just(MARKER), max_size=12), nonces)
def test_whatever_a_guest_was_told_before_it_follows_a_host_that_begins_afresh(
    parts: list[bytes], nonce: bytes
) -> None:
    guest = wire.GuestMux()
    for part in parts:
        guest.feed(part)
    host = wire.HostMux(nonce)
    channel = host.open("agent")
    events = guest.feed(host.to_send(1 << 20))
    assert events[-2:] == [wire.MuxFresh(), wire.ChannelOpened(channel, "agent")]


@given(st.binary(max_size=200), nonces, nonces, st.integers(1, 40))
def test_whatever_was_under_way_the_host_hears_only_the_answer_to_itself(
    stale: bytes, other: bytes, nonce: bytes, size: int
) -> None:
    host, guest = wire.HostMux(nonce), wire.GuestMux()
    guest.feed(host.to_send(1 << 20))
    guest.say(wire.VmSettled())
    stream = stale + guest.to_send(1 << 20)
    heard = [e for at in range(0, len(stream), size) for e in host.feed(stream[at : at + size])]
    assert heard == [wire.MuxFresh(), wire.MuxMessage(wire.VmSettled())]
