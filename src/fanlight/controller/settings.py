"""What the controller is told: limits, what machines get, and how long each party may be away."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from fanlight.config import ServeSettings
from fanlight.errors import InvalidRequest, SettingRejected
from fanlight.machines import MachineSpec, PoolSettings
from fanlight.session import LifecycleSettings, LoginSettings, NegotiationSettings
from fanlight.session.negotiation import Answerer
from fanlight.wire import EgressPolicy, MachineRef, SessionId

ANSWER_TIMEOUT_MACHINE_S = 20.0
"""A machine with a WebRTC stack of its own may gather its candidates first."""


@dataclass(frozen=True, slots=True)
class ControllerSettings:
    """The controller's settings. Made from those of `fanlight serve` by `serving`."""

    data: Path
    codec: Literal["vp8", "h264"] = "vp8"
    bitrate_kbps: int = 4000
    boot_timeout_s: float = 60.0
    idle_timeout_s: float = 1800.0
    max_keep_s: float = 14400.0
    session_timeout_s: float = 14400.0
    max_session_s: float = 43200.0
    ending_notice_s: float = 120.0
    login_timeout_s: float = 900.0
    delivery_s: float = 900.0
    max_sessions_per_principal: int = 4
    max_viewers_per_session: int = 8
    policy: EgressPolicy = field(default_factory=EgressPolicy)
    machine_ca_pem: str = ""
    machine_memory_mib: int = 2048
    machine_pids: int = 1024
    machine_cpus: float = 2.0
    machine_home_mib: int = 1024
    warm: PoolSettings = field(default_factory=PoolSettings)
    """How many machines wait for a session."""
    pause_after_s: float = 0.0
    """After how long without viewers a desktop's machine is written to disk. 0: never."""
    heartbeat_s: float = 5.0
    """Silence on a link before `link.ping`; three of these without a word and it is lost."""

    @classmethod
    def serving(cls, given: ServeSettings) -> ControllerSettings:
        """Take what concerns the controller out of the settings of `fanlight serve`.

        Raises:
            SettingRejected: the file with the machines' authorities cannot be read.
        """
        return cls(
            data=given.data,
            codec=given.codec,
            bitrate_kbps=given.bitrate_kbps,
            boot_timeout_s=given.boot_timeout_s,
            idle_timeout_s=given.idle_timeout_s,
            pause_after_s=given.pause_after_s,
            max_keep_s=given.max_keep_s,
            session_timeout_s=given.session_timeout_s,
            max_session_s=given.max_session_s,
            ending_notice_s=given.ending_notice_s,
            login_timeout_s=given.login_timeout_s,
            delivery_s=given.delivery_s,
            max_sessions_per_principal=given.max_sessions_per_principal,
            max_viewers_per_session=given.max_viewers_per_session,
            policy=EgressPolicy(
                mode=given.egress_mode,
                domains=given.egress_domains,
                pins=dict(given.egress_pins),
                connections_per_s=given.machine_connections_per_s,
                bytes_per_s=given.machine_kbps * 1000 // 8,
            ),
            machine_ca_pem=_read(given.machine_ca_file),
            machine_memory_mib=given.machine_memory_mib,
            machine_pids=given.machine_pids,
            machine_cpus=given.machine_cpus,
            machine_home_mib=given.machine_home_mib,
            warm=PoolSettings(
                machines=given.warm_machines,
                most=given.warm_machines_most,
                max_age_s=given.warm_age_s,
                quiet_s=given.warm_quiet_s,
            ),
        )

    def keep_s(self, asked_s: float | None, *, with_login: bool) -> float:
        """Give how long a session is kept without viewers, in seconds.

        Raises:
            InvalidRequest: longer was asked for than may be.
        """
        most_s = max(self.max_keep_s, self.idle_timeout_s)
        if asked_s is not None and asked_s > most_s:
            raise InvalidRequest(
                f"keepS: a session is kept {most_s:g} seconds without viewers at most",
                hint="Ask for less, or raise max_keep_s.",
            )
        kept_s = self.idle_timeout_s if asked_s is None else asked_s
        if not with_login:
            return kept_s
        # A sealed credential waits without a machine, and so without a viewer; and whoever came
        # from a terminal watches there.
        return max(kept_s, self.login_timeout_s + self.delivery_s)

    def machine_spec(
        self,
        ref: MachineRef,
        session: SessionId,
        *,
        restricted: bool,
        policy: EgressPolicy | None = None,
    ) -> MachineSpec:
        """Give what the provider is asked for.

        `restricted`: a login is to happen in it; `policy`: the session's, instead of the server's.
        """
        return MachineSpec(
            ref,
            session,
            restricted=restricted,
            policy=policy or self.policy,
            memory_mib=self.machine_memory_mib,
            pids=self.machine_pids,
            cpus=self.machine_cpus,
            home_mib=self.machine_home_mib,
        )

    def lifecycle(
        self, *, with_login: bool, keep_s: float | None = None, can_pause: bool = False
    ) -> LifecycleSettings:
        """Give the limits of a session's life; `keep_s` as `keep_s` gave it at its start."""
        return LifecycleSettings(
            boot_timeout_s=self.boot_timeout_s,
            keep_s=self.keep_s(None, with_login=with_login) if keep_s is None else keep_s,
            session_timeout_s=self.session_timeout_s,
            max_session_s=max(self.max_session_s, self.session_timeout_s),
            notice_s=self.ending_notice_s,
            with_login=with_login,
            pause_after_s=self.pause_after_s if can_pause else 0.0,
        )

    def negotiation(self, answerer: Answerer) -> NegotiationSettings:
        """Give the limits of a session's connections."""
        limits = NegotiationSettings(max_viewers=self.max_viewers_per_session)
        if answerer == "gateway":
            return limits
        return NegotiationSettings(
            answer_timeout_s=ANSWER_TIMEOUT_MACHINE_S, max_viewers=self.max_viewers_per_session
        )

    def login(self) -> LoginSettings:
        """Give the limits of a login."""
        return LoginSettings(login_timeout_s=self.login_timeout_s, delivery_s=self.delivery_s)


def _read(file: Path | None) -> str:
    if file is None:
        return ""
    try:
        return file.read_text(encoding="ascii")
    except (OSError, UnicodeError) as error:
        raise SettingRejected(f"machine_ca_file {file} cannot be read: {error}") from None
