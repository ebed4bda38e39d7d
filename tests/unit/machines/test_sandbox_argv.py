"""What the sandbox's command line promises."""

from __future__ import annotations

from pathlib import Path

from fanlight.machines import MachineSpec
from fanlight.machines.sandbox_argv import sandbox_argv
from fanlight.wire import MachineRef, SessionId

SPEC = MachineSpec(MachineRef("m1"), SessionId("s1"), home_mib=64)


def command() -> tuple[str, ...]:
    return sandbox_argv(
        SPEC,
        directory=Path("/data/run/m/m1"),
        guest=Path("/data/runtime/x/guest.pyz"),
        etc=Path("/data/runtime/x/etc"),
        tools=Path("/data/tools"),
    )


def test_it_has_namespaces_of_its_own_and_no_capabilities() -> None:
    words = command()

    for kind in ("user", "pid", "net", "ipc", "uts"):
        assert f"--unshare-{kind}" in words
    assert words[words.index("--cap-drop") + 1] == "ALL"
    assert words[words.index("--uid") + 1] == "1000"
    assert "--die-with-parent" in words
    assert "--clearenv" in words


def test_only_its_own_directory_is_bound_writable() -> None:
    words = command()

    writable = [words[at + 1 : at + 3] for at, word in enumerate(words) if word == "--bind"]

    assert writable == [("/data/run/m/m1", "/run/fanlight")]


def test_nothing_of_the_host_but_usr_and_parts_of_etc_is_bound() -> None:
    words = command()

    sources = [words[at + 1] for at, word in enumerate(words) if word.startswith("--ro-bind")]

    ours = [each for each in sources if each.startswith("/data/")]
    assert [each for each in sources if each not in ours and each != "/usr"] == [
        each for each in sources if each.startswith("/etc/")
    ]
    for secret in ("/etc/resolv.conf", "/etc/shadow", "/etc/machine-id", "/etc/passwd"):
        assert secret not in sources


def test_every_memory_file_system_has_a_size_or_is_read_only() -> None:
    words = command()

    for at, word in enumerate(words):
        if word == "--tmpfs":
            sized = "--size" in words[at - 4 : at]
            sealed = words[at + 2 : at + 4] == ("--remount-ro", words[at + 1])
            assert sized or sealed, words[at + 1]
    assert words[words.index("--size") + 1].isdigit()
