"""The link: controller and guest, from identity to sealed credential."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from fanlight.wire.ids import MachineRef, SessionId

from .naming import named

# --- controller -> guest, over the link ---------------------------------------------------------


@named("machine.identify")
@dataclass(frozen=True, slots=True)
class IdentifyMachine:
    """Who this machine is: first on every link. The token never is in an image or snapshot."""

    session: SessionId
    machine: MachineRef
    token: str
    hostname: str
    seed_b64: str
    time_s: float
    width_px: int = 1280
    height_px: int = 720
    codec: Literal["vp8", "h264"] = "vp8"
    bitrate_kbps: int = 4000
    frames_per_s: int = 60
    clipboard_out: bool = False
    ca_pem: str = ""
    start_url: str = "about:blank"


@named("login.start")
@dataclass(frozen=True, slots=True)
class StartLogin:
    """Sign `tool` in and, when it is confirmed, seal what it wrote to `recipient` (age1...)."""

    tool: ToolSpec
    recipient: str
    nonce: str
    session: SessionId = SessionId("")  # noqa: RUF009 - a NewType: nothing is called
    """The session that the sealed bundle will name."""


@named("login.release")
@dataclass(frozen=True, slots=True)
class ReleaseCredential:
    """The owner confirmed the account: seal, and send `login.sealed`."""


@named("login.reject")
@dataclass(frozen=True, slots=True)
class RejectLogin:
    """The owner said no: sign out where the tool can, and say so with `login.rejected`."""


@named("link.ping")
@dataclass(frozen=True, slots=True)
class LinkPing:
    """Are you there? The guest answers `link.pong`."""


@named("link.pong")
@dataclass(frozen=True, slots=True)
class LinkPong:
    """Here."""


@dataclass(frozen=True, slots=True)
class CredentialFile:
    """One file of a credential: a path under HOME, and the fields kept of it (empty: all)."""

    path: str
    fields: tuple[str, ...] = ()
    required: bool = True
    max_bytes: int = 262_144


@dataclass(frozen=True, slots=True)
class ToolSpec:
    """What the guest needs to know of a tool; made from the catalogue."""

    name: str
    version: str
    command: tuple[str, ...]
    flow: Literal["loopback", "device"]
    status_command: tuple[str, ...]
    account_pattern: str
    """A regular expression over the status command's output; its group `account` is the name."""
    credential: tuple[CredentialFile, ...]
    env: dict[str, str] = field(default_factory=dict)
    path: tuple[str, ...] = ()
    """Directories put in front of PATH (the tool's locked tree, Node)."""
    answers: tuple[tuple[str, str], ...] = ()
    """(regular expression, keys) pairs: when the terminal shows the first, type the second."""
    user_code_pattern: str = ""
    """device flow: a regular expression over the terminal's output; its group `code`."""
    sign_out_command: tuple[str, ...] = ()
    sign_out_revokes: bool = False
    """Whether signing out tells the provider as well."""
    status_fails_signed_out: bool = True
    timeout_s: float = 900.0


# --- guest -> controller, over the link ---------------------------------------------------------


@named("machine.identified")
@dataclass(frozen=True, slots=True)
class MachineIdentified:
    """The guest took its identity. Nobody is let in before."""

    machine: MachineRef


BootStage = Literal["agent", "display", "desktop", "media", "browser"]


@named("guest.stage")
@dataclass(frozen=True, slots=True)
class StageReached:
    """A stage of the boot is done; `since_start_ms` from the start of the agent."""

    stage: BootStage
    since_start_ms: float


@named("guest.ready")
@dataclass(frozen=True, slots=True)
class GuestReady:
    """The desktop is there, its pixels are being sent."""


@named("guest.failed")
@dataclass(frozen=True, slots=True)
class GuestFailed:
    """The guest cannot go on. `tail`: the last lines of what failed."""

    code: str
    detail: str
    tail: str = ""


@named("desktop.restarted")
@dataclass(frozen=True, slots=True)
class ProcessRestarted:
    """A process of the desktop died and was spawned again."""

    name: str
    status: int
    tail: str = ""


@named("login.cli_started")
@dataclass(frozen=True, slots=True)
class CliStarted:
    """The tool's sign-in command runs."""


@named("login.page_open")
@dataclass(frozen=True, slots=True)
class PageOpened:
    """The sign-in page is in the machine's browser. Only its host is told, never its URL."""

    url_host: str


@named("login.user_code")
@dataclass(frozen=True, slots=True)
class UserCodeShown:
    """The code to type on the page (RFC 8628 section 3.3)."""

    user_code: str


@named("login.verified")
@dataclass(frozen=True, slots=True)
class AccountVerified:
    """The tool itself says that it is signed in, as `account`."""

    account: str


@named("login.failed")
@dataclass(frozen=True, slots=True)
class LoginEnded:
    """The tool was not signed in. Codes: docs/reference/problems.md, `login-...`."""

    code: str
    detail: str
    tail: str = ""


@named("login.sealed")
@dataclass(frozen=True, slots=True)
class CredentialSealed:
    """The credential, an age file that only the recipient opens."""

    bundle_b64: str


@named("login.rejected")
@dataclass(frozen=True, slots=True)
class LoginRejected:
    """The credential was given up; `revoked` when the provider was told as well."""

    revoked: bool
    detail: str = ""
