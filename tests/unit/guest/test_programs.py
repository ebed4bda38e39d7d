"""The desktop's programs are started with what keeps a login to itself."""

from __future__ import annotations

from pathlib import Path

from fanlight.guest import programs


def test_no_clipboard_comes_out_of_the_x_server_and_it_listens_in_no_network() -> None:
    argv = programs.xvnc(1280, 720, Path("/run/fanlight/vnc.sock"), 3)
    assert {"-SendCutText=0", "-SendPrimary=0"} <= set(argv)
    assert argv[argv.index("-rfbport") + 1] == "-1"
    assert argv[argv.index("-nolisten") + 1] == "tcp"
    assert argv[argv.index("-rfbunixmode") + 1] == "0600"


def test_a_login_has_no_files_downloads_or_developer_tools() -> None:
    policy = programs.LOGIN_POLICY
    assert policy["DownloadRestrictions"] == 3
    assert policy["DeveloperToolsAvailability"] == 2
    assert policy["RemoteDebuggingAllowed"] is False
    assert policy["AllowFileSelectionDialogs"] is False
    assert {"file://*", "view-source:*", "devtools://*"} <= set(policy["URLBlocklist"])  # type: ignore[call-overload]
