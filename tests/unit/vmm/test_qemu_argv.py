"""QEMU's argument list: what a machine has, and what none has."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from fanlight.vmm.options import Options, parse
from fanlight.vmm.qemu_argv import QEMU, Ends, command_line, qemu_argv

ENDS = Ends(stream=11, qmp=12, tap=13)
WORDS = [
    *("--boot-fd", "7"),
    *("--kernel", "/image/vmlinuz", "--initrd", "/image/initrd"),
    *("--layer", "/image/base.erofs", "--layer", "/image/guest.erofs"),
]
RESTORED = [*WORDS, "--memory", "/proc/self/fd/8", "--state", "/proc/self/fd/9"]


def argv(*further: str, words: list[str] = RESTORED) -> list[str]:
    return qemu_argv(parse([*words, *further]), ENDS)


def values(option: str, words: list[str]) -> list[str]:
    return [words[n + 1] for n, each in enumerate(words) if each == option]


def test_a_machine_has_no_device_that_is_not_named_and_no_monitor_for_people() -> None:
    words = argv()

    assert words[0] == QEMU
    assert {"-nodefaults", "-no-user-config", "-no-reboot"} <= set(words)
    assert values("-display", words) == ["none"]
    assert values("-mon", words) == ["chardev=qmp,mode=control"]
    assert not {"-monitor", "-qmp", "-vnc", "-usb", "-netdev user"} & set(words)


def test_qemu_confines_itself() -> None:
    (sandbox,) = values("-sandbox", argv())

    parts = sandbox.split(",")
    assert parts[0] == "on"
    assert {"obsolete=deny", "elevateprivileges=deny", "spawn=deny"} <= set(parts)


def test_every_disk_is_read_only_and_in_the_order_of_the_layers() -> None:
    disks = values("-blockdev", argv())

    assert all("read-only=on" in each.split(",") for each in disks)
    assert ["filename=/image/base.erofs" in disks[0], "filename=/image/guest.erofs" in disks[1]]


def test_a_restored_machine_has_the_memory_for_itself() -> None:
    words = argv()

    (memory,) = [each for each in values("-object", words) if each.startswith("memory-")]
    assert "share=off" in memory.split(",")
    assert values("-incoming", words) == ["defer"]


def test_the_machine_that_a_snapshot_is_made_of_writes_its_memory_to_the_file() -> None:
    words = argv("--save")

    (memory,) = [each for each in values("-object", words) if each.startswith("memory-")]
    assert "share=on" in memory.split(",")
    assert "-incoming" not in words


def test_a_snapshot_and_its_clones_have_the_same_devices_in_the_same_order() -> None:
    def devices(words: list[str]) -> list[str]:
        return [*values("-device", words), *values("-blockdev", words), *values("-machine", words)]

    assert devices(argv()) == devices(argv("--save"))


def test_a_machine_without_a_snapshot_keeps_its_memory_in_no_file() -> None:
    words = argv(words=WORDS)

    (memory,) = [each for each in values("-object", words) if each.startswith("memory-")]
    assert memory.startswith("memory-backend-ram,")
    assert "-incoming" not in words


def test_the_processors_are_those_that_were_asked_for() -> None:
    emulated, real = argv("--cpus", "3"), argv("--accel", "kvm")

    assert values("-smp", emulated) == ["3"]
    assert values("-accel", emulated)[0].startswith("tcg,thread=multi")
    assert values("-accel", real) == ["kvm"]
    assert values("-cpu", real) == ["host"]


def test_the_network_is_a_cable_to_the_host_and_nothing_else() -> None:
    assert values("-netdev", argv()) == ["tap,id=cable,fd=13,vhost=off"]


def test_the_kernel_hears_what_the_desktop_is_to_be() -> None:
    options = parse([*WORDS, "--no-login", "--display", "1600x900"])

    words = command_line(options).split()

    assert {"fanlight.login=0", "fanlight.display=1600x900"} <= set(words)


def test_the_kernel_hears_what_its_user_may_have_at_most() -> None:
    options = parse([*WORDS, "--pids", "512", "--home-mib", "256"])

    assert {"fanlight.pids=512", "fanlight.home=256"} <= set(command_line(options).split())


def test_mitigations_are_given_up_in_emulation_only() -> None:
    def words(accel: str) -> list[str]:
        options = dataclasses.replace(parse(WORDS), accel=accel)
        return command_line(options).split()

    assert "mitigations=off" in words("tcg")
    assert "mitigations=off" not in words("kvm")


def test_nothing_is_said_of_a_machine_that_differs_from_one_to_the_next() -> None:
    """A token or a name in arguments could be read by everybody on the host."""
    fields = {each.name for each in dataclasses.fields(Options)}

    assert not fields & {"token", "session", "machine", "hostname", "mac"}
    assert parse(RESTORED).is_restoring
    assert not parse([*RESTORED, "--save"]).is_restoring
    assert parse(WORDS).run_dir == Path("/run/fanlight")


def test_a_resumed_machine_gets_its_memory_through_a_pipe_and_maps_no_snapshots() -> None:
    words = argv("--resume", words=WORDS)

    (memory,) = [each for each in values("-object", words) if each.startswith("memory-")]
    assert memory.startswith("memory-backend-ram,id=ram,")
    assert values("-incoming", words) == ["defer"]
