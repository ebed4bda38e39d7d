"""How everything but media shares the one stream between a virtual machine and its host.

    frame    kind (1 byte, below 0x80) | channel (2) | length (2, of what follows) | payload
    fresh    MARKER (16 bytes) | nonce (16 bytes below 0x80)

Numbers are big endian. A virtual machine that is restored from a snapshot finds bytes in its port
that were meant for the machine that the snapshot was made of, and has such bytes under way itself.
So the host begins with MARKER and a nonce; the guest, wherever it stands, drops all that it knew,
says the same back, and the host passes over everything until then. No payload holds MARKER (what
may be cut is cut inside it), and its bytes are no kinds of frames: it is found wherever it is.

The host opens channels, each to a service of the guest's. In a channel a side sends only what it
was given credit for, so that one that is not read holds no other up. Either side closes a channel
whole; it is over when both have said so, and what was under way to the side that closed it is
passed over. Channel 0 carries messages, and datagrams, which have a credit of their own.

Pure, and bounded whatever the other side sends: a frame has at most `MAX_PAYLOAD_BYTES`, a channel
holds at most `WINDOW_BYTES` that wait to be sent and as many that the other side was not yet told
to have been taken, and there are at most `MAX_CHANNELS`.
"""

from __future__ import annotations

import struct
from collections import deque
from dataclasses import dataclass, field

from fanlight.errors import WireError

from .codec import decode, encode
from .messages import Message
from .mux_events import (
    ChannelClosed,
    ChannelData,
    ChannelOpened,
    ChannelRoom,
    MuxDatagram,
    MuxEvent,
    MuxFresh,
    MuxLost,
    MuxMessage,
    Service,
)

MARKER = bytes.fromhex("fffe9c81d3a7e5b2c6f0918ddbaac4f9")
"""No text in UTF-8 holds it, as that has no byte 0xFF."""
_TELL = MARKER[1:]
"""What no payload may hold: a length before it may end with MARKER's first byte."""
NONCE_BYTES = 16
MAX_PAYLOAD_BYTES = 16_384
WINDOW_BYTES = 256 * 1024
"""What may be under way in a channel and direction."""
MAX_CHANNELS = 32
CONTROL = 0
"""The channel of datagrams: it is always there, and `room` and `took` know it."""
SERVICES: tuple[Service, ...] = ("link", "vnc", "agent")

_HEAD = struct.Struct(">BHH")
_CREDIT = struct.Struct(">I")
_OPEN, _DATA, _CLOSE, _GIVE, _DATAGRAM, _MESSAGE = range(1, 7)


@dataclass(slots=True)
class _Channel:
    """What one side knows of a channel."""

    waiting: bytearray = field(default_factory=bytearray)
    """Not sent yet; within the credit."""
    credit: int = WINDOW_BYTES
    """What may still be given to `send`."""
    allowed: int = WINDOW_BYTES
    """What the other side may still send."""
    untold: int = 0
    """Taken, and not yet told to the other side."""
    is_closing: bool = False
    """Closed by us; the frame that says so goes after what waits."""
    has_said_close: bool = False


