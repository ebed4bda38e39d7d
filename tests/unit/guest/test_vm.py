"""Process 1 of a virtual machine: when a desktop is quiet, and what an identity may hold."""

from __future__ import annotations

import pytest

from fanlight.guest.vm.given import Given, parse_given
from fanlight.guest.vm.mounts import home
from fanlight.guest.vm.network import mac_bytes
from fanlight.guest.vm.settling import BUSY_SHARE, Ticks, read_ticks

STAT = "cpu  100 10 40 900 50 5 15 0 0 0\ncpu0 1 1 1 1 1 1 1 0 0 0\n"


def test_waiting_for_a_disk_counts_as_idle() -> None:
    assert read_ticks(STAT) == Ticks(busy=170, idle=950)


def test_what_was_busy_is_a_share_of_the_time_between() -> None:
    before, now = Ticks(100, 900), Ticks(110, 990)

    assert now.share_since(before) == pytest.approx(0.1)
    assert now.share_since(before) < BUSY_SHARE


def test_a_clock_that_did_not_go_on_is_not_divided_by() -> None:
    assert Ticks(1, 1).share_since(Ticks(1, 1)) == 0


def test_the_kernels_command_line_says_how_a_machine_is_to_be() -> None:
    said = "quiet fanlight.login=0 fanlight.display=1600x900 fanlight.pids=512 fanlight.home=256"

    given = parse_given(said)

    assert given == Given(login=False, display="1600x900", pids=512, home_mib=256)
    assert given.agent_words() == ("--no-login", "--display", "1600x900")
    assert "size=256m" in home(given.home_mib).options.split(",")


def test_a_machine_of_which_nothing_is_said_is_for_a_login() -> None:
    assert parse_given("console=ttyS0 quiet") == Given()
    assert Given().login


def test_a_hardware_address_is_six_octets_with_colons() -> None:
    assert mac_bytes("02:00:5e:10:00:ff") == bytes.fromhex("02005e1000ff")


@pytest.mark.parametrize("text", ["", "02:00:5e:10:00", "02005e1000ff", "zz:00:5e:10:00:ff"])
def test_anything_else_is_none(text: str) -> None:
    with pytest.raises(ValueError, match=r"hardware|fromhex"):
        mac_bytes(text)
