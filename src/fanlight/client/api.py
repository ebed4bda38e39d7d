"""The HTTP API as Python: one method for each route that a program uses, problems as exceptions.

What a server says is not trusted: bodies are bounded, and texts are made inert before anybody
prints them.
"""

from __future__ import annotations

import base64
import binascii
import ipaddress
import json
import unicodedata
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any, Self
from urllib.parse import quote, urlsplit

import httpx

from fanlight.errors import CallerError, HostError, LoginFailed, PeerError, SettingRejected

TIMEOUT_S = 30.0
EVENTS_SILENT_S = 60.0
"""The server sends a comment every 15 s; after so long without one the stream is dead."""
MAX_BODY_BYTES = 2 << 20


class ServerUnreachable(HostError):
    """Nobody answers at the server's address, or not as Fanlight does."""

    code = "server-unreachable"
    title = "The Fanlight server does not answer"
    hint = "Check the address (--server), and that `fanlight serve` runs there."


class ProblemReceived(CallerError):
    """The server refused; `problem` is its code (see docs/reference/problems.md)."""

    code = "problem-received"
    title = "The server refused"

    def __init__(self, problem: str, status: int, text: str, hint: str) -> None:
        super().__init__(text, hint=hint)
        self.problem, self.http_status = problem, status


class BundleRefused(PeerError):
    """The credential bundle is not what this catalogue lets through. Nothing was written."""

    code = "bundle-refused"
    title = "The credential bundle was refused"
    hint = "Nothing was written. Tell the operator of the server, and do not use this session."


class LoginNotDelivered(LoginFailed):
    """The session ended before there was a credential."""

    code = "login-not-delivered"
    title = "The session ended without a credential"


@dataclass(frozen=True, slots=True)
class Event:
    """One server-sent event of a session."""

    kind: str
    data: Mapping[str, Any]
    id: str | None


