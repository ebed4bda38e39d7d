"""Where machines may go: addresses, names, ports, pins."""

from __future__ import annotations

import ipaddress

import pytest

from fanlight.host.addresses import Address, is_this_hosts, why_refused
from fanlight.host.policy import EgressDenied, check_policy, parse_destination, pin_of
from fanlight.wire import EgressPolicy


def nobody(address: Address) -> bool:
    return False


@pytest.mark.parametrize(
    "text",
    [
        "0.0.0.0",
        "10.1.2.3",
        "10.0.2.2",
        "100.64.0.1",
        "127.0.0.1",
        "127.255.255.254",
        "169.254.169.254",
        "172.16.0.1",
        "172.31.255.255",
        "192.168.1.1",
        "198.18.0.1",
        "224.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::7f00:1",
        "::ffff:8.8.8.8",
        "::ffff:0:8.8.8.8",
        "64:ff9b::808:808",
        "64:ff9b:1::1",
        "100::1",
        "2001::1",
        "2002:808:808::1",
        "2001:db8::1",
        "fd00::2",
        "fec0::1",
        "fe80::1",
        "ff02::1",
        "4000::1",
    ],
)
def test_what_is_not_public_is_refused(text: str) -> None:
    assert why_refused(ipaddress.ip_address(text), (), nobody)


@pytest.mark.parametrize(
    "text", ["1.1.1.1", "8.8.8.8", "172.32.0.1", "100.128.0.1", "2606:4700::1111", "2a00:1450::1"]
)
def test_what_is_public_is_let_through(text: str) -> None:
    assert why_refused(ipaddress.ip_address(text), (), nobody) is None


def test_an_address_of_this_host_is_refused_though_it_is_public() -> None:
    own = ipaddress.ip_address("8.8.4.4")

    assert why_refused(own, (), lambda address: address == own) == "this host"
    assert why_refused(own, (ipaddress.ip_network("8.8.0.0/16"),), nobody)


def test_this_host_knows_its_own_addresses() -> None:
    assert is_this_hosts(ipaddress.ip_address("127.0.0.1"))
    assert not is_this_hosts(ipaddress.ip_address("8.8.8.8"))


@pytest.mark.parametrize(
    "authority",
    [
        "",
        ":80",
        "host:",
        "host:0",
        "host:65536",
        "host:http",
        "2130706433:80",
        "0x7f000001:80",
        "0x7f.1:80",
        "0177.0.0.1:80",
        "127.1:80",
        "1.2.3.4.5:80",
        "[::1:80",
        "::1:80",
        "[fe80::1%25eth0]:80",
        "user@host:80",
        "a b:80",
        "host:80:80",
        "-x.org:80",
        "x..org:80",
        "ex\u00e4mple.org:80",
        "x" * 64 + ".org:80",
    ],
)
def test_no_odd_spelling_of_a_destination_is_read(authority: str) -> None:
    with pytest.raises(EgressDenied):
        parse_destination(authority)


def test_a_name_is_read_whatever_its_case_and_final_dot() -> None:
    assert str(parse_destination("Example.ORG.:443")) == "example.org:443"
    assert str(parse_destination("[2606:4700::1111]:443")) == "[2606:4700::1111]:443"
    assert parse_destination("example.org", 80).port == 80


@pytest.mark.parametrize(
    "name", ["localhost", "x.localhost", "printer.local", "intranet", "nas.lan", "a.internal"]
)
def test_names_of_local_things_are_refused(name: str) -> None:
    with pytest.raises(EgressDenied, match="local"):
        check_policy(EgressPolicy(), parse_destination(f"{name}:443"))


def test_a_list_lets_its_domains_and_their_subdomains_through_and_nothing_like_them() -> None:
    policy = EgressPolicy("listed", domains=("example.org",))

    check_policy(policy, parse_destination("example.org:443"))
    check_policy(policy, parse_destination("login.example.org:443"))
    for other in ("notexample.org:443", "example.org.evil.net:443", "1.1.1.1:443"):
        with pytest.raises(EgressDenied):
            check_policy(policy, parse_destination(other))


def test_ports_are_those_of_the_policy() -> None:
    with pytest.raises(EgressDenied, match="port 22"):
        check_policy(EgressPolicy(), parse_destination("example.org:22"))
    check_policy(EgressPolicy(ports=()), parse_destination("example.org:22"))


def test_none_is_none() -> None:
    with pytest.raises(EgressDenied):
        check_policy(EgressPolicy("none"), parse_destination("example.org:443"))


def test_a_pin_holds_for_its_name_and_port_only() -> None:
    policy = EgressPolicy(pins={"idp.test:443": "127.0.0.1:9443"})

    assert pin_of(policy, parse_destination("IDP.test:443")) == ("127.0.0.1", 9443)
    assert pin_of(policy, parse_destination("idp.test:80")) is None
    assert pin_of(policy, parse_destination("x.idp.test:443")) is None


def test_where_nothing_is_reached_no_pin_is_either() -> None:
    pins = {"idp.test:443": "127.0.0.1:4433"}
    wanted = parse_destination("idp.test:443")

    assert pin_of(EgressPolicy(mode="listed", pins=pins), wanted) == ("127.0.0.1", 4433)
    assert pin_of(EgressPolicy(mode="none", pins=pins), wanted) is None


@pytest.mark.parametrize(
    ("policy", "authority", "why"),
    [
        (EgressPolicy(mode="none"), "example.org:443", "no-internet"),
        (EgressPolicy(), "example.org:25", "port"),
        (EgressPolicy(mode="listed"), "example.org:443", "not-listed"),
        (EgressPolicy(), "printer.lan:443", "local-name"),
        (EgressPolicy(), "127.1:80", "unreadable"),
    ],
)
def test_a_refusal_has_a_code_without_what_was_asked_for(
    policy: EgressPolicy, authority: str, why: str
) -> None:
    with pytest.raises(EgressDenied) as raised:
        check_policy(policy, parse_destination(authority))
    assert raised.value.why == why