class _End:
    """What both ends have in common. Not safe to use from several threads."""

    def __init__(self) -> None:
        self._rest = bytearray()
        self._is_in_step = False
        self._events: list[MuxEvent] = []
        self._readers = {
            _OPEN: self._on_open,
            _DATA: self._on_data,
            _CLOSE: self._on_close,
            _GIVE: self._on_give,
            _DATAGRAM: self._on_datagram,
            _MESSAGE: self._on_message,
        }
        self._forget_all()

    def _forget_all(self) -> None:
        self._channels: dict[int, _Channel] = {}
        self._control = _Channel()
        self._first = bytearray()
        """Whole frames that go before datagrams, which go before any channel's data."""
        self._datagrams: deque[bytes] = deque()

    # --- what goes out ------------------------------------------------------------------------

    def room(self, channel: int) -> int:
        """Give how many bytes `send` (for `CONTROL`: `send_datagram`) takes now.

        0: wait for `ChannelRoom`, or the channel is closed.
        """
        known = self._find(channel)
        return 0 if known is None or known.is_closing else known.credit

    def send(self, channel: int, data: bytes) -> None:
        """Send bytes through an open channel, at most its `room`."""
        assert len(data) <= self.room(channel)
        known = self._channels[channel]
        known.credit -= len(data)
        known.waiting += data

    def send_datagram(self, data: bytes) -> None:
        """Send one packet of the control socket, at most as long as the `room` of `CONTROL`.

        Raises:
            WireError: it is too long for one frame, or holds MARKER.
        """
        if not 0 < len(data) <= MAX_PAYLOAD_BYTES or _TELL in data:
            raise WireError(f"a packet of {len(data)} bytes that cannot be sent")
        assert len(data) <= self._control.credit
        self._control.credit -= len(data)
        self._datagrams.append(data)

    def say(self, message: Message) -> None:
        """Send a message."""
        self._put(_MESSAGE, CONTROL, encode(message))

    def took(self, channel: int, count: int) -> None:
        """Note that so many received bytes are out of the way; the other side may send as many."""
        known = self._find(channel)
        if known is None or known.is_closing:
            return
        known.untold += count
        # Told in halves of the window: a frame for each few bytes would be as many frames back.
        if known.untold >= WINDOW_BYTES // 2:
            known.allowed += known.untold
            self._put(_GIVE, channel, _CREDIT.pack(known.untold))
            known.untold = 0

    def close(self, channel: int) -> None:
        """Close a channel once what waits in it is sent; nothing comes from it any more.

        Of one that is over: nothing.
        """
        known = self._channels.get(channel)
        if known is not None and not known.is_closing:
            known.is_closing = True
            self._say_close_when_empty(channel, known)

    def to_send(self, limit: int) -> bytes:
        """Take the next bytes for the stream; none: nothing waits.

        Data is cut to fit in `limit` (64 bytes at least), each channel having its turn; what goes
        before data is given whole.
        """
        while len(self._first) < limit and self._datagrams:
            self._put(_DATAGRAM, CONTROL, self._datagrams.popleft())
        while (room := limit - len(self._first)) > 2 * _HEAD.size:
            turn = next((each for each, known in self._channels.items() if known.waiting), None)
            if turn is None:
                break
            known = self._channels.pop(turn)
            self._channels[turn] = known  # the last now: the others are before it next time
            part = _sendable(known.waiting, room - _HEAD.size)
            del known.waiting[: len(part)]
            self._put(_DATA, turn, part)
            if known.is_closing:
                self._say_close_when_empty(turn, known)
        out = bytes(self._first)
        self._first.clear()
        return out

    @property
    def is_waiting(self) -> bool:
        """Whether there is something to send."""
        waiting = any(each.waiting for each in self._channels.values())
        return waiting or bool(self._first or self._datagrams)

    def _put(self, kind: int, channel: int, payload: bytes) -> None:
        assert len(payload) <= MAX_PAYLOAD_BYTES
        self._first += _HEAD.pack(kind, channel, len(payload)) + payload

    def _say_close_when_empty(self, channel: int, known: _Channel) -> None:
        if not known.waiting and not known.has_said_close:
            known.has_said_close = True
            self._put(_CLOSE, channel, b"")

    def _find(self, channel: int) -> _Channel | None:
        return self._control if channel == CONTROL else self._channels.get(channel)

    # --- what comes in ------------------------------------------------------------------------

    def _take_events(self) -> list[MuxEvent]:
        events, self._events = self._events, []
        return events

    def _cut(self) -> None:
        """Take the whole frames out of what came."""
        at, rest = 0, self._rest
        try:
            while len(rest) >= at + _HEAD.size:
                kind, channel, length = _HEAD.unpack_from(rest, at)
                read = self._readers.get(kind)
                if read is None or length > MAX_PAYLOAD_BYTES:
                    raise WireError(f"no frame: kind {kind}, {length} bytes")
                start = at + _HEAD.size
                if len(rest) < start + length:
                    return
                at = start + length
                read(channel, bytes(rest[start:at]))
        finally:
            del rest[:at]

    def _on_data(self, channel: int, payload: bytes) -> None:
        known = self._channels.get(channel)
        if known is None or not payload:
            raise WireError("data for no channel, or none")
        self._use_credit(known, len(payload))
        if not known.is_closing:
            self._events.append(ChannelData(channel, payload))

    def _on_datagram(self, channel: int, payload: bytes) -> None:
        if channel != CONTROL or not payload:
            raise WireError("a datagram for a channel, or an empty one")
        self._use_credit(self._control, len(payload))
        self._events.append(MuxDatagram(payload))

    def _use_credit(self, known: _Channel, count: int) -> None:
        if count > known.allowed:
            raise WireError("more than there was credit for")
        known.allowed -= count

    def _on_give(self, channel: int, payload: bytes) -> None:
        known = self._find(channel)
        if known is None or len(payload) != _CREDIT.size:
            raise WireError("credit for no channel, or no number")
        (count,) = _CREDIT.unpack(payload)
        unsent = len(known.waiting)
        if known is self._control:
            unsent = sum(map(len, self._datagrams))
        if not 0 < count <= WINDOW_BYTES - known.credit - unsent:
            raise WireError(f"credit for {count} bytes that were not sent")
        known.credit += count
        if not known.is_closing:
            self._events.append(ChannelRoom(channel))

    def _on_close(self, channel: int, payload: bytes) -> None:
        known = self._channels.pop(channel, None)
        if known is None or payload:
            raise WireError("the end of no channel")
        if not known.has_said_close:
            self._put(_CLOSE, channel, b"")
        if not known.is_closing:
            self._events.append(ChannelClosed(channel))

    def _on_message(self, channel: int, payload: bytes) -> None:
        if channel != CONTROL:
            raise WireError("a message in a channel")
        self._events.append(MuxMessage(decode(payload)))

    def _on_open(self, channel: int, payload: bytes) -> None:
        raise WireError("only the host opens channels")


