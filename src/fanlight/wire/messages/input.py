"""What a viewer does, on its way to the machine, and what it is told back."""

from __future__ import annotations

from dataclasses import dataclass

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
