"""What a session knows of a viewer, by whatever way the picture gets there."""

from __future__ import annotations

from typing import Protocol

from fanlight import wire

from .frames import Frame


class Viewer(Protocol):
    """One viewer of a session: over WebRTC (`connection.py`) or a WebSocket (`stream.py`)."""

    controls: bool
    """Whether its input is taken."""
    watches_only: bool
    """Whether it has no way to say anything."""

    @property
    def waits_for_key_frame(self) -> bool:
        """Whether this viewer is there to see the picture, and cannot before a key frame."""

    def show(self, frame: Frame, source: object) -> None:
        """Send a frame of `source` (a machine's stream), or leave it out."""

    def miss(self) -> None:
        """A frame did not reach this viewer: the next it can use is a key frame."""

    def tell_display(self, size: wire.DisplaySize) -> None:
        """Tell the viewer the size of the display."""

    def tell_stats(self) -> None:
        """Have `connection.stats` said."""

    def add_candidate(self, text: str) -> None:
        """Take a trickled candidate; a stream has no use for one."""

    def set_control(self, *, controls: bool) -> None:
        """Take this viewer's input, or stop."""

    def close(self) -> None:
        """End it, and say so. Twice is once."""


class Owner(Protocol):
    """The session, as its viewers see it."""

    def say(self, message: wire.Message) -> None:
        """Tell the controllers."""

    def want_key_frame(self, *, new_viewer: bool = False) -> None:
        """This viewer needs a key frame."""

    def take_input(self, message: wire.Input) -> None:
        """Input of a viewer that holds control."""

    def owe_control(self, connection: wire.ConnectionId) -> None:
        """This viewer held control, and lost its connection without its doing."""

    def forget(self, connection: wire.ConnectionId) -> None:
        """This viewer's connection is closed."""

    @property
    def display(self) -> wire.DisplaySize | None:
        """The size the machine told last."""
