"""The ladder on networks as they are: the rung that works, by itself, or the cause in time.

What is asserted of time is what is promised, with room for a busy computer; what it really took is
recorded.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Playwright
from tests.networks import CLEAN, Conditions, Filter, behind_nats, both, direct
from tests.networks.conditions import EVERYTHING_BLOCKED, NO_UDP, OUTAGE
from tests.networks.topology import HTTPS_PORT

from . import network_world
from .network_world import WATCH_FRAMES, World, wait_for_failure, wait_for_rung

Record = Callable[[str, object], None]
TURN_PORT = 3478
ONE_PORT = Conditions(filter=Filter(udp=False, only_tcp_ports=(HTTPS_PORT,)))
TURN_BY_TCP = Conditions(filter=Filter(udp=False, only_tcp_ports=(HTTPS_PORT, TURN_PORT)))
NAMED_MS = 8_000
BUSY_MS = 4_000
"""How much longer a computer may take that has other things to do."""
OUTAGE_MS = 10_000
CLIMB_MS = 60_000


@pytest.fixture(scope="module")
def straight(playwright: Playwright) -> Iterator[World]:
    """Nothing but the network between them; the host runs a TURN server."""
    with (
        direct() as network,
        network_world.watched(playwright, network, {"turn": True}) as world,
    ):
        yield world


@pytest.fixture
def took(record_property: Record, request: pytest.FixtureRequest) -> Callable[[str, int], None]:
    def note(what: str, ms: int) -> None:
        record_property(what, ms)
        print(f"{request.node.originalname}: {what} {ms} ms")  # noqa: T201 - shown with -rP

    return note


Took = Callable[[str, int], None]


def test_a_viewer_in_another_namespace_comes_by_udp(straight: World, took: Took) -> None:
    with straight.page_before(both(delay_ms=25)) as page:
        wait_for_rung(page, "udp")
        took("live", network_world.since_connect_ms(page))
        straight.type_and_see(page)


def test_without_udp_the_picture_comes_over_tcp(straight: World, took: Took) -> None:
    with straight.page_before(NO_UDP) as page:
        rung = wait_for_rung(page, "tcp", "turn-tcp", "turn-tls")
        took(f"live over {rung}", network_world.since_connect_ms(page))
        straight.type_and_see(page)


def test_where_only_the_turn_server_is_reached_it_relays(straight: World, took: Took) -> None:
    with straight.page_before(TURN_BY_TCP) as page:
        wait_for_rung(page, "turn-tcp")
        took("live", network_world.since_connect_ms(page))
        straight.type_and_see(page)


def test_one_https_port_is_enough_and_the_viewer_climbs_when_there_is_more(
    straight: World, took: Took
) -> None:
    with straight.page_before(ONE_PORT) as page:
        wait_for_rung(page, "websocket")
        took("live", network_world.since_connect_ms(page))
        straight.type_and_see(page)
        straight.network.set(CLEAN)
        since = network_world.now()
        wait_for_rung(page, "udp", timeout_ms=CLIMB_MS)
        took("climbed", round((network_world.now() - since) * 1000))
        straight.type_and_see(page)


def test_after_an_outage_the_picture_is_back(straight: World, took: Took) -> None:
    with straight.page_before(CLEAN) as page:
        wait_for_rung(page, "udp")
        page.evaluate(WATCH_FRAMES)
        straight.network.set(OUTAGE)
        page.wait_for_timeout(OUTAGE_MS)
        straight.network.set(CLEAN)
        back = network_world.next_frame_ms(page, network_world.now())
        took("back", back)
        assert back < 2_000 + BUSY_MS
        wait_for_rung(page, "udp", timeout_ms=CLIMB_MS)
        straight.type_and_see(page)


def test_where_nothing_passes_the_cause_is_named_and_the_picture_comes_when_it_does(
    straight: World, took: Took
) -> None:
    with straight.page_before(EVERYTHING_BLOCKED) as page:
        cause = wait_for_failure(page, NAMED_MS + BUSY_MS)
        took("named", network_world.since_connect_ms(page))
        assert cause == "server-unreachable"
        straight.network.set(CLEAN)
        wait_for_rung(page, "udp", "websocket")
        wait_for_rung(page, "udp", timeout_ms=CLIMB_MS)


def test_a_server_that_is_gone_is_named_and_returns(straight: World, took: Took) -> None:
    with straight.page_before(EVERYTHING_BLOCKED) as page:
        straight.server.kill()
        straight.network.set(CLEAN)
        page.evaluate("() => document.querySelector('fanlight-viewer').remove()")
        straight.put_viewer_in(page)
        try:
            cause = wait_for_failure(page, NAMED_MS + BUSY_MS)
            took("named", network_world.since_connect_ms(page))
        finally:
            straight.server.start(port=HTTPS_PORT)
        assert cause == "server-unreachable"
        wait_for_rung(page, "udp", timeout_ms=CLIMB_MS)


def test_behind_nat_on_both_sides_the_announced_address_is_enough(
    playwright: Playwright, took: Took
) -> None:
    with (
        behind_nats() as network,
        network_world.watched(playwright, network) as world,
        world.page_before(CLEAN) as page,
    ):
        wait_for_rung(page, "udp")
        took("live", network_world.since_connect_ms(page))
        world.type_and_see(page)


def test_ipv6_alone_is_enough(playwright: Playwright, took: Took) -> None:
    with (
        direct(6) as network,
        network_world.watched(playwright, network) as world,
        world.page_before(CLEAN) as page,
    ):
        wait_for_rung(page, "udp")
        took("live", network_world.since_connect_ms(page))
        world.type_and_see(page)
