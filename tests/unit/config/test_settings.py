"""Where settings come from, what is refused, and that all of it is documented."""

from __future__ import annotations

from pathlib import Path

import pytest

from fanlight import config
from fanlight.config.reference import page
from fanlight.errors import SettingRejected

REFERENCE = Path(__file__).parents[3] / "docs" / "reference" / "settings.md"


def load(tmp_path: Path, text: str = "", **flags: object) -> config.ServeSettings:
    file = tmp_path / "fanlight.toml"
    file.write_text(text)
    return config.load(flags, environ={"FANLIGHT_SERVE_PORT": "2000"}, file=file)


def test_every_setting_has_a_sentence() -> None:
    assert [each.name for each in config.settings() if not each.text.endswith(".")] == []


def test_the_page_of_settings_is_fresh() -> None:
    remedy = "run `python -m fanlight.config.reference docs/reference/settings.md`"
    assert REFERENCE.read_text(encoding="utf-8") == page(), remedy


def test_a_flag_goes_before_a_variable_and_a_variable_before_the_file(tmp_path: Path) -> None:
    assert load(tmp_path, "port = 3000", port="1000").port == 1000
    assert load(tmp_path, "port = 3000").port == 2000
    assert load(tmp_path, "bitrate_kbps = 900").bitrate_kbps == 900


def test_lists_and_maps_may_be_written_in_a_flag_or_in_the_file(tmp_path: Path) -> None:
    pins = {"idp.test:443": "127.0.0.1:9443"}
    assert load(tmp_path, egress_pins="idp.test:443=127.0.0.1:9443").egress_pins == pins
    text = 'egress_pins = {"idp.test:443" = "127.0.0.1:9443"}\negress_domains = ["a.test"]'
    settings = load(tmp_path, text)
    assert settings.egress_pins == pins
    assert settings.egress_domains == ("a.test",)


def test_the_file_in_the_data_directory_is_read_without_being_named(tmp_path: Path) -> None:
    (tmp_path / "fanlight.toml").write_text("max_viewers_per_session = 3")
    assert config.load({"data": tmp_path}, environ={}).max_viewers_per_session == 3


@pytest.mark.parametrize(
    "text",
    [
        "prot = 1",
        "port = true",
        'port = "many"',
        'codec = "vp9"',
        "boot_timeout_s = inf",
        "egress_domains = [1]",
        "allowed_hosts = 1",
        "browser = 2",
        "not toml",
    ],
)
def test_a_file_that_says_what_cannot_be_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(SettingRejected) as caught:
        load(tmp_path, text)
    assert caught.value.hint


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingRejected, match="cannot be read"):
        config.load({}, environ={}, file=tmp_path / "none.toml")


@pytest.mark.parametrize(
    "wrong",
    [
        {"host": "0.0.0.0"},
        {"port": 70000},
        {"tls_cert": Path("/nowhere")},
        {"tls_cert": Path("/nowhere"), "tls_key": Path("/nowhere")},
        {"public_url": "https://desk.test/below"},
        {"allowed_origins": ("*",)},
        {"udp_ports": "5000"},
        {"turn_urls": ("turn:a.test",)},
        {"stun_urls": ("http://a.test",)},
        {"announce": ("a.test",)},
        {"viewer_networks": ("192.168.0.1/16",)},
        {"idle_timeout_s": 0.0},
        {"machine_pids": -1},
        {"machine_cpus": -0.5},
        {"max_viewers_per_session": 33},
        {"egress_domains": ("a.test",)},
        {"egress_pins": {"a.test": "127.0.0.1:443"}},
        {"egress_pins": {"a.test:443": "127.0.0.1:443"}, "egress_mode": "none"},
        {"egress_pins": {"a.test:443": "127.0.0.1:x"}},
        {"egress_upstream_proxy": "https://proxy.test:3128"},
        {"egress_upstream_proxy": "proxy.test:3128"},
        {"egress_upstream_proxy": "http://proxy.test:x"},
        {"allowed_hosts": ("http://desk.test/",)},
        {"machine_ca_file": Path("/etc/hostname")},
    ],
)
def test_settings_that_cannot_be_are_refused_with_a_sentence(wrong: dict[str, object]) -> None:
    with pytest.raises(SettingRejected, match=r"\.?$"):
        config.check(config.ServeSettings(**wrong))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "fine",
    [
        {},
        {"host": "::1"},
        {"host": "localhost"},
        {"host": "0.0.0.0", "public_url": "https://desk.test"},
        {"udp_ports": "40000-40999", "announce": ("203.0.113.7",)},
        {"egress_pins": {"idp.test:443": "[::1]:9443"}},
        {"egress_upstream_proxy": "http://me:secret@proxy.test"},
        {"allowed_hosts": ("desk.lan", "desk.lan:8088", "[::1]:8088")},
    ],
)
def test_settings_that_can_be_are_taken(fine: dict[str, object]) -> None:
    config.check(config.ServeSettings(**fine))  # type: ignore[arg-type]
