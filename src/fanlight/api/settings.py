"""What the HTTP edge needs to know, handed in by whoever serves it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from fanlight.config import ServeSettings
from fanlight.host import Layout, turn_secret
from fanlight.log import Secret

BUILT_WEB = Path(__file__).parent.parent / "built" / "web"


@dataclass(frozen=True, slots=True)
class OwnTurn:
    """The TURN server that this host runs itself."""

    port: int
    secret: Secret[str]
    tls_port: int = 0
    """0: it does not speak TLS."""
    host: str = ""
    """How viewers reach it; empty: by the name by which they came to us."""


LOOPBACK_NAMES = ("localhost", "127.0.0.1", "[::1]")


@dataclass(frozen=True, slots=True)
class Rates:
    """How often something may be asked for, in a minute; for each address or principal."""

    sign_in: int = 20
    device: int = 20
    ticket: int = 60
    offer: int = 120
    preflight: int = 60
    """Connections of a pre-flight; one of them tries about six."""


@dataclass(frozen=True, slots=True)
class ApiSettings:
    """What the HTTP edge needs. Make it with `ApiSettings.serving`."""

    public_url: str
    """Where people reach the page: scheme, name and port, no slash at the end."""
    origins: frozenset[str]
    """Exact origins of our own page."""
    hosts: frozenset[str]
    """Values of Host that are taken, lower case, with their port as browsers send it."""
    cors_origins: frozenset[str] = frozenset()
    """Pages of others that may call the API, with a ticket or key: never with a cookie."""
    frame_ancestors: tuple[str, ...] = ()
    """Origins that may embed the page; none by default."""
    tls: bool = False
    stun_urls: tuple[str, ...] = ()
    turn_urls: tuple[str, ...] = ()
    turn_secret: Secret[str] | None = None
    """Shared with the TURN servers: viewers get credentials made from it that run out."""
    own_turn: OwnTurn | None = None
    web: Path = BUILT_WEB
    strict_whep: bool = False
    """Answer 428 to a PATCH without If-Match, as the draft says and some players do not expect."""
    rates: Rates = Rates()
    max_body_bytes: int = 64 * 1024
    max_offer_bytes: int = 256 * 1024
    max_wait_s: float = 60.0
    """The longest `?wait=` that is held."""
    answer_wait_s: float = 10.0
    """How long a WHEP POST waits for the answer before it says 503."""
    heartbeat_s: float = 15.0
    """Silence on an event stream before a comment line."""

    @classmethod
    def of(cls, serve: ServeSettings, port: int) -> ApiSettings:
        """Give the settings of `fanlight serve` on `port`. Reads the TURN secrets' files."""
        secret = None
        if serve.turn_secret_file is not None:
            secret = Secret(serve.turn_secret_file.read_text().strip())
        made = cls.serving(
            port,
            tls=serve.tls_cert is not None,
            public_url=serve.public_url,
            allowed_hosts=serve.allowed_hosts,
        )
        return replace(
            made,
            cors_origins=frozenset(origin.lower() for origin in serve.allowed_origins),
            stun_urls=serve.stun_urls,
            turn_urls=serve.turn_urls,
            turn_secret=secret,
            own_turn=_own_turn(serve) if serve.turn else None,
        )

    @classmethod
    def serving(
        cls,
        port: int,
        *,
        tls: bool = False,
        public_url: str = "",
        allowed_hosts: Iterable[str] = (),
    ) -> ApiSettings:
        """Give the settings of a server on `port` with its loopback names, its `public_url`, and
        further names, with or without a port.
        """
        scheme = "https" if tls else "http"
        names = [f"{name}:{port}" for name in LOOPBACK_NAMES]
        names += [name if _has_port(name) else f"{name}:{port}" for name in allowed_hosts]
        origins = {_origin(scheme, name.lower()) for name in names}
        if public_url:
            public_scheme, _, name = public_url.lower().rstrip("/").partition("://")
            origins.add(_origin(public_scheme, name))
        return cls(
            public_url=(public_url or _origin(scheme, f"localhost:{port}")).rstrip("/"),
            origins=frozenset(origins),
            hosts=frozenset(origin.partition("://")[2] for origin in origins),
            tls=tls or public_url.startswith("https:"),
        )


def _own_turn(serve: ServeSettings) -> OwnTurn:
    return OwnTurn(
        port=serve.turn_port,
        secret=Secret(turn_secret(Layout(serve.data.absolute()))),
        tls_port=serve.turn_tls_port if serve.tls_cert else 0,
        host=serve.turn_host,
    )


def _has_port(name: str) -> bool:
    return name.rpartition(":")[2].isdigit() and not name.endswith("]")


def _origin(scheme: str, name: str) -> str:
    """An origin as browsers write it: the scheme's own port is left out."""
    own = {"http": ":80", "https": ":443"}[scheme]
    return f"{scheme}://{name.removesuffix(own)}"
