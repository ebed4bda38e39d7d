"""The picture through our own TURN server, where no packet can go any other way; and what
`fanlight doctor` says of such a path, whole and broken.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import BrowserType, Page

from fanlight.testing.server import RunningServer

from . import host_processes, looking, turn_world
from .conftest import sign_in
from .turn_world import CLOSE, FRAMES, PAIR, PRESS, WATCH

FANLIGHT = str(Path(sys.executable).parent / "fanlight")
F5 = 0xFFC2
"""Has the machine's browser load its page again: the display changes."""


@dataclass
class Relayed:
    """A page whose connections may only be relayed, and the session that they show."""

    page: Page
    server: RunningServer
    session: str

    def watch(self, way: str, **credential: str) -> int:
        """Open a connection; give how many relayed candidates there were."""
        count: int = self.page.evaluate(WATCH, [self.session, way, credential])
        return count

    def pair(self, way: str) -> object:
        """What ICE chose on our side: the candidate's type, and how it reaches the relay."""
        return self.page.evaluate(PAIR, way)

    def frames(self, way: str) -> int:
        count: int = self.page.evaluate(FRAMES, way)
        return count

    def wait_for_frames(self, way: str, *, more_than: int) -> None:
        self.page.wait_for_function(f"([way, n]) => ({FRAMES})(way) > n", arg=[way, more_than])

    def doctor(self, *session: str) -> dict[str, list[dict[str, str]]]:
        """Give what the doctor finds, by the names of what it looked at."""
        data = self.server.data
        given = ["--json", "--data", str(data), "--config", str(data / "fanlight.toml")]
        done = subprocess.run(
            [FANLIGHT, "doctor", *session, *given],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode in {0, 4}, done.stderr
        findings: dict[str, list[dict[str, str]]] = {}
        for each in json.loads(done.stdout):
            findings.setdefault(each["name"], []).append(each)
        return findings

    def bad(self) -> dict[str, str]:
        """Give what the doctor finds bad on the session's path: codes, and what it says."""
        findings = [each for found in self.doctor(self.session).values() for each in found]
        print("\n".join(f"{each['level']} {each['name']}: {each['text']}" for each in findings))  # noqa: T201
        return {each["code"]: each["text"] for each in findings if each["level"] == "bad"}

    def press(self, way: str, keysym: int) -> None:
        """Press a key of the machine's, by the connection's data channel."""
        self.page.evaluate(PRESS, [way, keysym])

    @property
    def turn_pid(self) -> int:
        """The TURN server's process.

        Raises:
            LookupError: there is none at the moment.
        """
        for pid, command in host_processes.family(self.server).items():
            if command.startswith("turnserver ") and host_processes.is_alive(pid):
                return pid
        raise LookupError("turnserver")


@pytest.fixture(scope="module")
def world(
    browser_type: BrowserType, browser_type_launch_args: dict[str, Any]
) -> Iterator[Relayed]:
    with turn_world.serving_with_turn() as (server, home):
        env: dict[str, str | float | bool] = {**os.environ, "HOME": str(home)}
        browser = browser_type.launch(**browser_type_launch_args, env=env)
        page = browser.new_page(base_url=server.url)
        sign_in(page, server.link)
        session = looking.start(page)["sessionId"]
        looking.wait_for_status(page, session, "vm_created")
        yield Relayed(page, server, session)
        browser.close()


@pytest.fixture
def relayed(world: Relayed) -> Iterator[Relayed]:
    yield world
    world.page.evaluate(CLOSE)


@pytest.mark.parametrize("way", ["udp", "tcp", "tls"])
def test_picture_and_input_go_through_the_relay(relayed: Relayed, way: str) -> None:
    assert relayed.watch(way) >= 1
    relayed.wait_for_frames(way, more_than=0)
    before = relayed.frames(way)

    relayed.press(way, F5)

    relayed.wait_for_frames(way, more_than=before)
    assert relayed.pair(way) == ["relay", way]


def test_credentials_that_have_run_out_are_refused(relayed: Relayed) -> None:
    servers = relayed.page.evaluate("async () => (await fetch('/api/webrtc/ice-servers')).json()")
    who = servers["iceServers"][0]["username"].partition(":")[2]

    found = relayed.watch("udp", username=f"{int(time.time()) - 60}:{who}")

    assert found == 0
    errors = relayed.page.evaluate("relayed.udp.errors")
    assert 401 in {error["errorCode"] for error in errors}


def test_the_relayed_picture_outlives_the_controller(relayed: Relayed) -> None:
    relayed.watch("tcp")
    relayed.wait_for_frames("tcp", more_than=0)
    before, turn = relayed.frames("tcp"), relayed.turn_pid
    port = int(relayed.server.url.rpartition(":")[2])

    relayed.server.kill()
    relayed.press("tcp", F5)
    relayed.wait_for_frames("tcp", more_than=before)
    relayed.server.start(port=port)

    assert relayed.turn_pid == turn
    assert set(relayed.page.evaluate("relayed.tcp.states")) == {"connecting", "connected"}


def test_a_killed_turn_server_comes_back(relayed: Relayed) -> None:
    killed = relayed.turn_pid
    host_processes.kill(killed)

    def is_back() -> bool:
        try:
            return relayed.turn_pid != killed
        except LookupError:
            return False

    host_processes.wait_until(is_back)
    host_processes.wait_until(lambda: relayed.watch("udp") >= 1)
    relayed.wait_for_frames("udp", more_than=0)
    arguments = host_processes.command_of(relayed.turn_pid)
    secret = (relayed.server.data / "store" / "turn.secret").read_text()
    assert secret not in arguments
    assert (relayed.server.data / "store" / "turn.secret").stat().st_mode & 0o777 == 0o600


@contextlib.contextmanager
def stopped(*pids: int) -> Iterator[None]:
    """Let processes stand still: they hold what they hold, and answer nothing."""
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)


def test_the_doctor_finds_a_whole_path_good_from_the_machine_to_the_viewer(
    relayed: Relayed,
) -> None:
    relayed.watch("udp")
    relayed.wait_for_frames("udp", more_than=0)

    findings = relayed.doctor(relayed.session)

    for name in ("TURN udp", "TURN tcp", "TURN tls", "certificate", "session", "keeper", "link"):
        assert [each["level"] for each in findings[name]] == ["good"], findings[name]
    for name in ("vnc", "agent", "media"):
        assert [each["level"] for each in findings[name]] == ["good"], findings[name]
    (viewer,) = [found for name, found in findings.items() if name.startswith("viewer ")]
    assert viewer[0]["level"] == "good"
    assert "over WebRTC" in viewer[0]["text"]


def test_the_doctor_names_a_machine_that_stands_still(relayed: Relayed) -> None:
    relayed.watch("udp")
    relayed.wait_for_frames("udp", more_than=0)

    with stopped(*host_processes.below(host_processes.guest(relayed.server))):
        found = relayed.bad()

    assert found.keys() == {"machine-silent"}


# The last one: the gateway keeps a viewer that is cut off for half a minute.
def test_the_doctor_names_a_viewer_that_is_cut_off(relayed: Relayed) -> None:
    relayed.watch("udp")
    relayed.wait_for_frames("udp", more_than=0)

    with stopped(relayed.turn_pid):
        deadline = time.monotonic() + 60
        while "network-lost" not in (found := relayed.bad()):
            assert time.monotonic() < deadline, f"found {found}"

    assert found.keys() == {"network-lost", "turn-unreachable"}
