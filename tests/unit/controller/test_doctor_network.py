"""What the doctor says of addresses, ports, certificates and the way in."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import trustme

from fanlight.config import ServeSettings
from fanlight.controller.doctor_network import examine_network
from fanlight.host import Finding
from fanlight.session.host_causes import ALL


def found(settings: ServeSettings, name: str) -> list[Finding]:
    findings = examine_network(settings)
    assert all(each.code in ALL for each in findings if each.level != "good")
    return [each for each in findings if each.name == name]


def only(settings: ServeSettings, name: str) -> Finding:
    (finding,) = found(settings, name)
    return finding


def certified(directory: Path, *names: str, until: datetime | None = None) -> dict[str, object]:
    """Give the settings of a certificate for these names."""
    certificate = trustme.CA().issue_cert(*names, not_after=until)
    chain, key = directory / "cert.pem", directory / "key.pem"
    chain.write_bytes(b"".join(blob.bytes() for blob in certificate.cert_chain_pems))
    key.write_bytes(certificate.private_key_pem.bytes())
    return {"tls_cert": chain, "tls_key": key}


def test_a_good_certificate_is_said_to_be_good(tmp_path: Path) -> None:
    given = certified(tmp_path, "localhost")

    assert only(ServeSettings(**given), "certificate").level == "good"  # type: ignore[arg-type]


def test_a_certificate_that_has_run_out_or_soon_does_is_named(tmp_path: Path) -> None:
    gone = certified(tmp_path, "localhost", until=datetime.now(UTC) - timedelta(days=1))
    finding = only(ServeSettings(**gone), "certificate")  # type: ignore[arg-type]
    assert (finding.level, finding.code) == ("bad", "certificate-wrong")
    assert "expired" in finding.text

    soon = certified(tmp_path, "localhost", until=datetime.now(UTC) + timedelta(days=3))
    assert only(ServeSettings(**soon), "certificate").level == "note"  # type: ignore[arg-type]


def test_a_certificate_for_another_name_is_named(tmp_path: Path) -> None:
    # The address is one of documentation (RFC 5737): nobody answers, and at once.
    given = certified(tmp_path, "desk.example") | {"public_url": "https://127.0.0.1:1"}

    finding = only(ServeSettings(**given), "certificate")  # type: ignore[arg-type]

    assert (finding.level, finding.code) == ("bad", "certificate-wrong")


def test_a_key_of_another_certificate_is_named(tmp_path: Path) -> None:
    given = certified(tmp_path, "localhost")
    other = tmp_path / "other.pem"
    other.write_bytes(trustme.CA().issue_cert("localhost").private_key_pem.bytes())

    finding = only(ServeSettings(**given | {"tls_key": other}), "certificate")  # type: ignore[arg-type]

    assert finding.code == "certificate-wrong"


def test_an_announced_address_is_this_hosts_or_a_nats() -> None:
    here = ServeSettings(announce=("127.0.0.1",))
    behind = ServeSettings(announce=("203.0.113.7",))

    assert only(here, "address").level == "good"
    finding = only(behind, "address")
    assert (finding.level, finding.code) == ("note", "address-not-here")


def test_ports_that_are_taken_are_no_ports_for_viewers() -> None:
    with contextlib.ExitStack() as held:
        first = held.enter_context(socket.socket(type=socket.SOCK_DGRAM))
        port = next(port for port in range(41_000, 60_000) if both_bound(held, first, port))
        settings = ServeSettings(announce=("127.0.0.1",), udp_ports=f"{port}-{port + 1}")

        finding = only(settings, "UDP ports")

    assert (finding.level, finding.code) == ("bad", "udp-ports-taken")
    assert only(settings, "UDP ports").level == "good"


def both_bound(held: contextlib.ExitStack, first: socket.socket, port: int) -> bool:
    second = held.enter_context(socket.socket(type=socket.SOCK_DGRAM))
    try:
        second.bind(("127.0.0.1", port + 1))
        first.bind(("127.0.0.1", port))
    except OSError:
        second.close()
        return False
    return True


def test_a_turn_server_that_is_away_is_named_and_none_at_all_is_noted(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("abc")
    away = ServeSettings(
        turn_urls=("turn:127.0.0.1:1?transport=tcp",), turn_secret_file=secret
    )  # fmt: skip

    assert only(away, "TURN 127.0.0.1").code == "turn-unreachable"
    assert only(ServeSettings(), "TURN").code == "turn-not-configured"


ANSWERS = {
    "ours": b'HTTP/1.1 401 Unauthorized\r\nContent-Length: 24\r\n\r\n{"code":"not-signed-in"}',
    "without Upgrade": b'HTTP/1.1 404 Not Found\r\nContent-Length: 20\r\n\r\n{"code":"not-found"}',
    "of long ago": b"HTTP/1.1 401 Unauthorized\r\nDate: Tue, 24 Nov 2020 08:00:00 GMT\r\n"
    b'Content-Length: 24\r\n\r\n{"code":"not-signed-in"}',
}


@contextlib.contextmanager
def answering(answer: bytes) -> Iterator[str]:
    """A server of one answer, as a proxy gives it."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            end, _ = listener.accept()
            with end:
                end.recv(4096)
                end.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        thread.join()


@pytest.mark.parametrize(
    ("answer", "codes"),
    [
        ("ours", [""]),
        ("without Upgrade", ["websocket-blocked"]),
        ("of long ago", ["", "clock-wrong"]),
    ],
)
def test_the_way_in_is_tried_as_a_browser_tries_it(answer: str, codes: list[str]) -> None:
    with answering(ANSWERS[answer]) as url:
        findings = examine_network(ServeSettings(public_url=url))

    assert [each.code for each in findings if each.name in ("public_url", "clock")] == codes


def test_nobody_at_the_public_address_is_noted() -> None:
    settings = ServeSettings(public_url="https://127.0.0.1:1")

    assert only(settings, "public_url").code == "server-unreachable"
