"""Keysyms become keys, whatever the map."""

from __future__ import annotations

from fanlight import wire
from fanlight.guest.hands import SETTLE_S, Hands
from fanlight.guest.keyboard import REBIND_AFTER_S, Key, Keyboard, keysym_of

SHIFT, CAPS_LOCK, EURO = 0xFFE1, 0xFFE5, 0x20AC
KEYMAP = {
    10: [ord("a"), ord("A")],
    11: [ord("1"), ord("!")],
    12: [0xFF09, 0xFE20],  # Tab, ISO_Left_Tab
    50: [SHIFT, 0],
    60: [0, 0],
    61: [0, 0],
}


class Display:
    """Notes what is pressed, as `+key` and `-key`."""

    def __init__(self) -> None:
        self.done: list[str] = []

    def key(self, keycode: int, *, down: bool) -> None:
        self.done.append(f"{'+' if down else '-'}{keycode}")

    def button(self, button: int, *, down: bool) -> None:
        self.done.append(f"{'+' if down else '-'}b{button}")

    def move(self, x: int, y: int) -> None:
        self.done.append(f"@{x},{y}")

    def bind(self, keycode: int, keysym: int) -> None:
        self.done.append(f"{keycode}={keysym:x}")


def done_by(*messages: wire.Input, now: float = 10.0) -> list[str]:
    display = Display()
    hands = Hands(display, Keyboard(KEYMAP))
    for message in messages:
        hands.take(message, now)
    hands.go_on(now + SETTLE_S)
    return display.done


def press(keysym: int) -> wire.KeyChanged:
    return wire.KeyChanged(keysym, down=True)


def lift(keysym: int) -> wire.KeyChanged:
    return wire.KeyChanged(keysym, down=False)


def test_a_capital_letter_presses_shift_around_its_key() -> None:
    assert done_by(wire.TextTyped("aA")) == ["+10", "-10", "+50", "+10", "-50", "-10"]


def test_shift_that_is_held_is_not_pressed_again() -> None:
    assert done_by(press(SHIFT), press(ord("A"))) == ["+50", "+10"]


def test_shift_that_is_held_is_lifted_for_a_key_that_must_be_plain() -> None:
    assert done_by(press(SHIFT), press(ord("1"))) == ["+50", "-50", "+11", "+50"]


def test_shift_and_tab_stay_shift_and_tab() -> None:
    assert done_by(press(SHIFT), press(0xFF09)) == ["+50", "+12"]


def test_a_letter_whose_case_changed_between_down_and_up_is_let_go_of() -> None:
    assert done_by(press(ord("a")), lift(ord("A"))) == ["+10", "-10"]


def test_a_character_that_the_map_lacks_is_bound_once() -> None:
    done = done_by(press(EURO), lift(EURO), press(EURO))
    assert done == ["60=20ac", "+60", "-60", "+60"]


def test_a_key_is_bound_anew_only_after_programs_had_time_to_read_it() -> None:
    display = Display()
    hands = Hands(display, Keyboard(KEYMAP))
    hands.take(wire.TextTyped("жшю"), 10.0)
    assert hands.go_on(10.1) == 10.1 + REBIND_AFTER_S
    assert display.done[-1] == "-61"
    assert hands.go_on(10.1 + REBIND_AFTER_S) == 10.1 + REBIND_AFTER_S + SETTLE_S
    assert hands.go_on(11.0) is None
    assert display.done[-3:] == ["60=100044e", "+60", "-60"]


def test_nothing_is_pressed_before_programs_had_time_to_read_a_new_binding() -> None:
    display = Display()
    hands = Hands(display, Keyboard(KEYMAP))
    hands.take(press(EURO), 10.0)
    hands.take(lift(EURO), 10.0 + SETTLE_S / 2)
    assert display.done == ["60=20ac"]
    assert hands.go_on(10.0 + SETTLE_S) is None
    assert display.done == ["60=20ac", "+60", "-60"]


def test_characters_that_wait_are_bound_in_one_pause() -> None:
    assert done_by(wire.TextTyped("жш")) == [
        "60=1000436",
        "61=1000448",
        *("+60", "-60", "+61", "-61"),
    ]


def test_input_after_a_character_that_waits_waits_too() -> None:
    display = Display()
    hands = Hands(display, Keyboard(KEYMAP))
    hands.take(wire.TextTyped("жшю"), 10.0)
    hands.take(press(ord("a")), 10.1)
    assert "+10" not in display.done
    for now in (10.2, 11.0, 12.0):
        hands.go_on(now)
    assert display.done[-1] == "+10"


def test_locks_are_not_pressed_as_the_viewer_has_applied_them() -> None:
    assert done_by(press(CAPS_LOCK), lift(CAPS_LOCK)) == []


def test_the_repeats_of_a_viewer_are_left_to_the_x_server() -> None:
    assert done_by(press(ord("a")), press(ord("a"))) == ["+10"]


def test_release_lets_go_of_keys_and_buttons() -> None:
    click = wire.ButtonChanged(button=1, down=True, x=3, y=4)
    assert done_by(press(ord("a")), click, wire.KeysReleased()) == [
        "+10", "@3,4", "+b1", "-10", "-b1",
    ]  # fmt: skip


def test_the_wheel_turns_as_far_as_it_is_told_and_no_further() -> None:
    done = done_by(wire.WheelTurned(dx=0, dy=-2), wire.WheelTurned(dx=10**9, dy=0))
    assert done[:4] == ["+b4", "-b4"] * 2
    assert done[4:] == ["+b7", "-b7"] * 100


def test_a_button_that_does_not_exist_is_not_pressed() -> None:
    assert done_by(wire.ButtonChanged(button=4, down=True, x=1, y=1)) == []


def test_both_spellings_of_a_latin_1_keysym_are_one() -> None:
    keyboard = Keyboard(KEYMAP)
    assert keyboard.find(0x01000061, 0.0) == Key(10, shift=False)


def test_what_cannot_be_typed_has_no_keysym() -> None:
    assert keysym_of("\ud800") is None
    assert keysym_of("\x01") is None
    assert keysym_of("漢") == 0x01006F22
