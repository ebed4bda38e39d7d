"""The command line as a person meets it."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from fanlight import cli, config
from fanlight.errors import (
    FanlightError,
    MachineDied,
    PortInUse,
    SettingRejected,
    WireError,
)

COMMANDS = (
    "serve",
    "connect",
    "tools",
    "link",
    "key",
    "principal",
    "sessions",
    "keeper",
    "doctor",
)


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr("sys.argv", ["fanlight", *arguments])
    with pytest.raises(SystemExit) as left:
        cli.main()
    return int(left.value.code or 0)


def test_the_help_names_every_command(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, "--help") == 0
    text = capsys.readouterr().out
    assert [name for name in COMMANDS if name not in text] == []


def test_serve_has_a_flag_for_every_setting(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    assert run(monkeypatch, "serve", "--help") == 0
    text = capsys.readouterr().out
    assert [each.flag for each in config.settings() if each.flag not in text] == []


def test_a_link_a_key_and_a_principal_are_made_and_shown(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    data = ("--data", str(tmp_path))
    assert run(monkeypatch, "link", *data) == 0
    assert "/signin#token=" in capsys.readouterr().out
    assert run(monkeypatch, "key", "create", "build server", *data) == 0
    printed = capsys.readouterr().out
    key = printed.strip()
    assert key.startswith("fl_")
    assert printed == f"{key}\n"  # a file that it is sent to holds the key and nothing else
    assert run(monkeypatch, "key", "list", *data) == 0
    listed = capsys.readouterr().out
    assert "build server" in listed
    assert key not in listed
    assert run(monkeypatch, "principal", "list", *data) == 0
    assert "owner" in capsys.readouterr().out


def test_a_link_to_an_ipv6_address_is_printed_whole(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setenv("FANLIGHT_SERVE_PUBLIC_URL", "https://[2001:db8::2]")
    assert run(monkeypatch, "link", "--data", str(tmp_path)) == 0
    assert capsys.readouterr().out.startswith("https://[2001:db8::2]/signin#token=")


def test_a_link_for_nobody_is_a_mistake_with_a_remedy(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert run(monkeypatch, "link", "--principal", "eve", "--data", str(tmp_path)) == 2
    words = capsys.readouterr().err
    assert "there is no principal eve" in words
    assert "fanlight principal list" in words
    assert "Traceback" not in words


def test_a_port_in_use_is_said_before_anything_is_started(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        assert run(monkeypatch, "serve", "--port", port, "--data", str(tmp_path)) == 4
    assert "another program listens on 127.0.0.1" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_an_open_network_without_tls_is_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, "serve", "--host", "0.0.0.0") == 2
    assert "--tls-cert" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (SettingRejected("x"), 2),
        (WireError("x"), 3),
        (PortInUse("x"), 4),
        (MachineDied("m", 9, ""), 5),
        (FanlightError("x"), 1),
    ],
)
def test_whose_fault_it_is_shows_in_the_exit_status(
    error: FanlightError, status: int, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail() -> None:
        raise ExceptionGroup("tasks", [error])

    with pytest.raises(SystemExit) as left:
        cli.main(fail)
    assert left.value.code == status
    assert error.title in capsys.readouterr().err


def test_words_of_a_guest_stay_inert_on_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    from fanlight.cli.app import report

    report(SettingRejected("[bold]\x1b]0;owned\x07"))
    words = capsys.readouterr().err
    assert "[bold]" in words
    assert "\x1b]" not in words
