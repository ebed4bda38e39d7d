"""A Fanlight on the host's side of a network, as people reach it: HTTPS on one port."""

from __future__ import annotations

import contextlib
import ipaddress
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import trustme

from fanlight.testing.server import RunningServer

from .topology import HTTPS_PORT, UDP_PORTS, Network


@contextlib.contextmanager
def served(
    network: Network, settings: Mapping[str, object] | None = None
) -> Iterator[RunningServer]:
    """Give a server that listens at the host's address on port 443, with a certificate for it.

    Args:
        settings: further keys of the configuration file, or others than those made here.
    """
    name = network.public_address
    with tempfile.TemporaryDirectory(prefix="fl-tls-") as made:
        certificate, key = _certificate(name, Path(made))
        wanted = {
            "host": network.host_address,
            "public_url": f"https://{_in_url(name)}",
            "tls_cert": certificate,
            "tls_key": key,
            "announce": [name],
            "udp_ports": "{}-{}".format(*UDP_PORTS),
            "viewer_networks": [network.viewer_network],
            "keeper_grace_s": 60.0,
        }
        with RunningServer(
            wanted | dict(settings or {}), port=HTTPS_PORT, within=network.host.within
        ) as server:
            yield server


def _certificate(address: str, directory: Path) -> tuple[str, str]:
    issued = trustme.CA().issue_cert(address)
    certificate, key = directory / "cert.pem", directory / "key.pem"
    certificate.write_bytes(b"".join(blob.bytes() for blob in issued.cert_chain_pems))
    issued.private_key_pem.write_to_path(key)
    return str(certificate), str(key)


def _in_url(address: str) -> str:
    return f"[{address}]" if ipaddress.ip_address(address).version == 6 else address
