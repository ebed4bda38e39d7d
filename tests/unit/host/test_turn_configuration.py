"""What coturn is told."""

from __future__ import annotations

import ipaddress
from dataclasses import replace
from pathlib import Path

import pytest

from fanlight.config import ServeSettings, check
from fanlight.controller.opening import turn_settings
from fanlight.errors import SettingRejected
from fanlight.host import KeeperSettings, TurnSettings, media_addresses
from fanlight.host.settings import keeper_from_json, to_json
from fanlight.host.turn import Files, configuration

TURN = TurnSettings(port=3478, tls_port=443, realm="fanlight", gateway=("192.168.1.5",))
FILES = Files(Path("/data/run/turn"))


def lines(turn: TurnSettings) -> list[str]:
    return configuration(turn, "the-secret", FILES).splitlines()


def test_every_peer_is_denied_but_the_gateway() -> None:
    told = lines(TURN)

    assert "denied-peer-ip=0.0.0.0-255.255.255.255" in told
    assert "denied-peer-ip=::-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff" in told
    assert [each for each in told if each.startswith("allowed")] == ["allowed-peer-ip=192.168.1.5"]
    assert "allow-loopback-peers" not in told
    assert "no-tcp-relay" in told


def test_behind_a_nat_the_outer_address_means_the_one_behind_it() -> None:
    told = lines(replace(TURN, announced=("203.0.113.7", "192.168.1.5", "2001:db8::7")))

    assert "external-ip=203.0.113.7/192.168.1.5" in told
    assert sum(each.startswith("external-ip") for each in told) == 1
    assert "allowed-peer-ip=203.0.113.7" in told


@pytest.mark.parametrize(
    ("gateway", "family"),
    [
        (("192.168.1.5",), "ipv4"),
        (("2001:db8::5",), "ipv6"),
        (("192.168.1.5", "2001:db8::5"), "keep"),
    ],
)
def test_a_viewer_is_relayed_in_a_family_that_the_gateway_has(
    gateway: tuple[str, ...], family: str
) -> None:
    told = lines(replace(TURN, gateway=gateway))

    assert f"allocation-default-address-family={family}" in told


def test_tls_is_spoken_with_a_certificate_only() -> None:
    assert "no-tls" in lines(TURN)

    told = lines(replace(TURN, certificate=Path("c.pem"), key=Path("k.pem")))

    assert "no-tls" not in told
    assert {"tls-listening-port=443", "cert=/data/run/turn/cert.pem"} <= set(told)


def test_loopback_is_relayed_to_only_when_there_is_nothing_else() -> None:
    assert "allow-loopback-peers" in lines(replace(TURN, gateway=("127.0.0.1",)))
    stands_on = media_addresses(())

    found = turn_settings(ServeSettings(turn=True)).gateway

    others = [each for each in stands_on if not ipaddress.ip_address(each).is_loopback]
    assert list(found) == (others or ["127.0.0.1"])


def test_a_server_for_this_computer_alone_has_a_turn_server_for_it_alone() -> None:
    assert turn_settings(ServeSettings(turn=True)).listen == ("127.0.0.1",)
    behind_proxy = ServeSettings(turn=True, public_url="https://desk.example")
    assert turn_settings(behind_proxy).listen == ()


def test_a_keeper_is_told_of_it_whole() -> None:
    settings = KeeperSettings(Path("/data"), turn=replace(TURN, certificate=Path("/c.pem")))

    assert keeper_from_json(to_json(settings)) == settings


@pytest.mark.parametrize(
    "wrong",
    [
        {"turn_port": 0},
        {"turn_tls_port": 65536},
        {"turn_port": 8088},
        {"turn_tls_port": 3478},
        {"turn_host": "turn.example:3478"},
        {"turn_realm": "a\nno-auth"},
    ],
)
def test_what_makes_no_turn_server_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(SettingRejected):
        check(ServeSettings(turn=True, **wrong))  # type: ignore[arg-type]
