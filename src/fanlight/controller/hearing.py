"""What guests and the gateway say, as events for the cores. Text of guests is made inert here."""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass

from fanlight import wire
from fanlight.errors import WireError
from fanlight.session import lifecycle, login, negotiation
from fanlight.wire.messages import ProcessRestarted

from .reasons import LINE_MAX, NAME_MAX, inert, inert_lines

AGE_HEADER = b"age-encryption.org/v1\n"
_CODE = re.compile(r"[a-z][a-z0-9-]{0,63}")


@dataclass(frozen=True, slots=True)
class Heard:
    """A message, as what it means to each core, and what people are told of it."""

    life: lifecycle.Event | None = None
    talk: negotiation.Event | None = None
    sign: login.Event | None = None
    notice: tuple[str, str] | None = None
    tail: str = ""


def from_guest(message: wire.Message, age_s: float) -> Heard:
    """Give what a guest's message means, said `age_s` after the session's request.

    Raises:
        WireError: it is not a guest's, or a bundle that is not sealed.
    """
    match message:
        case wire.StageReached(stage, since_start_ms):
            return Heard(life=lifecycle.GuestStage(stage, max(0.0, since_start_ms)))
        case wire.GuestReady():
            return Heard(life=lifecycle.GuestReadied(age_s))
        case wire.GuestFailed(code, detail, tail):
            failed = lifecycle.GuestFailed(_code(code, "guest-failed"), inert(detail, LINE_MAX))
            return Heard(life=failed, tail=inert_lines(tail))
        case ProcessRestarted(name, status):
            text = f"{inert(name, 40)} of the desktop died (status {status}) and was restarted."
            return Heard(notice=("process-restarted", text))
        case wire.LoginEnded(code, detail, tail):
            ended = login.GuestLoginFailed(_code(code, "login-failed"), inert(detail, LINE_MAX))
            return Heard(sign=ended, tail=inert_lines(tail))
        case _:
            return Heard(sign=_login_step(message))


def _login_step(message: wire.Message) -> login.Event:
    match message:
        case wire.CliStarted():
            return login.CliStarted()
        case wire.PageOpened(url_host):
            return login.PageOpened(inert(url_host))
        case wire.UserCodeShown(user_code):
            return login.UserCodeShown(inert(user_code, 32))
        case wire.AccountVerified(account):
            name = inert(account, NAME_MAX)
            if not name:
                text = "The tool is signed in, but does not say as whom."
                return login.GuestLoginFailed("login-account-unknown", text)
            return login.AccountVerified(name)
        case wire.CredentialSealed(bundle_b64):
            _check_sealed(bundle_b64)
            return login.CredentialSealed(bundle_b64)
        case wire.LoginRejected(revoked, detail):
            return login.GuestRejected(revoked, inert(detail, LINE_MAX))
        case _:
            raise WireError(f"a guest does not say {type(message).__name__}")


def _check_sealed(bundle_b64: str) -> None:
    """No credential in plain text is ever stored, whatever a guest sends."""
    try:
        start = base64.b64decode(bundle_b64, validate=True)
    except (binascii.Error, ValueError):
        raise WireError("a bundle that is not base64") from None
    if not start.startswith(AGE_HEADER):
        raise WireError("a bundle that is not an age file")


def _code(text: str, otherwise: str) -> str:
    return text if _CODE.fullmatch(text) else otherwise


def from_gateway(message: wire.Message) -> Heard:
    """Give what a message of the gateway's means; nothing, for what does not concern a session."""
    match message:
        case wire.ConnectionAnswer(_, connection, sdp):
            return Heard(talk=negotiation.AnswerMade(connection, sdp))
        case wire.ConnectionRejected(_, connection, code, detail):
            return Heard(talk=negotiation.OfferRefused(connection, code, detail))
        case wire.ConnectionState(_, connection, state):
            return Heard(talk=_state(connection, state))
        case wire.FirstFrameSent(_, connection):
            return Heard(talk=negotiation.PictureShown(connection))
        case _:
            return Heard()


def _state(connection: wire.ConnectionId, state: str) -> negotiation.Event | None:
    match state:
        case "connected":
            return negotiation.Connected(connection)
        case "disconnected":
            return negotiation.Disconnected(connection)
        case "failed":
            return negotiation.ConnectionFailed(connection)
        case "closed":
            return negotiation.ConnectionClosed(connection)
        case _:
            return None
