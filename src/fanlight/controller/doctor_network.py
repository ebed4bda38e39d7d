"""How viewers reach this host: addresses, ports, TURN, certificate, and the way in by HTTPS."""

from __future__ import annotations

import contextlib
import email.utils
import http.client
import ipaddress
import re
import secrets
import shutil
import socket
import ssl
import time
from collections.abc import Iterator
from urllib.parse import urlsplit

from fanlight.config import ServeSettings
from fanlight.errors import PeerError
from fanlight.host import Finding, Layout, is_this_hosts, media_addresses, turn_secret
from fanlight.wire.stun import temporary_credential

from .allocation import Allocation, Transport, TurnRefused, TurnServer
from .opening import turn_settings

PORTS_TRIED = 64
ANY_PORT = 40_000
"""A peer's port for asking whether the gateway may be relayed to: coturn looks at addresses."""
WEB_TIMEOUT_S = 5.0
CLOCK_S = 30.0
"""Sign-in links and tickets live for a minute or more; seconds do no harm."""
DAYS_LEFT = 14
CREDENTIAL_S = 600
TURN_URL = re.compile(r"(turns?):(\[[^\]]+\]|[^:?]+)(?::(\d+))?(?:\?transport=(udp|tcp))?")


def examine_network(settings: ServeSettings) -> list[Finding]:
    """Look at everything between viewers and this host that can be seen from here. Blocks."""
    return [
        *_addresses(settings),
        _udp_ports(settings),
        *_turn(settings),
        *_certificate(settings),
        *_way_in(settings),
    ]


def _addresses(settings: ServeSettings) -> Iterator[Finding]:
    for text in settings.announce:
        if is_this_hosts(ipaddress.ip_address(text)):
            yield Finding("address", "good", f"{text} is announced, and this host's")
            continue
        inner = [a for a in media_addresses(settings.announce) if a not in settings.announce]
        yield Finding(
            "address",
            "note",
            f"{text} is announced, but not this host's: a NAT must forward to "
            f"{' or '.join(inner) or 'this host'}",
            "Behind such a NAT all is well; otherwise correct announce.",
            "address-not-here",
        )
    if settings.announce:
        return
    stands_on = [a for a in media_addresses(()) if not ipaddress.ip_address(a).is_loopback]
    if stands_on:
        yield Finding("address", "good", f"viewers are told {' and '.join(stands_on)}")
    else:
        remedy = "Name one that viewers reach with --announce."
        text = "this host has no address but loopback"
        yield Finding("address", "note", text, remedy, "address-missing")


def _udp_ports(settings: ServeSettings) -> Finding:
    if not settings.udp_ports:
        text = "any free UDP port is used for viewers; udp_ports makes a range to open"
        return Finding("UDP ports", "good", text)
    first, last = (int(part) for part in settings.udp_ports.split("-"))
    tried = range(first, min(last, first + PORTS_TRIED - 1) + 1)
    addresses = media_addresses(settings.announce)
    free = min(sum(_is_free(each, port) for port in tried) for each in addresses)
    text = f"{free} of the first {len(tried)} ports of {settings.udp_ports} are free"
    if free:
        return Finding("UDP ports", "good", text)
    remedy = "Choose another range with --udp-ports."
    return Finding("UDP ports", "bad", text, remedy, "udp-ports-taken")


def _is_free(address: str, port: int) -> bool:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as probe, contextlib.suppress(OSError):
        probe.bind((address, port))
        return True
    return False


def _turn(settings: ServeSettings) -> Iterator[Finding]:
    if settings.turn:
        yield from _own_turn(settings)
    for url in settings.turn_urls:
        yield _named_turn(settings, url)
    if not settings.turn and not settings.turn_urls:
        text = "there is no TURN server: without UDP the picture comes over a WebSocket"
        remedy = "`--turn` runs one, if viewers' networks let no UDP through."
        yield Finding("TURN", "note", text, remedy, "turn-not-configured")


def _own_turn(settings: ServeSettings) -> Iterator[Finding]:
    if shutil.which("turnserver") is None:
        text = "`turn` is set, but coturn is not installed"
        yield Finding("TURN", "bad", text, "apt-get install coturn", "package-missing")
        return
    layout = Layout(settings.data.absolute())
    if not layout.keeper_socket.exists():
        yield Finding("TURN", "good", "coturn is installed; it runs with `fanlight serve`")
        return
    turn = turn_settings(settings)
    try:
        secret = turn_secret(layout)
    except OSError as error:
        text = f"its secret cannot be read: {error.strerror}"
        yield Finding("TURN", "bad", text, "Run the doctor as who serves.", "turn-refused")
        return
    host = (turn.listen or turn.gateway)[0]
    ways: list[tuple[Transport, int]] = [("udp", turn.port), ("tcp", turn.port)]
    if turn.certificate:
        ways.append(("tls", turn.tls_port))
    for way, port in ways:
        server = TurnServer(host, port, way)
        # Which name the certificate is for is looked at elsewhere; here we come by address.
        yield _allocation(f"TURN {way}", server, secret, gateway=turn.gateway, tls=_unverified())


def _named_turn(settings: ServeSettings, url: str) -> Finding:
    match = TURN_URL.fullmatch(url)
    if match is None or settings.turn_secret_file is None:
        return Finding("TURN", "bad", f"{url} is no TURN address", "Correct it.", "turn-refused")
    scheme, host, port, transport = match.groups()
    way: Transport = "tls" if scheme == "turns" else "tcp" if transport == "tcp" else "udp"
    server = TurnServer(host, int(port or (5349 if way == "tls" else 3478)), way)
    secret = settings.turn_secret_file.read_text().strip()
    gateway = tuple(settings.announce)
    return _allocation(f"TURN {host}", server, secret, gateway=gateway, tls=None)


