"""The settings of `fanlight serve`. Flags, variables, TOML keys and their page come from here."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal


def default_data() -> Path:
    """Give the directory for state when nobody names one."""
    if os.geteuid() == 0:
        return Path("/var/lib/fanlight")
    home = os.environ.get("XDG_DATA_HOME", "")
    return (Path(home) if home else Path.home() / ".local" / "share") / "fanlight"


@dataclass(frozen=True, slots=True)
class ServeSettings:
    """What `fanlight serve` can be told. Every field has a flag, a variable and a TOML key."""

    host: str = "127.0.0.1"
    """Address to listen on. Anything but loopback needs TLS, or a TLS proxy
    named by public_url."""
    port: int = 8088
    """TCP port for browsers. 0 picks a free one."""
    data: Path = field(default_factory=default_data)
    """Directory for state: database, installed tools, sockets. /var/lib/fanlight as root,
    otherwise $XDG_DATA_HOME/fanlight."""
    browser: bool = True
    """Open the sign-in link in this computer's browser when there is one."""
    provider: str = "sandbox"
    """Which provider makes machines: the name of an entry point of `fanlight.providers`."""
    install_tools: bool = True
    """Install a tool's locked tree from npm when it is first asked for."""

    tls_cert: Path | None = None
    """PEM file with the certificate chain, to serve HTTPS without a proxy."""
    tls_key: Path | None = None
    """PEM file with the certificate's private key."""
    public_url: str = ""
    """Address that browsers use when a TLS proxy stands in front, such as https://desk.example.org."""
    allowed_origins: tuple[str, ...] = ()
    """Origins of other sites that may call the API from a browser (CORS), written exactly."""
    allowed_hosts: tuple[str, ...] = ()
    """Further names under which this server may be addressed; any other Host gets 421."""

    announce: tuple[str, ...] = ()
    """IP addresses that the media gateway offers to viewers. None: those that `host` implies."""
    viewer_networks: tuple[str, ...] = ()
    """Private networks (CIDR) that viewers' media may come from, such as 192.168.0.0/16. None:
    those that announced addresses lie in, loopback never."""
    udp_ports: str = ""
    """Range of UDP ports for viewers' media, such as 40000-40999. Empty: any free port."""
    stun_urls: tuple[str, ...] = ()
    """STUN servers told to viewers, such as stun:stun.example.org:3478."""
    turn_urls: tuple[str, ...] = ()
    """TURN servers told to viewers, such as turns:turn.example.org:443?transport=tcp."""
    turn_secret_file: Path | None = None
    """File with the secret shared with the TURN servers (their `static-auth-secret`)."""
    turn: bool = False
    """Run a TURN server (coturn) beside the media gateway, for viewers whose network lets no UDP
    through. Viewers are told of it."""
    turn_port: int = 3478
    """UDP and TCP port of the TURN server that `turn` runs."""
    turn_tls_port: int = 5349
    """TCP port for TURN over TLS when there is a tls_cert. 443 passes most firewalls."""
    turn_host: str = ""
    """Name or address by which viewers reach the TURN server that `turn` runs. Empty: the name
    by which they came to the page."""
    turn_realm: str = "fanlight"
    """Realm of the TURN server that `turn` runs: shown nowhere, but part of every password."""
    codec: Literal["vp8", "h264"] = "vp8"
    """Video codec of new sessions. Every browser takes vp8."""
    bitrate_kbps: int = 4000
    """Upper bound for a session's video, in kilobits a second."""

    boot_timeout_s: float = 60.0
    """How long a machine may take to become ready, in seconds."""
    idle_timeout_s: float = 1800.0
    """How long a session is kept without a viewer, in seconds, if its start does not say (keepS).
    A login is kept as long as login_timeout_s and delivery_s let it last."""
    max_keep_s: float = 14400.0
    """How long a start may ask for its session to be kept without a viewer, in seconds."""
    session_timeout_s: float = 14400.0
    """How long a session lasts, in seconds, from its start and from each time it is extended."""
    max_session_s: float = 43200.0
    """How long a session may last in all, in seconds, however often it is extended."""
    ending_notice_s: float = 120.0
    """How long before its end a session announces it, in seconds; of a shorter time, half."""
    login_timeout_s: float = 900.0
    """How long signing in and confirming may take, in seconds."""
    delivery_s: float = 900.0
    """How long a sealed credential waits for its owner, in seconds. Then it is deleted."""
    keeper_grace_s: float = 600.0
    """How long machines outlive a controller that is gone, in seconds."""

    max_sessions_per_principal: int = 4
    """How many sessions one principal may have at a time."""
    max_viewers_per_session: int = 8
    """How many viewers one session may have at a time."""
    shared_kernel: bool = False
    """Let several principals use a provider whose machines share this host's kernel. All do but
    qemu, as far as is known."""

    egress_mode: Literal["none", "public", "listed"] = "public"
    """Where machines may go: nowhere, the public internet, or egress_domains only."""
    egress_domains: tuple[str, ...] = ()
    """Domains, with those below them, that machines may reach when egress_mode is listed."""
    egress_pins: dict[str, str] = field(default_factory=dict)
    """Names ("host:port") that mean an address of yours instead, such as a provider's own."""
    egress_upstream_proxy: str = ""
    """HTTP proxy by which this host reaches the internet, such as http://proxy.example:3128."""

    pause_after_s: float = 300.0
    """After how long without any viewer a desktop's virtual machine is written to disk, sealed, in
    seconds; it goes on when somebody looks. Machines that sign a tool in never are. 0: never."""

    machine_ca_file: Path | None = None
    """PEM file with certificates that machines trust in addition."""
    machine_memory_mib: int = 2048
    """Memory of one machine, in MiB, where the host lets us limit it. 0: no limit."""
    machine_pids: int = 1024
    """Processes and threads of one machine, where the host lets us limit them. 0: no limit."""
    machine_cpus: float = 2.0
    """Processors' worth of time of one machine, such as 0.5, where the host lets us limit it.
    0: no limit."""
    machine_home_mib: int = 1024
    """Room in a machine's home directory, in MiB, which counts as its memory."""
    machine_connections_per_s: int = 50
    """New connections of one machine to the internet a second; five seconds' worth may come at
    once. 0: no limit."""
    machine_kbps: int = 100_000
    """What one machine may send to the internet, and what it may receive, in kilobits a second, on
    all its connections together. 0: no limit."""

    warm_machines: int = 1
    """Machines of a kind that are kept ready for the next session, from the first session on that
    wants one of that kind. More are kept while several sessions start at once. 0: none."""
    warm_machines_most: int = 4
    """Machines that are kept ready at most, of all kinds together."""
    warm_age_s: float = 3600.0
    """How long a machine is kept ready, in seconds, before another takes its place."""
    warm_quiet_s: float = 3600.0
    """How long machines of a kind are kept ready after the last session that wanted one, in
    seconds."""

    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """The least severe log line that is written."""
    log_format: Literal["console", "json"] = "console"
    """Log lines for people, or one JSON object a line."""

    @property
    def scheme(self) -> str:
        """`https` when this server speaks TLS itself."""
        return "https" if self.tls_cert else "http"

    @property
    def is_behind_tls(self) -> bool:
        """Whether browsers reach this server by TLS, its own or a proxy's."""
        return self.tls_cert is not None or self.public_url.startswith("https://")
