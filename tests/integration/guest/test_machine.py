"""A machine boots to a picture, takes input, and puts itself right."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
import trustme

from fanlight import wire

pytestmark = pytest.mark.timeout(120)
PAGE_URL = "http://page.test/"


@contextlib.asynccontextmanager
async def controlled(machine: Any, **identity: object) -> AsyncIterator[Any]:
    """The machine with its host's part running and a link up."""
    async with machine.host(), asyncio.TaskGroup() as tasks:
        link = tasks.create_task(machine.link(**identity))
        yield machine
        link.cancel()


def run(machine: Any, test: Callable[[Any], Awaitable[None]], **identity: object) -> None:
    """Run a test's body against a controlled machine."""

    async def body() -> None:
        async with controlled(machine, **identity):
            await test(machine)

    asyncio.run(body())


def is_red(colour: tuple[int, int, int]) -> bool:
    return colour[0] > 200 and colour[1] < 60 and colour[2] < 60


async def page_loaded(machine: Any) -> None:
    """Wait until the page is seen: Chromium drops input for a page that it has not painted."""
    await machine.until("a page", lambda: any("painted" in each for each in machine.said))
    await machine.until("a red page", lambda: is_red(machine.colour(700, 550)))


def typed(machine: Any) -> list[str]:
    return [each["typed"] for each in machine.said if "typed" in each]


def test_it_boots_to_a_picture_of_its_page_and_says_every_stage(machine: Any) -> None:
    async def test(machine: Any) -> None:
        await machine.until("ready", lambda: bool(machine.heard(wire.GuestReady)))
        await machine.until("a red page", lambda: is_red(machine.colour(700, 650)))
        stages = {each.stage for each in machine.heard(wire.StageReached)}
        assert stages == {"agent", "display", "desktop", "media", "browser"}
        assert machine.heard(wire.DisplaySize)[0] == wire.DisplaySize(1280, 720)
        assert machine.gaps == 0

    run(machine, test, start_url=PAGE_URL)


def test_a_key_frame_is_sent_for_a_still_screen(machine: Any) -> None:
    async def test(machine: Any) -> None:
        await machine.until("a red page", lambda: is_red(machine.colour(700, 650)))
        before = machine.key_frames
        machine.want_key_frame()
        await machine.until("a key frame", lambda: machine.key_frames > before, 2)

    run(machine, test, start_url=PAGE_URL)


def test_any_character_arrives_as_typed(machine: Any) -> None:
    text = "héllo Ж 漢 🙂 @€ AbC#"

    async def test(machine: Any) -> None:
        await page_loaded(machine)
        await press_box(machine)
        machine.input(wire.TextTyped(text))
        await machine.until("the text", lambda: typed(machine)[-1:] == [text])

    run(machine, test, start_url=PAGE_URL)


async def press_box(machine: Any) -> None:
    """Focus the page's text box, as a person does."""
    x, y = 300, 500
    for down in (True, False):
        machine.input(wire.ButtonChanged(button=1, down=down, x=x, y=y))
    await machine.until("focus", lambda: {"focus": True} in machine.said)


def test_keys_arrive_as_a_viewer_sends_them(machine: Any) -> None:
    shift, control = 0xFFE1, 0xFFE3

    async def test(machine: Any) -> None:
        await page_loaded(machine)
        await press_box(machine)
        for keysym in (ord("a"), 0x01000416, 0x20AC):
            machine.input(wire.KeyChanged(keysym, down=True), wire.KeyChanged(keysym, down=False))
        machine.input(wire.KeyChanged(shift, down=True), wire.KeyChanged(ord("B"), down=True))
        machine.input(wire.KeyChanged(shift, down=False), wire.KeyChanged(ord("b"), down=False))
        machine.input(wire.KeyChanged(0xFFE5, down=True), wire.KeyChanged(0xFFE5, down=False))
        machine.input(wire.KeyChanged(ord("c"), down=True), wire.KeyChanged(ord("c"), down=False))
        await machine.until("the keys", lambda: typed(machine)[-1:] == ["aЖ€Bc"])
        machine.input(wire.KeyChanged(control, down=True), wire.KeyChanged(ord("b"), down=True))
        await machine.until("Control", lambda: {"ctrl": "b"} in machine.said)
        machine.input(wire.KeysReleased())
        machine.input(wire.TextTyped("x"))
        await machine.until("a plain x", lambda: typed(machine)[-1:] == ["aЖ€Bcx"])

    run(machine, test, start_url=PAGE_URL)


