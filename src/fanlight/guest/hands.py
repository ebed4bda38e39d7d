"""What input messages do to the display. Holds what is down, so that it can be let go of."""

from __future__ import annotations

import itertools
from collections import deque
from typing import Protocol

from fanlight import wire

from .keyboard import RESOLVED_BY_VIEWER, SHIFT_L, SHIFTS, Key, Keyboard, keysym_of

MAX_WHEEL = 100
MAX_WAITING = 4096
"""Steps that may wait for a free key: a paste of that many rare characters; more are dropped."""
SETTLE_S = 0.04
"""How long programs get to read a new binding before its key is pressed. Chromium reads it in a
task of its own: pressed at once, on a busy machine, the character was lost."""
BINDINGS_AHEAD = 20
"""How many of the characters that wait are bound in one such pause."""
_WHEEL_UP, _WHEEL_DOWN, _WHEEL_LEFT, _WHEEL_RIGHT = 4, 5, 6, 7
_BUTTONS = frozenset({1, 2, 3, 8, 9})


class Pressing(Protocol):
    """What hands need of a display."""

    def key(self, keycode: int, *, down: bool) -> None:
        """Press or release a key."""

    def button(self, button: int, *, down: bool) -> None:
        """Press or release a pointer button."""

    def move(self, x: int, y: int) -> None:
        """Put the pointer somewhere."""

    def bind(self, keycode: int, keysym: int) -> None:
        """Have a key mean something."""


class Hands:
    """Turns messages into presses, in the order in which they came."""

    def __init__(self, display: Pressing, keyboard: Keyboard) -> None:
        self._display, self._keyboard = display, keyboard
        self._waiting: deque[wire.Input] = deque()
        self._settled_at = 0.0
        self._keys_down: dict[int, int] = {}
        self._buttons_down: set[int] = set()

    def take(self, message: wire.Input, now: float) -> None:
        """Carry a message out, or keep it until `due_at` if one before it still waits."""
        if isinstance(message, wire.TextTyped):
            for character in message.text.replace("\r\n", "\n"):
                self._wait(wire.TextTyped(character))
        else:
            self._wait(message)
        self.go_on(now)

    def _wait(self, message: wire.Input) -> None:
        if len(self._waiting) < MAX_WAITING or isinstance(message, wire.KeysReleased):
            self._waiting.append(message)

    def go_on(self, now: float) -> float | None:
        """Carry out what waits; give when to go on if something must wait longer."""
        if now < self._settled_at:
            return self._settled_at
        while self._waiting:
            again_at = self._carry_out(self._waiting[0], now)
            if again_at is not None:
                return again_at
            self._waiting.popleft()
        return None

    def _carry_out(self, message: wire.Input, now: float) -> float | None:
        match message:
            case wire.PointerMoved(x=x, y=y):
                self._display.move(x, y)
            case wire.ButtonChanged():
                self._press_button(message)
            case wire.WheelTurned(dx=dx, dy=dy):
                self._turn(dx, _WHEEL_RIGHT, _WHEEL_LEFT)
                self._turn(dy, _WHEEL_DOWN, _WHEEL_UP)
            case wire.KeyChanged(keysym=keysym, down=down):
                if down:
                    return self._press(keysym, now)
                self._release(keysym)
            case wire.TextTyped(text=text):
                return self._type(text, now)
            case wire.KeysReleased():
                self._release_all()
        return None

    def _press_button(self, message: wire.ButtonChanged) -> None:
        if message.button not in _BUTTONS:
            return
        self._display.move(message.x, message.y)
        is_down = message.button in self._buttons_down
        if message.down != is_down:
            self._display.button(message.button, down=message.down)
        if message.down:
            self._buttons_down.add(message.button)
        else:
            self._buttons_down.discard(message.button)

    def _turn(self, clicks: int, ahead: int, back: int) -> None:
        button = ahead if clicks > 0 else back
        for _ in range(min(abs(clicks), MAX_WHEEL)):
            self._display.button(button, down=True)
            self._display.button(button, down=False)

    # --- keys ---------------------------------------------------------------------------------

    def _press(self, keysym: int, now: float) -> float | None:
        # The X server repeats keys that are held; a viewer's own repeats would double that.
        if keysym in RESOLVED_BY_VIEWER or keysym in self._keys_down:
            return None
        key = self._settled(keysym, now)
        if isinstance(key, float):
            return key
        if key is not None:
            self._strike(key)
            self._keys_down[keysym] = key.keycode
        return None

    def _settled(self, keysym: int, now: float) -> Key | float | None:
        """Give a key that programs know, or when to ask again: binding it takes a pause."""
        key = self._keyboard.find(keysym, now)
        if not isinstance(key, Key) or key.bind_to is None:
            return key
        self._display.bind(key.keycode, key.bind_to)
        for message in itertools.islice(self._waiting, 1, BINDINGS_AHEAD):
            following = keysym_of(message.text) if isinstance(message, wire.TextTyped) else None
            ahead = None if following is None else self._keyboard.find(following, now)
            if isinstance(ahead, Key) and ahead.bind_to is not None:
                self._display.bind(ahead.keycode, ahead.bind_to)
        self._settled_at = now + SETTLE_S
        return self._settled_at

    def _strike(self, key: Key) -> None:
        """Press a key on its level, whatever the state of Shift."""
        held = [self._keys_down[each] for each in SHIFTS if each in self._keys_down]
        if key.keycode in self._keys_down.values():
            self._display.key(key.keycode, down=False)  # another keysym of the same key
        if key.shift is True and not held:
            shift = self._keyboard.find(SHIFT_L, 0)
            if isinstance(shift, Key):
                self._display.key(shift.keycode, down=True)
                self._display.key(key.keycode, down=True)
                self._display.key(shift.keycode, down=False)
                return
        lifted = held if key.shift is False and not self._is_modifier(key) else []
        for keycode in lifted:
            self._display.key(keycode, down=False)
        self._display.key(key.keycode, down=True)
        for keycode in lifted:
            self._display.key(keycode, down=True)

    def _is_modifier(self, key: Key) -> bool:
        """Modifiers, and keys that mean the same on both levels, are pressed as they are."""
        return self._keyboard.ignores_shift(key.keycode)

    def _release(self, keysym: int) -> None:
        keycode = self._keys_down.pop(keysym, None)
        if keycode is None:  # Shift may have changed between down and up: "A" down, "a" up
            other = _other_case(keysym)
            keycode = self._keys_down.pop(other, None)
        if keycode is not None and keycode not in self._keys_down.values():
            self._display.key(keycode, down=False)

    def _type(self, character: str, now: float) -> float | None:
        keysym = keysym_of(character)
        key = None if keysym is None else self._settled(keysym, now)
        if isinstance(key, float):
            return key
        if key is not None:
            self._strike(key)
            self._display.key(key.keycode, down=False)
        return None

    def _release_all(self) -> None:
        for keycode in set(self._keys_down.values()):
            self._display.key(keycode, down=False)
        for button in self._buttons_down:
            self._display.button(button, down=False)
        self._keys_down.clear()
        self._buttons_down.clear()


def _other_case(keysym: int) -> int:
    head, code = keysym & 0xFF000000, keysym & 0xFFFFFF
    if head not in (0, 0x01000000) or (head == 0 and code > 0xFF) or code > 0x10FFFF:
        return keysym
    swapped = chr(code).swapcase()
    return head | ord(swapped) if len(swapped) == 1 else keysym
