"""The filter is run here by a small interpreter of classic BPF, so every rule is seen to bite."""

from __future__ import annotations

import errno
import struct

import pytest

from fanlight.errors import HostError
from fanlight.machines.seccomp import ALLOW, ARCHITECTURES, KILL_PROCESS, REFUSED, seccomp_program

EPERM = 0x00050000 | errno.EPERM
NO_FAMILY = 0x00050000 | errno.EAFNOSUPPORT


def verdict(program: bytes, number: int, *args: int, arch: int) -> int:
    data = struct.pack("=IIQ6Q", number, arch, 0, *(args + (0,) * (6 - len(args))))
    code = list(struct.iter_unpack("=HBBI", program))
    at, loaded = 0, 0
    while True:
        kind, if_true, if_false, value = code[at]
        at += 1
        match kind:
            case 0x20:
                (loaded,) = struct.unpack_from("=I", data, value)
            case 0x15:
                at += if_true if loaded == value else if_false
            case 0x35:
                at += if_true if loaded >= value else if_false
            case _:
                assert kind == 0x06
                return int(value)


@pytest.mark.parametrize("machine", ARCHITECTURES)
def test_every_named_call_is_refused(machine: str) -> None:
    program, column = seccomp_program(machine), list(ARCHITECTURES).index(machine)

    for name, numbers in REFUSED.items():
        if (number := numbers[column]) is not None:
            assert verdict(program, number, arch=ARCHITECTURES[machine]) == EPERM, name


def test_what_programs_live_on_is_allowed() -> None:
    program = seccomp_program("x86_64")

    for number in (
        0,
        1,
        9,
        56,
        57,
        59,
        61,
        161,
        202,
        272,
        435,
    ):
        assert verdict(program, number, arch=ARCHITECTURES["x86_64"]) == ALLOW


def test_calls_of_another_architecture_kill() -> None:
    program = seccomp_program("x86_64")

    assert verdict(program, 1, arch=0x40000003) == KILL_PROCESS  # int 0x80, as i386 does


def test_the_x32_numbers_are_no_way_round() -> None:
    program = seccomp_program("x86_64")

    assert verdict(program, 0x40000000 | 101, arch=ARCHITECTURES["x86_64"]) != ALLOW


@pytest.mark.parametrize(
    ("family", "protocol", "expected"),
    [
        (1, 0, ALLOW),
        (2, 6, ALLOW),
        (10, 17, ALLOW),
        (16, 0, ALLOW),
        (16, 12, NO_FAMILY),  # netfilter
        (16, 15, NO_FAMILY),  # kernel events
        (17, 0, NO_FAMILY),  # packets
        (40, 0, NO_FAMILY),  # vsock
        (38, 0, NO_FAMILY),  # the kernel's ciphers
    ],
)
def test_only_unix_ip_and_route_sockets_are_made(
    family: int, protocol: int, expected: int
) -> None:
    program = seccomp_program("x86_64")

    found = verdict(program, 41, family, 1, protocol, arch=ARCHITECTURES["x86_64"])

    assert found == expected


def test_nothing_is_typed_into_a_terminal() -> None:
    program = seccomp_program("x86_64")

    assert verdict(program, 16, 0, 0x5412, arch=ARCHITECTURES["x86_64"]) == EPERM
    assert verdict(program, 16, 0, 0x5413, arch=ARCHITECTURES["x86_64"]) == ALLOW


def test_an_unknown_architecture_is_refused_by_name() -> None:
    with pytest.raises(HostError, match="riscv64"):
        seccomp_program("riscv64")
