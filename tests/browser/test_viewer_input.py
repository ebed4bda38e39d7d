"""What a person does over the picture arrives in the machine's own browser, as done."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Page

from fanlight.testing.server import RunningServer

from . import looking
from .report_page import Event, ReportPage

TEXT = "héllo Ж 漢 🙂 @€"


@pytest.fixture(scope="module")
def report() -> Iterator[ReportPage]:
    with ReportPage() as page:
        yield page


@pytest.fixture(scope="module")
def server(report: ReportPage) -> Iterator[RunningServer]:
    with RunningServer({"egress_pins": report.pins}) as running:
        yield running


@pytest.fixture(scope="module")
def desktop(person: Callable[[], Page], report: ReportPage) -> Iterator[Page]:
    """A live desktop whose browser shows the report page."""
    with person() as page:
        page.context.grant_permissions(["clipboard-read", "clipboard-write"])
        page.goto("/dashboard")
        session = looking.start(page)["sessionId"]
        looking.open_viewer(page, session)
        looking.wait_for_picture(page)
        looking.visit(page, report)
        yield page
        looking.end(page, session)


@pytest.fixture
def field(desktop: Page, report: ReportPage) -> Page:
    """The desktop with the keyboard in the report page's empty field."""
    looking.enter(desktop, report)
    desktop.keyboard.press("Control+a")
    desktop.keyboard.type("-")
    report.expect("text", lambda event: event["text"] == "-")
    desktop.keyboard.press("Backspace")
    report.expect("text", lambda event: event["text"] == "")
    report.forget()
    return desktop


def near(x: int, y: int) -> Callable[[Event], bool]:
    """Whether an event is at most a pixel from there."""
    return lambda event: abs(event["x"] - x) <= 1 and abs(event["y"] - y) <= 1


def of_key(key: str) -> Callable[[Event], bool]:
    """Whether an event is of this key."""
    return lambda event: bool(event["key"] == key)


def test_the_pointer_is_where_it_is_over_the_picture(desktop: Page, report: ReportPage) -> None:
    report.forget()
    for x, y in [(200, 300), (1000, 400), (640, 700)]:
        desktop.mouse.move(*looking.place(desktop, x, y))
        report.expect("pointermove", near(x, y))


def test_buttons_arrive_where_they_were_pressed(desktop: Page, report: ReportPage) -> None:
    report.forget()
    place = looking.place(desktop, 1000, 600)
    desktop.mouse.click(*place, button="middle")
    down = report.expect("pointerdown", lambda event: event["button"] == 1)
    assert abs(down["x"] - 1000) <= 1
    assert abs(down["y"] - 600) <= 1
    report.expect("pointerup", lambda event: event["button"] == 1)


def test_the_wheel_turns_in_both_directions(desktop: Page, report: ReportPage) -> None:
    desktop.mouse.move(*looking.place(desktop, 1000, 600))
    report.forget()
    desktop.mouse.wheel(0, 240)
    report.expect("wheel", lambda event: event["dy"] > 0)
    desktop.mouse.wheel(0, -240)
    report.expect("wheel", lambda event: event["dy"] < 0)


def test_the_picture_changes_as_one_types(field: Page) -> None:
    looking.wait_for_colour(field, "red")
    field.keyboard.type("a")
    looking.wait_for_colour(field, "lime")
    field.keyboard.type("b")
    looking.wait_for_colour(field, "blue")
    field.keyboard.press("Backspace")
    looking.wait_for_colour(field, "lime")


def test_text_of_any_script_arrives_as_typed(field: Page, report: ReportPage) -> None:
    field.keyboard.type(TEXT)
    report.expect("text", lambda event: event["text"] == TEXT)


def test_everything_is_selected_with_control_a(field: Page, report: ReportPage) -> None:
    field.keyboard.type("Select me!")
    field.keyboard.press("Control+a")
    report.expect("selection", lambda event: event["selected"] == "Select me!")
    field.keyboard.type("x")
    report.expect("text", lambda event: event["text"] == "x")


def test_keys_held_when_the_focus_goes_are_let_go_of(field: Page, report: ReportPage) -> None:
    field.keyboard.down("Shift")
    field.keyboard.down("Control")
    report.expect("keydown", lambda event: event["ctrl"] and event["shift"])
    field.get_by_role("heading", name="Desktop").click()
    report.expect("keyup", lambda event: not event["ctrl"] and not event["shift"])
    field.keyboard.up("Control")
    field.keyboard.up("Shift")
    looking.enter(field, report)
    field.keyboard.type("plain")
    report.expect("text", lambda event: event["text"] == "plain")


def test_a_paste_is_typed_with_its_lines(field: Page, report: ReportPage) -> None:
    text = "first: Grüße\nsecond: 漢字 🙂"
    field.evaluate("(text) => navigator.clipboard.writeText(text)", text)
    field.keyboard.press("Control+v")
    report.expect("text", lambda event: event["text"] == text)
    field.keyboard.type("!")
    report.expect("text", lambda event: event["text"] == text + "!")


def test_keys_of_no_character_arrive(field: Page, report: ReportPage) -> None:
    for key in ["ArrowLeft", "Home", "Delete", "PageUp", "Escape", "F2"]:
        field.keyboard.press(key)
        report.expect("keyup", of_key(key))


def test_the_keyboard_can_be_left_without_a_mouse(field: Page) -> None:
    focused = f"() => {looking.VIEWER}.shadowRoot.activeElement?.className"
    assert field.evaluate(focused) == "keys"
    for key in ["Control", "Alt", "Shift"]:
        field.keyboard.down(key)
    for key in ["Shift", "Alt", "Control"]:
        field.keyboard.up(key)
    name = f"() => {looking.VIEWER}.shadowRoot.activeElement?.getAttribute('aria-label')"
    assert field.evaluate(name) == "Full screen"


def test_of_two_viewers_both_see_what_one_types(field: Page, person: Callable[[], Page]) -> None:
    with person() as second:
        second.goto(field.url)
        looking.wait_for_picture(second)
        looking.wait_for_colour(second, "red")
        field.keyboard.type("a")
        looking.wait_for_colour(second, "lime")
        looking.wait_for_colour(field, "lime")
