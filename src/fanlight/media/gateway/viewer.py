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

    layer: int
    """The layer that it is shown; the session changes it at key frames."""

    @property
    def waits_for_key_frame(self) -> bool:
        """Whether this viewer is there to see the picture, and cannot before a key frame."""

    @property
    def estimate_kbps(self) -> int:
        """What of this viewer's path the picture may take; 0: not known yet, or no bound seen."""

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

    def want_key_frame(self, *, layer: int = 0, new_viewer: bool = False) -> None:
        """A viewer of this layer needs a key frame."""

    def begin(self, viewer: Viewer) -> None:
        """Show a viewer that has just come the picture of now, or see that there is one."""

    def path_changed(self) -> None:
        """A viewer's `estimate_kbps` may be another one now."""

    def target_kbps(self, layer: int) -> int:
        """What the machine was asked to send for a layer; 0: nothing was."""

    def is_held_down(self, layer: int) -> bool:
        """Whether a layer has fewer frames, or is smaller, than it would be on a good path."""

    @property
    def encode_ms(self) -> float:
        """From reading the display to sending a frame, as the machine says; 0: it did not say."""

    def take_input(self, message: wire.Input) -> None:
        """Input of a viewer that holds control."""

    def forget(self, connection: wire.ConnectionId) -> None:
        """This viewer's connection is closed."""

    @property
    def display(self) -> wire.DisplaySize | None:
        """The size the machine told last."""
