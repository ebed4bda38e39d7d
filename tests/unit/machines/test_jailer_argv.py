"""What the jailer's command line promises. No test here has run the jailer."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fanlight.errors import MachineRefused
from fanlight.machines import MachineSpec
from fanlight.machines.jailer_argv import Jail, id_of, jailer_argv, root_of
from fanlight.wire import MachineRef, SessionId

SPEC = MachineSpec(MachineRef("m_1-a"), SessionId("s1"), cpus=1.5)
JAIL = Jail(
    jailer=Path("/usr/bin/jailer"),
    firecracker=Path("/usr/bin/firecracker"),
    base=Path("/data/jails"),
    netns=Path("/run/netns/m1"),
    uid=200_001,
)
refs = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_-]{0,31}", fullmatch=True)


def following(words: tuple[str, ...], name: str) -> list[str]:
    """Give what comes after each `name`."""
    return [words[at + 1] for at, word in enumerate(words) if word == name]


def test_each_machine_has_a_uid_a_network_and_processes_of_its_own() -> None:
    words = jailer_argv(SPEC, JAIL, memory_mib=2048)

    assert following(words, "--uid") == following(words, "--gid") == ["200001"]
    assert following(words, "--netns") == ["/run/netns/m1"]
    assert "--new-pid-ns" in words
    assert root_of(JAIL, SPEC.ref) == Path("/data/jails/firecracker/m-u1--a/root")


def test_no_machine_is_root() -> None:
    with pytest.raises(ValueError, match="uid 0"):
        jailer_argv(SPEC, dataclasses.replace(JAIL, uid=0), memory_mib=2048)


def test_its_memory_processes_and_time_are_limited() -> None:
    words = jailer_argv(SPEC, JAIL, memory_mib=2048)

    assert following(words, "--cgroup") == [
        f"memory.max={(2048 + 128) << 20}",
        "pids.max=2048",
        "cpu.max=150000 100000",
    ]


def test_what_has_no_limit_is_not_said() -> None:
    free = dataclasses.replace(SPEC, memory_mib=0, pids=0, cpus=0)

    assert following(jailer_argv(free, JAIL, memory_mib=2048), "--cgroup") == []


def test_only_the_machine_that_is_saved_may_write_its_memory() -> None:
    def written(*, is_saving: bool) -> int:
        words = jailer_argv(SPEC, JAIL, memory_mib=2048, is_saving=is_saving)
        return int(following(words, "--resource-limit")[1].removeprefix("fsize="))

    assert written(is_saving=False) < 2048 << 20 < written(is_saving=True)


def test_what_is_for_firecracker_comes_last() -> None:
    words = jailer_argv(SPEC, JAIL, memory_mib=2048)

    assert words[words.index("--") :] == ("--", "--api-sock", "/api.sock")
    assert "--no-seccomp" not in words


def test_a_binary_of_another_name_is_refused_before_the_jailer_does() -> None:
    with pytest.raises(ValueError, match="firecracker"):
        jailer_argv(SPEC, dataclasses.replace(JAIL, firecracker=Path("/fc/vmm")), memory_mib=64)


@given(refs)
def test_an_id_is_one_that_the_jailer_takes(ref: str) -> None:
    assert re.fullmatch(r"[A-Za-z0-9-]{1,64}", id_of(ref))


@given(refs, refs)
def test_two_machines_never_share_a_jail(one: str, other: str) -> None:
    assert (id_of(one) == id_of(other)) == (one == other)


@pytest.mark.parametrize("ref", ["", "..", "a/b", "-a", "a" * 33])
def test_what_is_no_ref_gets_no_jail(ref: str) -> None:
    with pytest.raises(MachineRefused):
        root_of(JAIL, ref)
