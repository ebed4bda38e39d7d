"""The figures that `./dev bench networks` makes of what its meter wrote down."""

from __future__ import annotations

from bench.networks.measuring import Seen
from bench.networks.scenarios import SCENARIOS
from bench.networks.table import table


def seen(*changes: float) -> Seen:
    return Seen(began=0.0, first=1000.0, changes=list(changes), glass=[], states=[], ended=3000.0)


def test_frames_are_counted_in_the_time_asked_for_only() -> None:
    watched = seen(900, 1000, 1500, 1999, 2000)
    assert watched.fps(1000, 2000) == 3.0
    assert watched.fps(1000, 1000) is None


def test_a_freeze_is_every_gap_that_a_person_sees_up_to_the_end() -> None:
    steady = [float(at) for at in range(1000, 2000, 100)]
    assert seen(*steady).freeze_s(1000, 2000) == 0.0
    assert seen(*steady).freeze_s(1000, 3000) == 1.1
    assert seen(1000, 1400, 1500, 2900).freeze_s(1000, 3000) == 1.8
    assert seen().freeze_s(1000, 3000) == 2.0


def test_the_table_has_a_row_for_each_condition_with_both_peers_in_it() -> None:
    rows = [
        {"condition": "clean", "peer": "fanlight", "rung": "udp", "fps": 30.0},
        {"condition": "clean", "peer": "novnc", "rung": "vnc", "fps": 20.0},
        {"condition": "gone", "peer": "fanlight", "cause": "server-unreachable", "cause_ms": 900},
    ]
    lines = table(rows).splitlines()
    assert len(lines) == 4
    assert lines[2] == "| clean | udp | - | 30.0 | - | - | - | - | 20.0 | - | - |"
    assert "server-unreachable (after 900 ms)" in lines[3]


def test_every_condition_has_a_name_of_its_own_and_says_what_it_is() -> None:
    names = [each.name for each in SCENARIOS]
    assert len(set(names)) == len(names)
    assert all(each.text for each in SCENARIOS)
