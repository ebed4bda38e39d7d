"""What is refused although every value is of its kind, and the remedy for it."""

from __future__ import annotations

import ipaddress
import os
import re
from pathlib import Path
from urllib.parse import urlsplit

from fanlight.errors import SettingRejected

from .serve import ServeSettings

MOST_VIEWERS = 32
"""What the media gateway takes for one session (media/gateway/limits.py)."""


def check(settings: ServeSettings) -> None:
    """Refuse settings that do not go together.

    Raises:
        SettingRejected: with what to do about it.
    """
    _check_numbers(settings)
    _check_tls(settings)
    _check_urls(settings)
    _check_networks(settings)
    _check_egress(settings)
    _check_turn(settings)
    if settings.egress_domains and settings.egress_mode != "listed":
        raise SettingRejected(
            f"egress_domains has no effect while egress_mode is {settings.egress_mode}.",
            hint="Set --egress-mode listed, or leave egress_domains out.",
        )


def is_loopback(host: str) -> bool:
    """Whether only this computer can reach a listener on `host`."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def _check_numbers(settings: ServeSettings) -> None:
    if not 0 <= settings.port <= 65535:
        raise SettingRejected(
            f"port is {settings.port}.", hint="Use a number from 0 (any free one) to 65535."
        )
    positive = (
        "boot_timeout_s", "idle_timeout_s", "max_keep_s", "session_timeout_s", "max_session_s",
        "ending_notice_s", "login_timeout_s", "delivery_s", "bitrate_kbps",
        "max_sessions_per_principal", "max_viewers_per_session", "warm_age_s", "warm_quiet_s",
    )  # fmt: skip
    for name in positive:
        if getattr(settings, name) <= 0:
            raise SettingRejected(f"{name} must be more than 0.", hint=f"Leave {name} out.")
    if settings.max_viewers_per_session > MOST_VIEWERS:
        raise SettingRejected(
            f"max_viewers_per_session is {settings.max_viewers_per_session}.",
            hint=f"The media gateway takes up to {MOST_VIEWERS} viewers of one session.",
        )
    for name in (
        "machine_memory_mib", "machine_pids", "machine_cpus", "machine_home_mib", "keeper_grace_s",
        "warm_machines", "warm_machines_most", "machine_connections_per_s",
        "machine_kbps", "pause_after_s",
    ):  # fmt: skip
        if getattr(settings, name) < 0:
            raise SettingRejected(f"{name} must not be negative.", hint=f"Leave {name} out.")
    _check_ports(settings.udp_ports)


def _check_turn(settings: ServeSettings) -> None:
    if not settings.turn:
        return
    for name in ("turn_port", "turn_tls_port"):
        if not 1 <= getattr(settings, name) <= 65535:
            raise SettingRejected(
                f"{name} is {getattr(settings, name)}.",
                hint="Use a number from 1 to 65535; 3478 and 5349 are TURN's own.",
            )
        if getattr(settings, name) == settings.port:
            raise SettingRejected(
                f"{name} and port are both {settings.port}.", hint=f"Change {name}."
            )
    if settings.turn_port == settings.turn_tls_port:
        raise SettingRejected("turn_port and turn_tls_port are the same.", hint="Change one.")
    if settings.turn_host and not re.fullmatch(
        r"[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\]", settings.turn_host
    ):
        raise SettingRejected(
            f"turn_host is {settings.turn_host!r}, which is no name of a host.",
            hint="Write the name or address alone: turn.example.org, 203.0.113.7, [2001:db8::7].",
        )
    # It stands on a line of its own in the TURN server's file.
    if not re.fullmatch(r"[A-Za-z0-9.-]{1,64}", settings.turn_realm):
        raise SettingRejected(
            f"turn_realm is {settings.turn_realm!r}.", hint="Use letters, digits, dots and dashes."
        )


def _check_ports(text: str) -> None:
    if not text:
        return
    match = re.fullmatch(r"(\d{1,5})-(\d{1,5})", text)
    if match is None or not 1024 <= int(match[1]) < int(match[2]) <= 65535:
        raise SettingRejected(
            f"udp_ports is {text!r}.", hint="Write first-last, such as 40000-40999, from 1024 up."
        )


def _check_tls(settings: ServeSettings) -> None:
    if (settings.tls_cert is None) != (settings.tls_key is None):
        raise SettingRejected(
            "tls_cert and tls_key go together.", hint="Give both, or neither of them."
        )
    for path in (settings.tls_cert, settings.tls_key, settings.machine_ca_file):
        _check_readable(path)
    _check_readable(settings.turn_secret_file)
    _check_authorities(settings.machine_ca_file)
    if not is_loopback(settings.host) and not settings.is_behind_tls:
        raise SettingRejected(
            f"listening on {settings.host} would send sign-ins unencrypted over the network.",
            hint="Give --tls-cert and --tls-key, or --public-url https://... of the TLS proxy in "
            "front; or listen on 127.0.0.1 and come in through `ssh -L`.",
        )


def _check_readable(path: Path | None) -> None:
    if path is not None and not os.access(path, os.R_OK):
        raise SettingRejected(
            f"the file {path} cannot be read.", hint="Check its path, owner and mode."
        )


def _check_authorities(path: Path | None) -> None:
    if path is not None and b"-----BEGIN CERTIFICATE-----" not in path.read_bytes():
        raise SettingRejected(
            f"machine_ca_file {path} holds no certificate.",
            hint="Name a PEM file: it has a line -----BEGIN CERTIFICATE-----.",
        )


def _check_urls(settings: ServeSettings) -> None:
    for origin in (settings.public_url, *settings.allowed_origins):
        if origin and not re.fullmatch(r"https?://[A-Za-z0-9.\-\[\]:]+", origin):
            raise SettingRejected(
                f"{origin!r} is not an origin.",
                hint="Write scheme, host and port only, such as https://desk.example.org.",
            )
    for url in settings.stun_urls:
        _check_ice(url, ("stun:", "stuns:"))
    for url in settings.turn_urls:
        _check_ice(url, ("turn:", "turns:"))
    if settings.turn_urls and settings.turn_secret_file is None:
        raise SettingRejected(
            "turn_urls needs turn_secret_file: TURN servers let nobody in without credentials.",
            hint="Put the servers' static-auth-secret into a file and name it.",
        )


def _check_ice(url: str, schemes: tuple[str, ...]) -> None:
    if not url.startswith(schemes):
        raise SettingRejected(f"{url!r} does not begin with {' or '.join(schemes)}.")


def _check_networks(settings: ServeSettings) -> None:
    for text in settings.allowed_hosts:
        if not re.fullmatch(r"[A-Za-z0-9.\-\[\]:]+", text):
            raise SettingRejected(
                f"allowed_hosts has {text!r}, which is no name of a host.",
                hint="Write the name alone, or with a port: desk.lan, desk.lan:8088.",
            )
    for text in settings.announce:
        try:
            ipaddress.ip_address(text)
        except ValueError:
            raise SettingRejected(
                f"announce has {text!r}, which is no IP address.", hint="Write 203.0.113.7."
            ) from None
    for text in settings.viewer_networks:
        try:
            ipaddress.ip_network(text)
        except ValueError:
            raise SettingRejected(
                f"viewer_networks has {text!r}, which is no network.",
                hint="Write 192.168.0.0/16.",
            ) from None


def _check_egress(settings: ServeSettings) -> None:
    if settings.egress_pins and settings.egress_mode == "none":
        raise SettingRejected(
            "egress_pins have no effect while egress_mode is none.",
            hint="Set --egress-mode listed without domains: then only the pins are reached.",
        )
    for name, address in settings.egress_pins.items():
        if not (_is_host_and_port(name) and _is_host_and_port(address)):
            raise SettingRejected(
                f"egress_pins has {name!r} for {address!r}.",
                hint="Write name:port=address:port, such as idp.test:443=192.0.2.7:443.",
            )
    upstream = settings.egress_upstream_proxy
    try:
        parts = urlsplit(upstream)
        is_proxy = parts.scheme == "http" and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_proxy = False
    if upstream and not is_proxy:
        raise SettingRejected(  # without the address: it may hold a password
            "egress_upstream_proxy is not the address of an HTTP proxy.",
            hint="Write http://proxy.example:3128; https:// to the proxy itself is not spoken.",
        )


def _is_host_and_port(text: str) -> bool:
    host, _, port = text.rpartition(":")
    return bool(host) and port.isascii() and port.isdigit() and 0 < int(port) < 65536
