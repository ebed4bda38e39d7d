"""Players that others wrote see the picture: whip-whep, Eyevinn's, aiortc, and our own.

Each plays one real session with a moving picture; the first two from a page of another origin in a
browser that is signed in nowhere, with a ticket. All write a transcript to test-results/.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page
from tests.players import HERE, built_pages, serving_pages, versions
from tests.players.transcript import FRAMES, Transcript

from fanlight.testing.server import RunningServer

from . import looking
from .report_page import ReportPage

TICKET = """async (session) => (await (await fetch("/api/tickets", { method: "POST",
  headers: { "Content-Type": "application/json" },
  body: JSON.stringify({ session, use: "whep" }) })).json()).ticket"""
MANY = 20
"""Frames that prove a moving picture: the report page changes five times in a second."""


@dataclass(frozen=True)
class Stage:
    """A session, a plain player that came first, and our own viewer."""

    url: str
    own: Page
    own_talk: Transcript
    first: Page
    first_talk: Transcript
    session: str

    def ticket(self) -> str:
        return str(self.own.evaluate(TICKET, self.session))


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The origin of the players' pages."""
    with serving_pages(built_pages(tmp_path_factory.mktemp("players") / "dist")) as origin:
        yield origin


@pytest.fixture(scope="module")
def report() -> Iterator[ReportPage]:
    with ReportPage() as page:
        yield page


@pytest.fixture(scope="module")
def server(
    report: ReportPage, pages: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningServer]:
    secret = tmp_path_factory.mktemp("turn") / "secret"
    secret.write_text("shared with nobody")
    settings = {
        "egress_pins": report.pins,
        "allowed_origins": [pages],
        # Nobody listens there: they are for the headers `Link`, the path is direct.
        "turn_urls": [f"turn:127.0.0.1:9?transport={each}" for each in ("udp", "tcp")],
        "turn_secret_file": str(secret),
    }
    with RunningServer(settings) as running:
        yield running


@pytest.fixture(scope="module")
def stranger(browser: Browser, pages: str) -> Iterator[Callable[[], Page]]:
    """Pages of another origin, in browsers that are signed in nowhere."""
    contexts = []

    def give() -> Page:
        contexts.append(browser.new_context(base_url=pages))
        return contexts[-1].new_page()

    yield give
    for context in contexts:
        context.close()


@pytest.fixture(scope="module")
def stage(
    person: Callable[[], Page],
    stranger: Callable[[], Page],
    server: RunningServer,
    report: ReportPage,
) -> Iterator[Stage]:
    with person() as own:
        own_talk = Transcript(own, "/whep")
        own.goto("/dashboard")
        session = looking.start(own)["sessionId"]
        looking.wait_for_status(own, session, "vm_created")
        url = f"{server.url}/api/webrtc/session/{session}/whep"
        first = stranger()
        first_talk = play(first, "whip-whep", url, str(own.evaluate(TICKET, session)), frames=1)
        looking.open_viewer(own, session)
        looking.wait_for_picture(own)
        # It types an address and clicks: so control is with the one that can use it.
        looking.visit(own, report)
        yield Stage(url, own, own_talk, first, first_talk, session)
        looking.end(own, session)


def play(page: Page, name: str, url: str, ticket: str, *, frames: int = MANY) -> Transcript:
    """Open a player's page, have it play, and wait for that many frames."""
    talk = Transcript(page, "/whep")
    page.goto(f"/{name}.html")
    page.evaluate("([url, token]) => window.play(url, token)", [url, ticket])
    wait_for_frames(page, frames)
    wait_for_answer(page, talk, "POST")
    return talk


def wait_for_frames(page: Page, more: int) -> None:
    """Wait until the page's players have decoded so many frames more.

    Playwright's own wait takes the promise of an asynchronous function for a yes.
    """
    want = page.evaluate(FRAMES)["frames"] + more
    deadline = time.monotonic() + 30
    while (got := page.evaluate(FRAMES)["frames"]) < want:
        assert time.monotonic() < deadline, f"{got} frames decoded, not {want}"
        page.wait_for_timeout(100)


def wait_for_answer(page: Page, talk: Transcript, method: str) -> None:
    """Wait until a request of this method was answered."""
    for _ in range(100):
        if any(talk.statuses(method)):
            return
        page.wait_for_timeout(50)
    raise AssertionError(f"no {method} was answered: {talk.exchanges}")


