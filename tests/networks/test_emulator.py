"""The emulator, measured with plain sockets at its ends."""

from __future__ import annotations

import contextlib
import os
import socket
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from . import probes
from .conditions import CLEAN, EVERYTHING_BLOCKED, NO_UDP, OUTAGE, Conditions, Filter, both
from .topology import HTTPS_PORT, UDP_PORTS, Network, behind_nats, direct

Record = Callable[[str, object], None]
BIG_QUEUE = 4_000_000


@pytest.fixture(scope="module", params=[4, 6], ids=["ipv4", "ipv6"])
def made(request: pytest.FixtureRequest) -> Iterator[Network]:
    with direct(request.param) as network:
        yield network


@pytest.fixture
def network(made: Network) -> Network:
    made.set(CLEAN)
    return made


def test_a_delay_is_in_every_round_trip(network: Network) -> None:
    network.set(both(delay_ms=100))
    trips = probes.round_trips(network, 8)
    assert min(trips) >= 0.2
    assert statistics.median(trips) < 0.2 * 1.25


def test_the_lost_share_is_the_one_asked_for_and_is_counted(network: Network) -> None:
    network.set(both(loss=0.1))
    before = network.emulator.counters()["up"]
    arrived = len(probes.send_datagrams(network, 2000).numbers)
    after = network.emulator.counters()["up"]
    assert 0.07 < 1 - arrived / 2000 < 0.13
    assert after["lost"] - before["lost"] == 2000 - arrived


def test_a_bandwidth_is_kept_to_and_its_queue_is_bounded(network: Network) -> None:
    took = []
    for rate_kbps in (1000, 2000):
        network.set(both(rate_kbps=rate_kbps, queue_bytes=BIG_QUEUE))
        took.append(probes.send_datagrams(network, 200).seconds)  # 800 kbit
    assert 0.95 < took[0] / 0.8 < 1.25
    assert 1.7 < took[0] / took[1] < 2.3
    network.set(both(rate_kbps=1000, queue_bytes=20_000))
    assert 35 <= len(probes.send_datagrams(network, 200).numbers) <= 80


def test_jitter_keeps_the_order_and_reordering_does_not(network: Network) -> None:
    network.set(both(delay_ms=30, jitter_ms=10))
    assert probes.send_datagrams(network, 300, every_s=0.001).overtaken == 0
    network.set(both(delay_ms=10, reorder=0.1, reorder_ms=30))
    shuffled = probes.send_datagrams(network, 300, every_s=0.001)
    assert len(shuffled.numbers) == 300
    assert 5 < shuffled.overtaken < 80


def test_nothing_passes_in_an_outage_and_everything_after_it(network: Network) -> None:
    network.set(OUTAGE)
    assert probes.send_datagrams(network, 20).numbers == []
    network.set(CLEAN)
    assert len(probes.send_datagrams(network, 20).numbers) == 20


def test_without_udp_there_is_still_tcp(network: Network) -> None:
    network.set(NO_UDP)
    assert probes.send_datagrams(network, 20).numbers == []
    with probes.listening(network, 8080):
        assert probes.can_connect(network, 8080)


def test_with_one_tcp_port_there_is_no_other(network: Network) -> None:
    network.set(Conditions(filter=Filter(udp=False, only_tcp_ports=(443,))))
    with probes.listening(network, 443), probes.listening(network, 8080):
        assert probes.can_connect(network, 443)
        assert not probes.can_connect(network, 8080)
    network.set(EVERYTHING_BLOCKED)
    with probes.listening(network, 443):
        assert not probes.can_connect(network, 443)


def test_a_refused_condition_changes_nothing(network: Network) -> None:
    asking = network.emulator._ask
    for wrong in ({"set": {"up": {"loss": 7}}}, {"set": {"nonsense": 1}}, {"hello": 1}):
        with pytest.raises(RuntimeError, match="refused"):
            asking(wrong)
    assert len(probes.send_datagrams(network, 20).numbers) == 20


