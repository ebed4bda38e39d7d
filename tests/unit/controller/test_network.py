"""Whoever starts a session may ask for less network than the server allows, never for more."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import REGISTRY, generate_latest

from fanlight.controller import NetworkRequest, StartRequest
from fanlight.controller.network import MOST_REFUSED, Network, narrowed
from fanlight.errors import InvalidRequest
from fanlight.host.policy import EgressDenied, check_policy, parse_destination
from fanlight.store import OWNER
from fanlight.wire import EgressPolicy, EgressRefused, MachineRef

if TYPE_CHECKING:
    from .conftest import Stage

PUBLIC, NOWHERE = EgressPolicy(), EgressPolicy(mode="none")
LISTED = EgressPolicy(mode="listed", domains=("example.org", "npmjs.org"))
NAMES = st.sampled_from(
    ("example.org", "a.example.org", "npmjs.org", "x.npmjs.org", "org", "evil.test.com")
)


def reaches(policy: EgressPolicy, name: str) -> bool:
    try:
        check_policy(policy, parse_destination(f"{name}:443"))
    except EgressDenied:
        return False
    return True


def asks(mode: str, *domains: str) -> NetworkRequest:
    return NetworkRequest(mode, domains)  # type: ignore[arg-type]


def test_without_a_wish_a_session_gets_what_the_server_allows() -> None:
    assert narrowed(LISTED, None).policy(LISTED) == LISTED


def test_domains_are_normalised_as_the_proxy_compares_them() -> None:
    network = narrowed(PUBLIC, asks("listed", "Example.ORG.", "bücher.example", "example.org"))
    assert network.view.domains == ("example.org", "xn--bcher-kva.example")


@pytest.mark.parametrize(
    ("server", "asked", "named"),
    [
        (NOWHERE, asks("public"), "no internet"),
        (NOWHERE, asks("listed", "example.org"), "no internet"),
        (LISTED, asks("public"), "listed domains only"),
        (LISTED, asks("listed", "example.org", "example.com"), "example.com"),
        (LISTED, asks("listed", "notexample.org"), "notexample.org"),
        (PUBLIC, asks("listed"), "at least one"),
        (PUBLIC, asks("none", "example.org"), "has no list"),
        (PUBLIC, asks("listed", "*.example.org"), "is no domain"),
        (PUBLIC, asks("listed", "10.0.0.1"), "is no domain"),
        (PUBLIC, asks("listed", "0x7f.1"), "is no domain"),
        (PUBLIC, asks("listed", "a b"), "is no domain"),
        (PUBLIC, asks("listed", ""), "is no domain"),
        (PUBLIC, asks("listed", "x" * 64 + ".org"), "is no domain"),
        (PUBLIC, asks("listed", *(f"n{i}.org" for i in range(101))), "at most"),
    ],
)
def test_more_than_that_and_what_is_no_domain_is_refused_by_name(
    server: EgressPolicy, asked: NetworkRequest, named: str
) -> None:
    with pytest.raises(InvalidRequest, match=named):
        narrowed(server, asked)


@given(
    st.sampled_from((PUBLIC, NOWHERE, LISTED)),
    st.sampled_from((PUBLIC, NOWHERE, LISTED)),
    st.sampled_from(("none", "public", "listed")),
    st.lists(NAMES, max_size=3),
    NAMES,
)
def test_no_wish_reaches_what_the_server_does_not_allow_now(
    then: EgressPolicy, now: EgressPolicy, mode: str, domains: list[str], name: str
) -> None:
    try:
        network = narrowed(then, asks(mode, *domains))
    except InvalidRequest:
        return
    recalled = Network.recalled(network.to_memo())
    if reaches(recalled.policy(now), name):
        assert reaches(now, name), "a server that was started again with less gives less"
        assert reaches(then, name)


def test_what_is_refused_is_counted_and_only_so_much_is_remembered_by_name() -> None:
    network = Network("public", ())
    for number in range(MOST_REFUSED + 10):
        network.refuse(f"n{number}.example:443", "why", 2)
    network.refuse("n20.example:443", "why", 1)

    view = Network.recalled(network.to_memo()).view

    assert len(view.refused) == MOST_REFUSED
    assert view.refused_count == 2 * (MOST_REFUSED + 10) + 1
    assert (view.refused[-1].destination, view.refused[-1].count) == ("n20.example:443", 3)


def test_what_is_shown_is_what_the_machine_got_also_after_a_restart_with_less() -> None:
    network = Network.recalled(narrowed(PUBLIC, None).to_memo())
    assert network.view.mode == "public"

    assert network.enforce(LISTED) == LISTED

    view = Network.recalled(network.to_memo()).view
    assert (view.mode, view.domains) == ("listed", LISTED.domains)


def _counted(reason: str) -> float:
    name, labels = "fanlight_egress_refused_total", {"reason": reason}
    return REGISTRY.get_sample_value(name, labels) or 0.0


async def test_refusals_are_counted_by_code_and_never_by_address(stage: Stage) -> None:
    async with stage.controlled() as controller:
        before = _counted("address")
        for number in range(5):
            text = f"10.0.0.{number} is a private network"
            controller.keeper_said(EgressRefused(MachineRef("m"), "x", text, 2, "address"))
        assert _counted("address") == before + 10
        said = generate_latest(REGISTRY).decode()
        assert "10.0.0." not in said


async def test_the_machine_is_made_with_the_sessions_own_network(stage: Stage) -> None:
    async with stage.controlled(policy=LISTED) as controller:
        request = StartRequest(network=asks("listed", "a.example.org"))
        id_ = (await controller.start(OWNER, request)).session_id
        await stage.reaches(id_, "vm_created")
        assert stage.provider.started[-1].policy == EgressPolicy(
            mode="listed", domains=("a.example.org",)
        )


async def test_the_owner_sees_where_the_machine_was_refused(stage: Stage) -> None:
    async with stage.controlled() as controller:
        id_ = (await controller.start(OWNER, StartRequest())).session_id
        await stage.reaches(id_, "vm_created")
        ref = stage.provider.started[-1].ref
        controller.keeper_said(
            EgressRefused(ref, "10.0.0.1:80\x1b[2J", "it is private", 3, "address")
        )

        network = (await controller.session(OWNER, id_)).to_json()["network"]

        assert network["mode"] == "public"
        assert network["refusedCount"] == 3
        assert network["refused"][0]["reason"] == "it is private"
        assert "\x1b" not in network["refused"][0]["destination"]
        await controller.end(OWNER, id_)
        over = await stage.reaches(id_, "ended")
        assert over.network is not None
        assert over.network.refused_count == 3


async def test_a_wish_that_is_refused_starts_nothing(stage: Stage) -> None:
    async with stage.controlled(policy=NOWHERE) as controller:
        with pytest.raises(InvalidRequest):
            await controller.start(OWNER, StartRequest(network=asks("public")))
        assert await controller.sessions(OWNER) == []
