"""The controller is killed, and stopped for an upgrade, while a desktop is watched.

Counted in the viewer: pictures are numbered, and every number is seen. The figures are kept as
properties of the test.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Page

from fanlight.testing.server import RunningServer

from . import host_processes, looking, numbers_page
from .report_page import ReportPage
from .test_viewer_novnc import NO_UDP

Record = Callable[[str, object], None]


@pytest.fixture(scope="module")
def report() -> Iterator[ReportPage]:
    with numbers_page.numbers_page() as page:
        yield page


@pytest.fixture(scope="module")
def server(report: ReportPage) -> Iterator[RunningServer]:
    with RunningServer({"egress_pins": report.pins}) as running:
        yield running


@pytest.fixture
def session(person: Callable[[], Page]) -> str:
    with person() as page:
        page.goto("/dashboard")
        started: str = looking.start(page)["sessionId"]
        return started


@pytest.fixture
def desktop(session: str, person: Callable[[], Page]) -> Iterator[Page]:
    with person() as page:
        looking.open_viewer(page, session)
        looking.wait_for_picture(page)
        looking.wait_for_status(page, session, "vm_created")
        yield page


def start_again(server: RunningServer, page: Page) -> None:
    """Start the controller where it was, and wait until the page hears of it."""
    server.start(port=int(server.url.rsplit(":", 1)[1]))
    page.wait_for_function(f"() => {looking.VIEWER}.events.source?.readyState === 1")


def types(page: Page, report: ReportPage, text: str) -> None:
    """Type, and wait until the machine's page has it."""
    page.keyboard.type(text[-1])
    report.expect("text", lambda event: event["text"] == text)


QUALITY = """(session) => new Promise((said) => {
  const events = new EventSource(`/api/auth/session/${session}/events?from=now`);
  events.addEventListener("quality", (event) => {
    const quality = JSON.parse(event.data);
    if (!quality.rung || !quality.framesPerSecond || !quality.encoder) return;
    events.close();
    said(quality);
  });
})"""
FIGURES = "async () => (await fetch('/metrics')).text()"


def steps_of_viewers(page: Page, session: str) -> list[tuple[str, str]]:
    """Give the viewers' steps in the session's timeline, and what they say."""
    steps = looking.look_up(page, session)["timeline"]
    return [(step["name"], step["text"]) for step in steps if step["connectionId"]]


def test_how_a_viewer_came_to_its_picture_and_how_it_sees_it_is_told(
    desktop: Page, session: str, report: ReportPage
) -> None:
    numbers_page.show(desktop, report)
    quality = desktop.evaluate(QUALITY, session)
    assert quality["rung"] == "udp"
    assert 1 <= quality["score"] <= 5
    assert quality["encoder"].startswith("vp8")
    assert quality["encodeMs"] > 0
    assert quality["kbps"] > 0
    names = [name for name, _ in steps_of_viewers(desktop, session)]
    assert names == ["offer", "answer", "connected", "first_frame", "decoded"]
    assert ("decoded", "The first picture was seen (udp)") in steps_of_viewers(desktop, session)
    figures = desktop.evaluate(FIGURES)
    assert 'fanlight_connect_seconds_count{rung="udp"} 1.0' in figures
    assert 'fanlight_viewers_by_rung{rung="udp"} 1.0' in figures
    looking.end(desktop, session)


RUNGS_BEFORE_AND_AFTER_MS = 15_000
HOLDS = f"(held) => {looking.VIEWER}.pictures.held === held"


def test_pictures_through_the_controller_come_back_with_it_and_so_does_control(
    server: RunningServer,
    session: str,
    report: ReportPage,
    person: Callable[[], Page],
    record_property: Record,
) -> None:
    with person() as streamed, person() as direct, person() as by_vnc:
        streamed.add_init_script(NO_UDP)
        looking.open_viewer(streamed, session)
        looking.wait_for_rung(streamed, "websocket", RUNGS_BEFORE_AND_AFTER_MS)
        looking.visit(streamed, report)
        looking.open_viewer(direct, session)
        looking.wait_for_rung(direct, "udp")
        looking.open_viewer(by_vnc, session)
        looking.wait_for_rung(by_vnc, "udp")
        by_vnc.get_by_role("button", name="Use noVNC").click()
        looking.wait_for_rung(by_vnc, "vnc")
        for stop in (server.kill, server.terminate):
            stop()
            server.start(port=int(server.url.rsplit(":", 1)[1]))
            since = time.monotonic()
            looking.wait_for_rung(streamed, "websocket", RUNGS_BEFORE_AND_AFTER_MS)
            looking.wait_for_rung(by_vnc, "vnc", RUNGS_BEFORE_AND_AFTER_MS)
            record_property(
                f"back_after_{stop.__name__}_ms", round(1000 * (time.monotonic() - since))
            )
            streamed.wait_for_function(HOLDS, arg=True)
            report.forget()
            streamed.keyboard.type("x")
            report.expect("keydown", lambda event: event["key"] == "x")
            direct.wait_for_function(HOLDS, arg=False)
        looking.end(streamed, session)


def test_no_picture_is_lost_when_the_controller_is_killed_or_stopped_and_started_again(
    server: RunningServer,
    desktop: Page,
    session: str,
    report: ReportPage,
    record_property: Record,
) -> None:
    family = host_processes.family(server)
    numbers_page.show(desktop, report)
    numbers_page.wait_for_numbers(desktop, 15)
    before, at_first = numbers_page.counts(desktop), numbers_page.seen(desktop)

    came = steps_of_viewers(desktop, session)
    assert "decoded" in dict(came)

    server.kill()
    numbers_page.wait_for_numbers(desktop, 10)
    types(desktop, report, "a")  # the controller has no part in the picture, nor in input
    start_again(server, desktop)
    types(desktop, report, "ab")
    numbers_page.wait_for_numbers(desktop, 5)

    server.set("keeper_grace_s", 500)  # an upgrade may come with settings that the keeper has not
    server.set("max_viewers_per_session", 5)
    assert server.terminate() == 0
    numbers_page.wait_for_numbers(desktop, 5)
    start_again(server, desktop)
    types(desktop, report, "abc")
    numbers_page.wait_for_numbers(desktop, 5)

    after, in_all = numbers_page.counts(desktop), numbers_page.seen(desktop)
    change = {name: after[name] - before[name] for name in ("decoded", "dropped", "lost")}
    for name, value in {
        **change,
        "numbers": len(in_all.numbers),
        "numbers_lost": in_all.lost,
        "gap_before_ms": round(at_first.longest_gap_ms()),
        "gap_ms": round(in_all.longest_gap_ms()),
    }.items():
        record_property(name, value)
        print(f"controller restarted twice: {name} {value}")  # noqa: T201 - shown with -rP
    assert (in_all.lost, change["lost"], change["dropped"]) == (0, 0, 0)
    assert after["name"] == before["name"], "the picture came over another connection"
    assert desktop.locator("fanlight-viewer").get_attribute("data-state") == "live"
    assert any("keeps the settings" in line for line in server.output)

    assert steps_of_viewers(desktop, session) == came
    found = looking.look_up(desktop, session)
    assert (found["status"], found["viewers"]) == ("vm_created", 1)
    desktop.get_by_role("button", name="End the session").click()
    desktop.get_by_role("button", name="Yes").click()
    looking.wait_for_state(desktop, "ended")
    machines = [pid for pid, command in family.items() if "guest.pyz" in command]
    host_processes.wait_until(lambda: not any(map(host_processes.is_alive, machines)))