def test_pointer_buttons_and_wheel_arrive(machine: Any) -> None:
    async def test(machine: Any) -> None:
        await page_loaded(machine)
        machine.input(wire.PointerMoved(x=700, y=400))
        machine.input(wire.WheelTurned(dx=0, dy=1))
        await machine.until("the wheel", lambda: {"wheel": 1} in machine.said)
        machine.input(wire.ButtonChanged(button=2, down=True, x=700, y=400))
        machine.input(wire.ButtonChanged(button=2, down=False, x=700, y=400))
        await machine.until(
            "the button", lambda: any(each.get("button") == 1 for each in machine.said)
        )

    run(machine, test, start_url=PAGE_URL)


def test_a_killed_browser_is_back_with_its_page(machine: Any) -> None:
    async def test(machine: Any) -> None:
        await page_loaded(machine)
        os.kill(machine.pids("chromium")[0], signal.SIGKILL)
        await machine.until("two loads", lambda: machine.pages.count(PAGE_URL) == 2)
        (restarted,) = machine.heard(wire.ProcessRestarted)
        assert (restarted.name, restarted.status) == ("chromium", -signal.SIGKILL)
        assert not machine.heard(wire.GuestFailed)

    run(machine, test, start_url=PAGE_URL)


def test_a_killed_x_server_is_back_with_the_whole_desktop(machine: Any) -> None:
    async def test(machine: Any) -> None:
        await page_loaded(machine)
        machine.frames.clear()
        os.kill(machine.pids("Xvnc")[0], signal.SIGKILL)
        await machine.until("two loads", lambda: machine.pages.count(PAGE_URL) == 2)
        await machine.until("a red page", lambda: is_red(machine.colour(700, 650)))
        assert [each.name for each in machine.heard(wire.ProcessRestarted)] == ["xvnc"]

    run(machine, test, start_url=PAGE_URL)


def test_a_window_manager_that_dies_again_and_again_ends_the_machine(machine: Any) -> None:
    async def test(machine: Any) -> None:
        await machine.until("ready", lambda: bool(machine.heard(wire.GuestReady)))
        killed: set[int] = set()

        def kill_the_next() -> bool:
            for pid in set(machine.pids("openbox")) - killed:
                killed.add(pid)
                os.kill(pid, signal.SIGKILL)
            return bool(machine.heard(wire.GuestFailed))

        await machine.until("a named failure", kill_the_next)
        assert machine.heard(wire.GuestFailed)[0].code == "openbox-failed"
        await machine.until("the end", lambda: machine.process.poll() is not None)
        assert machine.process.poll() == 1

    run(machine, test)


def test_the_display_takes_the_size_that_the_controller_wants(machine: Any) -> None:
    async def test(machine: Any) -> None:
        wanted = wire.DisplaySize(1000, 600)
        await machine.until("the size", lambda: wanted in machine.heard(wire.DisplaySize))
        await page_loaded(machine)
        await machine.until("frames of it", lambda: machine.frames[-1].width == 1000)
        await machine.until("a red page", lambda: is_red(machine.colour(700, 550)))

    run(machine, test, start_url=PAGE_URL, width_px=1000, height_px=600)


@pytest.mark.parametrize("machine", [("--capture", "polling")], indirect=True)
def test_without_damage_the_display_is_polled(machine: Any) -> None:
    async def test(machine: Any) -> None:
        await machine.until("a red page", lambda: is_red(machine.colour(700, 650)))
        before = machine.key_frames
        machine.want_key_frame()
        await machine.until("a key frame", lambda: machine.key_frames > before, 2)

    run(machine, test, start_url=PAGE_URL)


def test_a_private_authority_is_trusted_before_the_first_page_is_asked_for(machine: Any) -> None:
    authority = trustme.CA()
    machine.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("page.test").configure_cert(machine.tls)

    async def test(machine: Any) -> None:
        await machine.until("the page", lambda: "https://page.test/" in machine.pages)
        await machine.until("a red page", lambda: is_red(machine.colour(700, 650)))

    ca_pem = authority.cert_pem.bytes().decode()
    run(machine, test, start_url="https://page.test/", ca_pem=ca_pem)


def test_the_browser_is_held_to_what_a_login_needs(machine: Any) -> None:
    async def test(machine: Any) -> None:
        await machine.until("ready", lambda: bool(machine.heard(wire.GuestReady)))
        (browser, *_) = machine.pids("chromium")
        policy = f"/proc/{browser}/root/etc/chromium/policies/managed/fanlight.json"
        assert os.stat(policy).st_size > 100

    run(machine, test)
