"""What is said once is said again to whoever asks later, and to the right ones only."""

from __future__ import annotations

from pathlib import Path

import pytest

from fanlight import wire
from fanlight.errors import PeerError
from fanlight.guest.desktop import Deaths
from fanlight.guest.health import parse_head
from fanlight.guest.journal import STAGES, Journal
from fanlight.guest.link import Identity
from fanlight.guest.options import parse
from fanlight.guest.processes import Tail
from fanlight.guest.programs import CHROMIUM_FLAGS, LOGIN_POLICY, chromium, environment


def identity(token: str = "t", machine: str = "m") -> wire.IdentifyMachine:
    return wire.IdentifyMachine(
        session=wire.SessionId("s"),
        machine=wire.MachineRef(machine),
        token=token,
        hostname="h",
        seed_b64="",
        time_s=0,
    )


def test_ready_is_said_once_when_every_stage_is_done() -> None:
    said: list[wire.Message] = []
    journal = Journal()
    journal.send = said.append
    for stage in (*STAGES, *STAGES):
        journal.say(wire.StageReached(stage, 1.0))
    assert said.count(wire.GuestReady()) == 1
    assert len(said) == len(STAGES) + 1


def test_a_new_link_hears_what_was_said_before_it() -> None:
    journal = Journal()
    for stage in STAGES:
        journal.say(wire.StageReached(stage, 1.0))
    journal.say(wire.CliStarted())
    journal.say(wire.AccountVerified("me"))
    assert journal.replay()[-3:] == [
        wire.GuestReady(),
        wire.CliStarted(),
        wire.AccountVerified("me"),
    ]
    assert journal.login == ("verified", "me")


def test_the_same_identity_may_come_again_and_no_other() -> None:
    known = Identity()
    assert known.take(identity())
    assert not known.take(identity())
    with pytest.raises(PeerError):
        known.take(identity(machine="other"))
    with pytest.raises(PeerError):
        known.take(identity(token="other"))


def test_an_identity_without_a_token_is_none() -> None:
    with pytest.raises(PeerError):
        Identity().take(identity(token=""))


def test_five_deaths_in_half_a_minute_are_too_many() -> None:
    deaths = Deaths()
    assert [deaths.too_many("x", now) for now in (0, 1, 2, 3)] == [False] * 4
    assert not deaths.too_many("y", 4)
    assert deaths.too_many("x", 29)
    assert not deaths.too_many("x", 100)


@pytest.mark.parametrize(
    "head",
    [b"", b"GET /", b"GET / SPDY/1", b"\xff\xfe", b"GET / HTTP/1.1\r\nAuthorization: Bearer a\r\n"
     b"authorization: Bearer b"],
)  # fmt: skip
def test_what_is_no_request_is_none(head: bytes) -> None:
    assert parse_head(head) is None


def test_a_request_is_read() -> None:
    head = b"GET /health?x=1 HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer t\r\n\r\n"
    assert parse_head(head) == ("GET", "/health", "Bearer t")


def test_a_size_of_the_display_is_checked() -> None:
    assert parse(["--boot-fd", "3", "--display", "800x600"]).width_px == 800
    with pytest.raises(SystemExit):
        parse(["--boot-fd", "3", "--display", "800x99999"])


def test_a_tail_keeps_the_last_lines_and_no_control_characters() -> None:
    tail = Tail()
    for number in range(100):
        tail.add(b"\x1b[31mline %d\n" % number)
    assert str(tail).count("\n") == 39
    assert "\x1b" not in str(tail)
    assert str(tail).endswith("line 99")


def test_the_browser_keeps_its_sandbox_and_goes_through_the_proxy() -> None:
    assert not any("no-sandbox" in flag for flag in CHROMIUM_FLAGS)
    argv = chromium(Path("/p"), (800, 600), "about:blank", "vm")
    assert "--proxy-server=http://10.98.0.1:3128" in argv
    assert LOGIN_POLICY["DownloadRestrictions"] == 3
    assert LOGIN_POLICY["DeveloperToolsAvailability"] == 2


def test_programs_are_told_proxy_and_authorities_and_nothing_of_ours() -> None:
    env = environment({"HOME": "/home/x", "SECRET": "s", "PATH": "/bin"}, "/ca.pem", "sandbox")
    assert env["HTTPS_PROXY"] == "http://127.0.0.1:3128"
    assert env["NODE_EXTRA_CA_CERTS"] == "/ca.pem"
    assert "SECRET" not in env
