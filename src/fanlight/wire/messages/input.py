"""What a viewer does, on its way to the machine, and what it is told back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from .naming import named

# --- input: browser -> gateway -> guest ---------------------------------------------------------


@named("input.pointer")
@dataclass(frozen=True, slots=True)
class PointerMoved:
    """The pointer is at (x, y), pixels of the display from its top left corner."""

    x: int
    y: int


@named("input.button")
@dataclass(frozen=True, slots=True)
class ButtonChanged:
    """An X button (1 left, 2 middle, 3 right, 8 back, 9 forward) went down or up at (x, y)."""

    button: int
    down: bool
    x: int
    y: int


@named("input.wheel")
@dataclass(frozen=True, slots=True)
class WheelTurned:
    """The wheel turned by so many clicks; positive is right and down (W3C's sign)."""

    dx: int
    dy: int


@named("input.key")
@dataclass(frozen=True, slots=True)
class KeyChanged:
    """A key, named by its X11 keysym, went down or up."""

    keysym: int
    down: bool


@named("input.text")
@dataclass(frozen=True, slots=True)
class TextTyped:
    """Text to type as it stands: a paste, or what an input method composed."""

    text: str


@named("input.release")
@dataclass(frozen=True, slots=True)
class KeysReleased:
    """Let go of every key and button: the viewer lost the keyboard's focus."""


@named("input.ping")
@dataclass(frozen=True, slots=True)
class InputPing:
    """Ask for an `input.pong` with the same number; the gateway answers."""

    t: float


@named("input.pong")
@dataclass(frozen=True, slots=True)
class InputPong:
    """The answer to `input.ping`."""

    t: float
    at_ms: float = 0.0
    """The gateway's clock when it answered (CLOCK_MONOTONIC): the viewer learns the offset."""


Input = PointerMoved | ButtonChanged | WheelTurned | KeyChanged | TextTyped | KeysReleased


# --- gateway -> browser -------------------------------------------------------------------------


@named("display.size")
@dataclass(frozen=True, slots=True)
class DisplaySize:
    """The size of the display (guest -> gateway -> browser); said again to each new viewer."""

    width_px: int
    height_px: int


@named("control.held")
@dataclass(frozen=True, slots=True)
class ControlHeld:
    """Whether this viewer's input is taken; others watch."""

    held: bool


@named("picture.clock")
@dataclass(frozen=True, slots=True)
class PictureClock:
    """When a frame left the gateway, so that the viewer can tell how old what it shows is."""

    rtp: int
    """The frame's timestamp in this viewer's stream, in 1/90000 s."""
    at_ms: float
    """The gateway's clock when it sent the frame (CLOCK_MONOTONIC)."""
    machine_ms: float
    """How long the frame took before: from reading the display to the gateway."""


# --- browser -> gateway: what a viewer sees -----------------------------------------------------

Rung = Literal["udp", "tcp", "turn-udp", "turn-tcp", "turn-tls", "websocket", "vnc"]
"""A way of getting the picture to a viewer: WebRTC over UDP, over ICE-TCP, by a TURN server over
UDP, TCP or TLS; the encoded frames over a WebSocket; noVNC."""


@dataclass(frozen=True, slots=True)
class ViewerFigures:
    """A viewer's figures since its connection began, or over its last sample."""

    rung: Rung
    frames_decoded: int
    frames_dropped: int = 0
    freeze_ms: float = 0.0
    """Time without a new frame while there was one to show, in all (W3C totalFreezesDuration)."""
    frames_per_s: float = 0.0
    kbps: float = 0.0
    loss_percent: float = 0.0
    jitter_ms: float = 0.0
    round_trip_ms: float = 0.0
    latency_ms: float = 0.0
    """From reading the machine's display to showing it here; 0: not known yet."""
    score: float = 0.0
    """1 (unusable) to 5 (as if local); 0: not known yet."""
    first_frame_ms: float = 0.0
    """From asking for this connection to showing its first frame; 0: none was shown yet."""


@named("viewer.report")
@dataclass(frozen=True, slots=True)
class ViewerReported:
    """A viewer's figures, every two seconds."""

    figures: ViewerFigures


@named("stream.ack")
@dataclass(frozen=True, slots=True)
class FramesTaken:
    """Over a WebSocket only: frames up to this number arrived and went to the decoder."""

    frame: int


@named("stream.key_frame")
@dataclass(frozen=True, slots=True)
class KeyFrameWanted:
    """Over a WebSocket only: the decoder lost its state, and shows nothing before a key frame."""