def _allocation(
    name: str,
    server: TurnServer,
    secret: str,
    *,
    gateway: tuple[str, ...],
    tls: ssl.SSLContext | None,
) -> Finding:
    """Have an allocation made and the gateway permitted, as a viewer's browser would."""
    where = f"{server.host} port {server.port}, {server.transport}"
    username, password = temporary_credential(
        secret, f"doctor-{secrets.token_hex(4)}", int(time.time()) + CREDENTIAL_S
    )
    try:
        with Allocation(server, username, password, tls=tls) as allocation:
            relayed = allocation.relayed
            for address in gateway:
                # A relay of one family reaches peers of that family only (RFC 8656 section 9.2).
                if relayed and (":" in address) == (":" in relayed[0]):
                    allocation.permit((address, ANY_PORT))
    except TurnRefused as error:
        return Finding(name, "bad", f"{where}: {error}", error.hint, "turn-refused")
    except (OSError, PeerError) as error:
        remedy = "See whether it runs, and whether a firewall is in between."
        return Finding(name, "bad", f"{where}: {error}", remedy, "turn-unreachable")
    shown = relayed[0] if relayed else "an address unknown to us"
    return Finding(name, "good", f"{where}: relays from {shown} to the gateway")


def _unverified() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def _certificate(settings: ServeSettings) -> Iterator[Finding]:
    if settings.tls_cert is None or settings.tls_key is None:
        return
    name = urlsplit(settings.public_url).hostname or ""
    try:
        until = _handshake(settings, name)
    except (OSError, ValueError) as error:
        text = f"{settings.tls_cert}: {getattr(error, 'verify_message', '') or error}"
        yield Finding("certificate", "bad", text, "Renew or correct it.", "certificate-wrong")
        return
    days = int((until - time.time()) / 86_400)
    text = f"{settings.tls_cert} is good for {days} days" + (f", for {name}" if name else "")
    if days < DAYS_LEFT:
        yield Finding("certificate", "note", text, "Renew it.", "certificate-wrong")
    else:
        yield Finding("certificate", "good", text)


def _handshake(settings: ServeSettings, name: str) -> float:
    """Shake hands with ourselves in memory, and give when the certificate runs out.

    That key and certificate fit, dates and names, are judged as a browser's TLS would; whether
    browsers know who issued it is not.

    Raises:
        OSError: they do not (ssl.SSLError).
        ValueError: it has no end.
    """
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(str(settings.tls_cert), str(settings.tls_key))
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.load_verify_locations(str(settings.tls_cert))
    client.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    client.check_hostname = bool(name)
    there, back = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = [
        client.wrap_bio(back, there, server_hostname=name or None),
        server.wrap_bio(there, back, server_side=True),
    ]
    for _ in range(4):
        for end in ends:
            with contextlib.suppress(ssl.SSLWantReadError):
                end.do_handshake()
    found = ends[0].getpeercert() or {}
    return ssl.cert_time_to_seconds(str(found["notAfter"]))


def _way_in(settings: ServeSettings) -> Iterator[Finding]:
    """Come in by the public address as a browser does, and see whether WebSockets get through."""
    if not settings.public_url:
        return
    try:
        status, code, date = _upgrade(settings.public_url)
    except ssl.SSLCertVerificationError as error:
        text = f"{settings.public_url}: {error.verify_message}"
        yield Finding("public_url", "bad", text, "Correct it there.", "certificate-wrong")
        return
    except (OSError, http.client.HTTPException) as error:
        text = f"{settings.public_url} does not answer from here: {error}"
        remedy = "Start `fanlight serve`; a NAT may also not let this host in by its outer name."
        yield Finding("public_url", "note", text, remedy, "server-unreachable")
        return
    if code == "not-signed-in":
        yield Finding("public_url", "good", f"{settings.public_url} passes WebSockets on to us")
    else:
        text = f"{settings.public_url} does not pass WebSockets on (status {status})"
        remedy = "Let the proxy pass Upgrade, Connection, Host and Origin on for /api/."
        yield Finding("public_url", "bad", text, remedy, "websocket-blocked")
    off_s = abs(time.time() - date) if date else 0.0
    if off_s > CLOCK_S:
        text = f"this host's clock and that of {settings.public_url} are {off_s:.0f} s apart"
        remedy = "Switch time synchronisation on (timedatectl set-ntp true)."
        yield Finding("clock", "bad", text, remedy, "clock-wrong")


def _upgrade(url: str) -> tuple[int, str, float]:
    """Ask for a WebSocket without a ticket: give status, the problem's code, and the date.

    Our server refuses it by name (`not-signed-in`); a request without its Upgrade header, or
    none of ours, is answered otherwise.
    """
    parts = urlsplit(url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(parts.hostname or "", parts.port, timeout=WEB_TIMEOUT_S)
    headers = {
        "Origin": url,
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "ZmFubGlnaHQgZG9jdG9yIQ==",
    }
    with contextlib.closing(connection):
        connection.request("GET", "/api/auth/session/doctor/vnc", headers=headers)
        answer = connection.getresponse()
        found = re.search(rb'"code":\s*"([a-z-]+)"', answer.read(4096))
        return answer.status, found[1].decode() if found else "", _seconds(answer.headers["Date"])


def _seconds(date: str | None) -> float:
    """Give a Date header (RFC 9110 section 5.6.7) as seconds since the epoch; 0: there is none."""
    try:
        return email.utils.parsedate_to_datetime(date or "").timestamp()
    except ValueError:
        return 0.0
