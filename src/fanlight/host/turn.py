"""The TURN server: coturn, told to relay between viewers and the media gateway, no further.

What coturn is told lies in a file that only it can read: the secret must not be an argument, and
certificates are copied, as it does not run under the uid that may read the originals.
"""

from __future__ import annotations

import contextlib
import ipaddress
import logging
import os
import secrets
import signal
from dataclasses import dataclass
from pathlib import Path

from .children import Child, Children, Confinement
from .layout import Layout
from .services import private_home
from .settings import KeeperSettings, TurnSettings

log = logging.getLogger(__name__)

ALLOCATIONS_PER_USER, ALLOCATIONS = 96, 1024
"""Chromium makes one allocation for each address of the server's and each of its own networks, and
a viewer that moves has two connections for a moment: 8 viewers of 4 sessions stay below this."""
NONCE_S = 600
LOWEST_FREE_PORT = 1024

DENIED = ("0.0.0.0-255.255.255.255", "::-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff")
"""Every peer, but those that are allowed: RFC 8656 section 21.3.1 warns of relays that lead behind
a firewall, and viewers have no business anywhere but at the gateway."""


@dataclass(frozen=True, slots=True)
class Files:
    """Where coturn finds what it needs, in its own directory."""

    home: Path

    @property
    def configuration(self) -> Path:
        """What it is told, the secret in it."""
        return self.home / "turnserver.conf"

    @property
    def certificate(self) -> Path:
        """Certificate chain, copied."""
        return self.home / "cert.pem"

    @property
    def key(self) -> Path:
        """The certificate's key, copied."""
        return self.home / "key.pem"


class Turn:
    """coturn as a service of the keeper's. It is not talked to: it obeys its file."""

    name = "turn"

    def __init__(self, layout: Layout, settings: KeeperSettings, turn: TurnSettings) -> None:
        self._layout, self._settings, self._turn = layout, settings, turn
        self._child: Child | None = None

    def spawn(self, children: Children) -> tuple[Child, None]:
        """Write its file and spawn it.

        Raises:
            OSError: there is no coturn, or a file cannot be read or written.
        """
        uid, turn = self._uid, self._turn
        files = Files(private_home(self._layout, self.name, uid))
        self._copy_certificate(files)
        text = configuration(turn, turn_secret(self._layout), files)
        _write_for(uid, files.configuration, text.encode())
        needs_rights = min(turn.port, turn.tls_port) < LOWEST_FREE_PORT
        self._child = children.spawn(
            [*turn.command, "-c", str(files.configuration)],
            env={"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": str(files.home)},
            confinement=Confinement(uid=uid, may_bind_any_port=needs_rights and uid is not None),
        )
        return self._child, None

    def renew(self) -> None:
        """Let it have the certificate that a controller has which starts now, if it is new."""
        if self._child is None:
            return
        try:
            files = Files(private_home(self._layout, self.name, self._uid))
            if self._copy_certificate(files):
                self._child.kill(signal.SIGUSR2)  # coturn reads its certificate again
        except OSError as error:
            log.warning("the TURN server keeps its certificate: %s", error)

    @property
    def _uid(self) -> int | None:
        return self._settings.turn_uid if os.geteuid() == 0 else None

    def _copy_certificate(self, files: Files) -> bool:
        turn, has_changed = self._turn, False
        for there, here in ((turn.certificate, files.certificate), (turn.key, files.key)):
            if there is None:
                continue
            content = there.read_bytes()
            if not here.exists() or here.read_bytes() != content:
                _write_for(self._uid, here, content)
                has_changed = True
        return has_changed


def configuration(turn: TurnSettings, secret: str, files: Files) -> str:
    """Give coturn's configuration file. Pure."""
    lines = [
        f"realm={turn.realm}",
        "use-auth-secret",
        f"static-auth-secret={secret}",
        f"stale-nonce={NONCE_S}",
        *_where(turn),
        *_to_whom(turn),
        *_how_much(turn),
        *_tls(turn, files),
        "no-cli",
        f"pidfile={files.home / 'turnserver.pid'}",
        f"userdb={files.home / 'turndb'}",
        "log-file=stdout",
        "simple-log",
    ]
    return "\n".join(lines) + "\n"


def _where(turn: TurnSettings) -> list[str]:
    return [
        f"listening-port={turn.port}",
        *(f"listening-ip={address}" for address in turn.listen),
        *(f"relay-ip={address}" for address in turn.gateway),
        *(f"external-ip={outer}/{inner}" for outer, inner in behind_nat(turn)),
        f"allocation-default-address-family={_family(turn)}",
    ]


def _family(turn: TurnSettings) -> str:
    """Say which family viewers are relayed in: the gateway's, and theirs where it has both.

    A relay of one family reaches only peers of that family (RFC 8656 section 9.2), and browsers
    ask for none.
    """
    versions = {ipaddress.ip_address(address).version for address in turn.gateway}
    return "keep" if len(versions) == 2 else f"ipv{versions.pop()}"


def _to_whom(turn: TurnSettings) -> list[str]:
    return [
        *(f"denied-peer-ip={each}" for each in DENIED),
        *(f"allowed-peer-ip={each}" for each in (*turn.gateway, *turn.announced)),
        *(["allow-loopback-peers"] if any(map(_is_loopback, turn.gateway)) else []),
        "no-multicast-peers",
        "no-tcp-relay",
    ]


def _how_much(turn: TurnSettings) -> list[str]:
    return [
        f"user-quota={ALLOCATIONS_PER_USER}",
        f"total-quota={ALLOCATIONS}",
        f"max-bps={turn.bytes_per_s}",
        # No answer is much longer than its question, so that nobody is flooded by way of us.
        "no-rfc5780",
        "no-stun-backward-compatibility",
        "no-software-attribute",
    ]


def _tls(turn: TurnSettings, files: Files) -> list[str]:
    if turn.certificate is None or turn.key is None:
        return ["no-tls", "no-dtls"]
    return [
        f"tls-listening-port={turn.tls_port}",
        f"cert={files.certificate}",
        f"pkey={files.key}",
        "no-tlsv1",
        "no-tlsv1_1",
        "no-dtls",
    ]


def behind_nat(turn: TurnSettings) -> list[tuple[str, str]]:
    """Give each announced address of a NAT with the address behind it, the first of a family.

    coturn then says the outer one of itself, and takes the inner one for a peer that is named by
    the outer: packets from this host to its own NAT rarely come back (measured with 4.6).
    """
    pairs: dict[int, tuple[str, str]] = {}
    for outer in turn.announced:
        version = ipaddress.ip_address(outer).version
        inner = [a for a in turn.gateway if ipaddress.ip_address(a).version == version]
        if outer not in turn.gateway and inner:
            pairs.setdefault(version, (outer, inner[0]))
    return list(pairs.values())


def turn_secret(layout: Layout) -> str:
    """Give the secret shared by our TURN server and the API, made when there is none (0600).

    Raises:
        OSError: it cannot be read or made.
    """
    path = layout.turn_secret
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not path.exists():
        draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
        _write_for(None, draft, secrets.token_urlsafe(32).encode())
        # Whole or not at all: keeper and controller may both be here.
        with contextlib.suppress(FileExistsError):
            os.link(draft, path)
        draft.unlink()
    return path.read_text().strip()


def _write_for(uid: int | None, path: Path, content: bytes) -> None:
    """Write a file that only `uid` can read (None: our own)."""
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with open(descriptor, "wb") as file:
        file.write(content)
        if uid is not None:
            os.fchown(descriptor, uid, uid)


def _is_loopback(address: str) -> bool:
    return ipaddress.ip_address(address).is_loopback
