"""What an end of a virtual machine's stream hears; see `mux.py`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from .messages import Message

Service = Literal["link", "vnc", "agent"]
"""What a channel leads to: a socket of this name in the guest's /run/fanlight."""


@dataclass(frozen=True, slots=True)
class MuxFresh:
    """The stream begins (again) here: no channel is open, nothing from before counts."""


@dataclass(frozen=True, slots=True)
class MuxLost:
    """At the guest: what came makes no sense; nothing is open until the host begins afresh."""

    detail: str


@dataclass(frozen=True, slots=True)
class ChannelOpened:
    """At the guest: connect `channel` to a service; `close` it if that cannot be done."""

    channel: int
    service: Service


@dataclass(frozen=True, slots=True)
class ChannelData:
    """Bytes of a channel's; say `took` once they are out of the way."""

    channel: int
    data: bytes


@dataclass(frozen=True, slots=True)
class ChannelRoom:
    """There is more `room` in a channel, or in `CONTROL`."""

    channel: int


@dataclass(frozen=True, slots=True)
class ChannelClosed:
    """The other side closed the channel. It is over."""

    channel: int


@dataclass(frozen=True, slots=True)
class MuxDatagram:
    """One packet of the control socket; say `took(CONTROL, len(data))` afterwards."""

    data: bytes


@dataclass(frozen=True, slots=True)
class MuxMessage:
    """One message of `messages/vm.py`."""

    message: Message


MuxEvent = (
    MuxFresh
    | MuxLost
    | ChannelOpened
    | ChannelData
    | ChannelRoom
    | ChannelClosed
    | MuxDatagram
    | MuxMessage
)