class HostMux(_End):
    """The host's end: begins afresh at once, and may send before the guest has answered.

    Args:
        nonce: `NONCE_BYTES` random bytes; the highest bit of each is not used.
    """

    def __init__(self, nonce: bytes) -> None:
        super().__init__()
        assert len(nonce) == NONCE_BYTES
        self._fresh = MARKER + bytes(each & 0x7F for each in nonce)
        self._first += self._fresh
        self._last = 0

    def feed(self, data: bytes) -> list[MuxEvent]:
        """Take bytes of the guest's; give what they say. The first event is `MuxFresh`.

        Raises:
            WireError: the guest does not keep to the protocol; the stream is of no use any more.
        """
        self._rest += data
        if not self._is_in_step:
            at = self._rest.find(self._fresh)
            if at < 0:
                del self._rest[: max(0, len(self._rest) - len(self._fresh) + 1)]
                return []
            del self._rest[: at + len(self._fresh)]
            self._is_in_step = True
            self._events.append(MuxFresh())
        self._cut()
        return self._take_events()

    @property
    def has_room_for_channel(self) -> bool:
        """Whether `open` may be called."""
        return len(self._channels) < MAX_CHANNELS

    def open(self, service: Service) -> int:
        """Open a channel to a service of the guest's; give its number. It may be used at once."""
        assert self.has_room_for_channel
        while True:
            self._last = self._last % 0xFFFF + 1
            if self._last not in self._channels:
                break
        self._channels[self._last] = _Channel()
        self._put(_OPEN, self._last, service.encode())
        return self._last


class GuestMux(_End):
    """The guest's end: begins when the host does, and again whenever the host does."""

    def __init__(self) -> None:
        super().__init__()
        self._before = b""
        """The last bytes that came, in which MARKER may have begun."""
        self._awaits_nonce = False

    def feed(self, data: bytes) -> list[MuxEvent]:
        """Take bytes of the host's; give what they say. Never raises: see `MuxLost`."""
        seen = self._before + data
        at = seen.rfind(MARKER)
        if at >= 0:
            seen = data = seen[at + len(MARKER) :]
            self._rest.clear()
            self._is_in_step, self._awaits_nonce = False, True
        self._before = seen[-len(MARKER) + 1 :]
        if not self._is_in_step and not self._awaits_nonce:
            return []
        self._rest += data
        if self._awaits_nonce and not self._begin():
            return []
        try:
            self._cut()
        except WireError as error:
            self._forget_all()
            self._rest.clear()
            self._is_in_step = False
            self._events.append(MuxLost(str(error)))
        return self._take_events()

    def _begin(self) -> bool:
        """Begin afresh, if the whole nonce is there."""
        if len(self._rest) < NONCE_BYTES:
            return False
        self._forget_all()
        self._first += MARKER + self._rest[:NONCE_BYTES]
        del self._rest[:NONCE_BYTES]
        self._is_in_step, self._awaits_nonce = True, False
        self._events.append(MuxFresh())
        return True

    def _on_open(self, channel: int, payload: bytes) -> None:
        service = next((each for each in SERVICES if each.encode() == payload), None)
        if service is None or channel == CONTROL or channel in self._channels:
            raise WireError("no such service, or no free channel")
        if len(self._channels) >= MAX_CHANNELS:
            raise WireError(f"more than {MAX_CHANNELS} channels")
        self._channels[channel] = _Channel()
        self._events.append(ChannelOpened(channel, service))


def _sendable(waiting: bytearray, limit: int) -> bytes:
    """Give as much of what waits as fits in a frame, cut where it would hold MARKER."""
    part = bytes(waiting[: min(limit, MAX_PAYLOAD_BYTES)])
    at = part.find(_TELL)
    return part if at < 0 else part[: at + len(_TELL) // 2]
