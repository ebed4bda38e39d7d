"""From keysyms to keys: which key to press, on which level, and what to do when there is none.

A viewer names what was typed, not where the key is on its keyboard. A keysym that the machine's
map does not have is bound to a key that the map leaves free. Programs hear of a new binding
asynchronously, so that a key is bound again only after they had time to read the old one.

Pure but for the clock, whose values (seconds) the caller gives.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

REBIND_AFTER_S = 0.5
"""How long a binding stays after its last use, at least."""
SPARE_KEYS = 40

SHIFT_L, SHIFT_R = 0xFFE1, 0xFFE2
SHIFTS = frozenset({SHIFT_L, SHIFT_R})
RESOLVED_BY_VIEWER = frozenset(
    {
        0xFFE5,  # Caps_Lock
        0xFFE6,  # Shift_Lock
        0xFF7F,  # Num_Lock
        0xFE03,  # ISO_Level3_Shift
        0xFE05,  # ISO_Level5_Shift
        0xFF7E,  # Mode_switch
        0xFE08,  # ISO_Next_Group
        0xFE0A,  # ISO_Prev_Group
    }
)
"""Keys that choose what others mean. The keysyms that arrive have been chosen already, so that
pressing these as well would choose twice."""

_UNICODE = 0x01000000
_CONTROLS = {"\n": 0xFF0D, "\r": 0xFF0D, "\t": 0xFF09, "\b": 0xFF08, "\x1b": 0xFF1B}


def keysym_of(character: str) -> int | None:
    """Give the keysym that types a character; None: nothing types it."""
    code = ord(character)
    if character in _CONTROLS:
        return _CONTROLS[character]
    if 0x20 <= code <= 0x7E or 0xA0 <= code <= 0xFF:
        return code
    if code < 0x100 or 0xD800 <= code <= 0xDFFF:
        return None
    return _UNICODE | code


def _same(keysym: int) -> int:
    """Give the one spelling of a keysym: Latin-1 has two (X11, appendix A)."""
    code = keysym & 0xFFFFFF
    latin = 0x20 <= code <= 0x7E or 0xA0 <= code <= 0xFF
    return code if keysym >> 24 == 1 and latin else keysym


def _is_function(keysym: int) -> bool:
    """Whether it is a key with a function rather than a character (0xFF00.., XF86, ISO)."""
    return 0xFE00 <= keysym <= 0xFFFF or keysym >= 0x10000000


@dataclass(frozen=True, slots=True)
class Key:
    """A key to press. `shift`: whether Shift must be down; None: it does not matter."""

    keycode: int
    shift: bool | None
    bind_to: int | None = None
    """The keysym to bind it to first."""


class Keyboard:
    """Chooses keys for keysyms, and remembers which free keys mean what."""

    def __init__(self, keymap: Mapping[int, Sequence[int]]) -> None:
        self._keys: dict[int, Key] = {}
        self._ignoring_shift: set[int] = set()
        free = []
        for keycode, keysyms in sorted(keymap.items()):
            if not any(keysyms):
                free.append(keycode)
            if len(keysyms) < 2 or keysyms[1] in (0, keysyms[0]) or _is_function(keysyms[0]):
                self._ignoring_shift.add(keycode)
            for level, keysym in reversed(list(enumerate(keysyms[:2]))):
                if keysym:
                    self._prefer(_same(keysym), Key(keycode, shift=level == 1))
        # The X server itself binds keys for VNC's viewers, from the highest down.
        self._bound: OrderedDict[int, tuple[int | None, float]] = OrderedDict(
            (keycode, (None, float("-inf"))) for keycode in free[:SPARE_KEYS]
        )

    def _prefer(self, keysym: int, key: Key) -> None:
        known = self._keys.get(keysym)
        if known is None or (known.shift and not key.shift):
            self._keys[keysym] = key

    def ignores_shift(self, keycode: int) -> bool:
        """Whether a key's meaning does not hang on Shift: Tab, arrows, modifiers."""
        return keycode in self._ignoring_shift

    def find(self, keysym: int, now: float) -> Key | float | None:
        """Give the key for a keysym, when to ask again, or None: there is no way to press it."""
        keysym = _same(keysym)
        if keysym in self._keys:
            return self._keys[keysym]
        for keycode, (bound, _) in self._bound.items():
            if bound == keysym:
                self._use(keycode, keysym, now)
                return Key(keycode, shift=None)
        if not self._bound:
            return None
        keycode, (_, used_at) = next(iter(self._bound.items()))
        if now < used_at + REBIND_AFTER_S:
            return used_at + REBIND_AFTER_S
        self._use(keycode, keysym, now)
        return Key(keycode, shift=None, bind_to=keysym)

    def _use(self, keycode: int, keysym: int, now: float) -> None:
        self._bound[keycode] = (keysym, now)
        self._bound.move_to_end(keycode)