class FanlightClient:
    """A connection to a Fanlight server. `async with` it.

    Args:
        server: its address. http:// is for loopback only, as keys travel in it.
        token: an API key (fl_...) or a session's token (fls_...).

    Every method raises ServerUnreachable and ProblemReceived.
    """

    def __init__(
        self,
        server: str,
        token: str = "",
        *,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self.server = check_server(server)
        is_loopback = _is_loopback(urlsplit(self.server).hostname or "")
        self._http = httpx.AsyncClient(
            base_url=self.server,
            timeout=TIMEOUT_S,
            transport=transport,
            trust_env=not is_loopback,
            follow_redirects=False,
        )
        self.use_token(token)

    async def __aenter__(self) -> Self:
        await self._http.__aenter__()
        return self

    async def __aexit__(self, *_exc: object) -> None:
        await self._http.aclose()

    def use_token(self, token: str) -> None:
        """From now on, ask as the holder of `token`."""
        if token:
            self._http.headers["authorization"] = f"Bearer {token}"

    async def tools(self) -> list[dict[str, Any]]:
        """Give the tools that the server knows."""
        answer = await self._ask_any("GET", "/api/tools")
        if not isinstance(answer, list):
            raise ServerUnreachable(f"{self.server} does not answer as Fanlight does")
        return answer

    async def start(self, tool: str, *, recipient: str, label: str = "") -> dict[str, Any]:
        """Start a session that signs `tool` in; sealed to `recipient` (age1...)."""
        body = {"provider": tool, "recipient": recipient, "label": label}
        return await self._ask("POST", "/api/auth/start", body)

    async def session(self, session: str) -> dict[str, Any]:
        """Give the session as it is now."""
        return await self._ask("GET", _session_path(session))

    async def end(self, session: str) -> None:
        """End the session; its machine is destroyed."""
        await self._ask("DELETE", _session_path(session))

    async def credential(self, session: str) -> bytes:
        """Give the sealed bundle, an age file; it can be fetched until it is acknowledged."""
        answer = await self._ask("POST", _session_path(session, "/credential"))
        try:
            return base64.b64decode(answer["bundle"], validate=True)
        except (KeyError, TypeError, binascii.Error, ValueError):
            raise BundleRefused("the server sent no sealed bundle") from None

    async def acknowledge(self, session: str) -> None:
        """Say that the credential arrived: the server forgets it and ends the session."""
        await self._ask("POST", _session_path(session, "/credential/ack"))

    async def device(self, tool: str, *, recipient: str, client_name: str) -> dict[str, Any]:
        """Ask for a login without an API key (RFC 8628): a person approves it at a browser."""
        body = {"tool": tool, "recipient": recipient, "clientName": client_name}
        answer = await self._ask("POST", "/api/device", body)
        return self._with(answer, "deviceCode", "userCode", "verificationUriComplete")

    async def device_token(self, device_code: str) -> dict[str, Any]:
        """Give `{token, session}` once it is approved; a problem until then."""
        answer = await self._ask("POST", "/api/device/token", {"deviceCode": device_code})
        return self._with(answer, "token", "session")

    async def events(self, session: str, *, after: str = "") -> AsyncIterator[Event]:
        """Yield the session's events, from after the one of id `after`, until the stream ends."""
        headers = {"accept": "text/event-stream"} | ({"last-event-id": after} if after else {})
        timeout = httpx.Timeout(TIMEOUT_S, read=EVENTS_SILENT_S)
        path = _session_path(session, "/events")
        try:
            async with self._http.stream("GET", path, headers=headers, timeout=timeout) as answer:
                if answer.status_code != 200:
                    raise _problem(answer.status_code, await _body(answer))
                async for event in _parse(answer):
                    yield event
        except httpx.HTTPError as error:
            raise ServerUnreachable(f"{self.server}: {_why(error)}") from None

    async def _ask(self, method: str, path: str, body: object = None) -> dict[str, Any]:
        data = await self._ask_any(method, path, body)
        if not isinstance(data, dict):
            raise ServerUnreachable(f"{self.server} does not answer as Fanlight does")
        return data

    def _with(self, answer: dict[str, Any], *names: str) -> dict[str, Any]:
        """Give an answer that has these fields, as texts."""
        if not all(isinstance(answer.get(name), str) for name in names):
            raise ServerUnreachable(f"{self.server} does not answer as Fanlight does")
        return answer

    async def _ask_any(self, method: str, path: str, body: object = None) -> object:
        try:
            async with self._http.stream(method, path, json=body) as answer:
                raw = await _body(answer)
        except httpx.HTTPError as error:
            raise ServerUnreachable(f"{self.server}: {_why(error)}") from None
        if not answer.is_success:
            raise _problem(answer.status_code, raw)
        return _json(raw) if raw else {}


def check_server(server: str) -> str:
    """Give a server's address without its path.

    Raises:
        SettingRejected: it is no address, or plain http:// to another computer.
    """
    try:
        parts = urlsplit(server)
        host = parts.hostname or ""
        _ = parts.port
    except ValueError:
        raise SettingRejected(f"{inert(server)!r} is no address of a server") from None
    if parts.scheme not in ("http", "https") or not host or "@" in parts.netloc:
        raise SettingRejected(f"{inert(server)!r} is no address of a server")
    if parts.scheme == "http" and not _is_loopback(host):
        raise SettingRejected(
            f"{inert(server)} is not encrypted; http:// is for this computer only",
            hint="Use the server's https:// address.",
        )
    return f"{parts.scheme}://{parts.netloc}"


def inert(text: object) -> str:
    """Give a text for one line of a terminal: no control characters, no marks of direction."""
    words = " ".join(str(text).split())
    kept = [c for c in words if c == " " or unicodedata.category(c)[0] not in "CZ"]
    return "".join(kept)[:500]


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _session_path(session: str, rest: str = "") -> str:
    return f"/api/auth/session/{quote(session, safe='')}{rest}"


async def _body(answer: httpx.Response) -> bytes:
    raw = b""
    async for chunk in answer.aiter_bytes():
        raw += chunk
        if len(raw) > MAX_BODY_BYTES:
            raise ServerUnreachable("the server's answer is too large")
    return raw


def _json(raw: bytes) -> Any:
    try:
        return json.loads(raw)
    except (ValueError, RecursionError):
        raise ServerUnreachable("the server does not answer as Fanlight does") from None


def _problem(status: int, raw: bytes) -> ProblemReceived:
    try:
        data = json.loads(raw)
    except (ValueError, RecursionError):
        data = {}
    data = data if isinstance(data, dict) else {}
    text = inert(data.get("detail") or data.get("title") or f"HTTP status {status}")
    return ProblemReceived(inert(data.get("code", "")), status, text, inert(data.get("hint", "")))


async def _parse(answer: httpx.Response) -> AsyncIterator[Event]:
    kind, last_id, lines = "message", None, list[str]()
    async for line in answer.aiter_lines():
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        match name:
            case "event":
                kind = value
            case "id":
                last_id = value
            case "data":
                lines.append(value)
            case "" if not line:
                if lines or kind != "message":
                    data = _json("\n".join(lines).encode() or b"{}")
                    yield Event(kind, data if isinstance(data, dict) else {}, last_id)
                kind, last_id, lines = "message", None, []


def _why(error: httpx.HTTPError) -> str:
    return inert(str(error)) or type(error).__name__
