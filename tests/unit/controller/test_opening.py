"""What the controller tells a keeper that it starts."""

from __future__ import annotations

from pathlib import Path

from fanlight.config import ServeSettings
from fanlight.controller.opening import keeper_settings
from fanlight.host import mark_of
from fanlight.host.settings import keeper_from_json, to_json


def test_machines_do_not_reach_the_host_by_its_announced_addresses() -> None:
    settings = ServeSettings(data=Path("/data"), announce=("198.41.0.4", "2001:500:2::c"))
    assert keeper_settings(settings).egress.refused_networks == settings.announce


def test_a_keeper_of_other_settings_is_known_by_their_mark() -> None:
    now = keeper_settings(ServeSettings(data=Path("/data"), announce=("198.41.0.4",)))
    before = keeper_settings(ServeSettings(data=Path("/data")))
    assert mark_of(now) != mark_of(before)
    assert mark_of(now) == mark_of(keeper_from_json(to_json(now)))


def test_the_upstream_proxys_password_is_no_argument_of_the_gateways() -> None:
    settings = ServeSettings(data=Path("/data"), egress_upstream_proxy="http://me:pw@p.example")
    made = keeper_settings(settings)
    assert made.egress.upstream_proxy == "http://me:pw@p.example"
    assert not any("pw" in word for word in made.gateway_arguments)