def test_ten_megabits_each_way_pass_with_little_jitter_of_its_own(
    network: Network, record_property: Record
) -> None:
    network.set(both(delay_ms=20))
    back = probes.udp_socket(network.viewer, _any(network), 9001)
    up, total = probes.Arrivals(), 1000

    def other_way() -> None:
        with probes.udp_socket(network.host, _any(network)) as sender:
            for number in range(total):
                due = started + number / 1000
                time.sleep(max(0.0, due - time.monotonic()))
                sender.sendto(b"\0" * 1222, (_viewer(network), 9001))

    started = time.monotonic()
    with back:
        thread = threading.Thread(target=other_way)
        thread.start()
        up = probes.send_datagrams(network, total, size=1250, every_s=0.001)
        thread.join()
        back.settimeout(0.5)
        came = 0
        with contextlib.suppress(TimeoutError):
            while back.recv(2048):
                came += 1
    assert (len(up.numbers), came) == (total, total)
    # Each should come 1 ms after the one before it; only recorded, as the load of the computer is
    # in it too.
    late = sorted(t - up.times[0] - n / 1000 for n, t in zip(up.numbers, up.times, strict=True))
    spread_ms = (late[int(0.95 * total)] - late[int(0.05 * total)]) * 1000
    record_property("jitter_of_its_own_ms", round(spread_ms, 2))
    print(f"5 % to 95 %: {spread_ms:.2f} ms")  # noqa: T201 - shown with -rP


def _any(network: Network) -> str:
    return "::" if ":" in network.host_address else "0.0.0.0"


def _viewer(network: Network) -> str:
    return "2001:db8:1::2" if ":" in network.host_address else "10.90.1.2"


def test_behind_nats_the_host_is_reached_by_what_its_router_forwards_only() -> None:
    with behind_nats() as network:
        with probes.listening(network, HTTPS_PORT) as listener:
            where = (network.public_address, HTTPS_PORT)
            with network.viewer.call(lambda: socket.create_connection(where, 5)):
                accepted, peer = listener.accept()
                accepted.close()
        assert peer[0] == "198.51.100.7", "the host sees the viewer's router"
        with probes.listening(network, 8080):
            assert not probes.can_connect(network, 8080)
        with (
            probes.udp_socket(network.host, network.host_address, UDP_PORTS[0]) as at_host,
            probes.udp_socket(network.viewer, "0.0.0.0") as at_viewer,
        ):
            at_viewer.sendto(b"there", (network.public_address, UDP_PORTS[0]))
            datagram, sender = at_host.recvfrom(2048)
            assert (datagram, sender[0]) == (b"there", "198.51.100.7")
            at_host.sendto(b"back", sender)
            assert at_viewer.recvfrom(2048) == (b"back", (network.public_address, UDP_PORTS[0]))


KEPT = """
import sys, time
from tests.networks import direct
with direct() as network:
    print(network.emulator.pid, flush=True)
    time.sleep(60)
"""


def test_when_whoever_made_a_network_is_killed_the_emulator_goes_too() -> None:
    root = Path(__file__).parents[2]
    maker = subprocess.Popen(
        [sys.executable, "-c", KEPT], cwd=root, stdout=subprocess.PIPE, text=True
    )
    with maker:
        assert maker.stdout
        emulator = int(maker.stdout.readline())
        maker.kill()
    deadline = time.monotonic() + 10
    while Path(f"/proc/{emulator}/stat").exists() and not _is_zombie(emulator):
        assert time.monotonic() < deadline, "the emulator outlived its network"
        time.sleep(0.02)


def _is_zombie(pid: int) -> bool:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].startswith("Z")
    return True


def test_networks_leave_the_hosts_own_devices_as_they_were() -> None:
    before = _devices()
    with direct(), behind_nats():
        assert _devices() == before
    assert _devices() == before


def _devices() -> set[str]:
    return set(os.listdir("/sys/class/net"))