def stop(page: Page, talk: Transcript, file: str, **first: Any) -> None:
    """Have the player stop, which the server hears, and write the transcript."""
    played = page.evaluate(FRAMES)
    page.evaluate("window.stop()")
    wait_for_answer(page, talk, "DELETE")
    talk.write(written(file), played, **first)
    assert talk.statuses("DELETE") == [200]


def written(name: str) -> Path:
    return looking.RESULTS / f"player-{name}.jsonl"


def test_whip_whep_plays_trickles_and_stops(stage: Stage) -> None:
    page, talk = stage.first, stage.first_talk
    wait_for_frames(page, MANY)
    assert talk.statuses("POST") == [201]
    assert set(talk.statuses("PATCH")) == {204}
    assert all(each.status == 200 for each in talk.exchanges if each.request[:3] == "OPT")
    assert talk.header("POST", "location")
    assert talk.header("POST", "etag")
    assert "if-match" not in talk.sent("PATCH"), "it never reads the first ETag"
    servers = page.evaluate("window.player.pc.getConfiguration().iceServers")
    assert [each["urls"] for each in servers] == [
        ["turn:127.0.0.1:9?transport=udp"],
        ["turn:127.0.0.1:9?transport=tcp"],
    ], "each Link is a server to it"
    assert all(each["username"] and each["credential"] for each in servers)


def test_an_ice_restart_of_whip_whep_is_refused_and_its_picture_goes_on(stage: Stage) -> None:
    page, talk = stage.first, stage.first_talk
    said = page.evaluate("() => window.restart().then(() => 'restarted', (e) => e.message)")
    assert "422" in said
    assert talk.statuses("PATCH")[-1] == 422
    wait_for_frames(page, MANY)
    stop(page, talk, "whip-whep", player="whip-whep", version=versions()["whip-whep"])


def test_eyevinns_player_plays_and_stops(stage: Stage, stranger: Callable[[], Page]) -> None:
    page = stranger()
    talk = play(page, "eyevinn", stage.url, stage.ticket())
    assert talk.statuses("POST") == [201], "no 406, no 400: nothing that it would try again"
    assert talk.statuses("PATCH") == [], "it does not trickle"
    assert talk.sent("POST")["authorization"] == "(a ticket)", "without Bearer"
    name = "@eyevinn/webrtc-player"
    stop(page, talk, "eyevinn", player=name, version=versions()[name])


def test_eyevinns_player_ends_when_its_offer_cannot_be_answered(
    stage: Stage, stranger: Callable[[], Page]
) -> None:
    """A 400 sends it to an older protocol, with an empty POST: it must hear an end of that too."""
    page = stranger()
    talk = Transcript(page, "/whep")
    page.goto("/eyevinn.html")
    page.evaluate("window.withoutVideo = true")
    page.evaluate("([url, token]) => window.play(url, token)", [stage.url, stage.ticket()])
    page.wait_for_function("() => window.said.length > 0", timeout=30_000)
    assert page.evaluate("window.said") == ["connect-error"]
    assert talk.statuses("POST")[0] == 400
    assert all(400 <= status < 500 for status in talk.statuses("POST"))


def test_aiortc_plays_and_stops(stage: Stage) -> None:
    done = subprocess.run(
        [sys.executable, HERE / "aiortc_player.py", stage.url, str(MANY)],
        input=stage.ticket() + "\n",
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    written("aiortc").write_text(done.stdout)
    lines: list[dict[str, Any]] = [json.loads(line) for line in done.stdout.splitlines()]
    assert [line["status"] for line in lines if "status" in line] == [201, 200]
    assert {"frames": MANY, "size": list(looking.SIZE)} in lines


def test_our_own_viewer_plays_and_holds_control(stage: Stage) -> None:
    wait_for_frames(stage.own, MANY)
    talk = stage.own_talk
    assert 201 in talk.statuses("POST")
    assert set(talk.statuses("PATCH")) == {204}
    assert talk.sent("PATCH")["if-match"] == talk.header("POST", "etag")
    played = stage.own.evaluate(FRAMES)
    talk.write(written("fanlight-viewer"), played, player="fanlight-viewer", version="this one")
