"""`fanlight connect`: sign a tool in on a computer without a browser.

The key that the credential is sealed to is made here, in memory, for this one login. A person
opens the link anywhere, sees that the code is the same, signs in and confirms; the files appear
here.
"""

from __future__ import annotations

import asyncio
import base64
import json
import socket
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

import httpx
import pyrage

from fanlight.errors import Expired, FanlightError, UnknownTool
from fanlight.tools import Tool, read_tools
from fanlight.wire import bundle

from .api import FanlightClient, LoginNotDelivered, ProblemReceived, ServerUnreachable, inert
from .place import Expected, open_bundle, put_in_place

DEFAULT_SERVER = "http://localhost:8088"
RECONNECT_S = (0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 30.0)
"""Pauses before the event stream is opened again; then the server counts as gone."""
END_TIMEOUT_S = 5.0

STEPS = {
    "cli_started": "{title} runs.",
    "page_open": "Its sign-in page is open at {host}.",
    "waiting_for_you": "Waiting for you to sign in.",
    "verified": "Signed in as {account}. Confirm it on the page.",
    "confirmed": "Confirmed.",
    "sealed": "Sealed to the key made here.",
}


@dataclass(frozen=True, slots=True)
class Connected:
    """What a connect came to."""

    account: str
    bundle: bundle.Bundle
    kept: tuple[Path, ...]


class _Session:
    """One session as `connect` follows it."""

    def __init__(self, client: FanlightClient, tool: Tool, out: TextIO, pause: Pause) -> None:
        self.client, self.tool, self.out, self.pause = client, tool, out, pause
        self.identity = pyrage.x25519.Identity.generate()
        self.recipient = str(self.identity.to_public())
        self.id = ""
        self.account = ""
        self._said: set[str] = set()

    def say(self, text: str) -> None:
        """Print a line, once."""
        if text and text not in self._said:
            self._said.add(text)
            print(text, file=self.out, flush=True)

    async def start_with_key(self) -> None:
        """Start the session with an API key."""
        data = await self.client.start(
            self.tool.name, recipient=self.recipient, label=socket.gethostname()
        )
        self.id = str(data.get("sessionId", ""))
        code = (data.get("login") or {}).get("matchingCode")
        self._ask_to_open(self.client.server + inert(data.get("page", "")), inert(code))

    async def start_by_approval(self) -> None:
        """Have a person approve the login at a browser (RFC 8628).

        Raises:
            LoginNotDelivered: the person said no.
            Expired: nobody came.
        """
        name = socket.gethostname()
        data = await self.client.device(self.tool.name, recipient=self.recipient, client_name=name)
        self._ask_to_open(inert(data["verificationUriComplete"]), inert(data["userCode"]))
        given = data.get("interval")
        interval_s = max(1.0, float(given if isinstance(given, int) else 5))
        while True:
            await self.pause(interval_s)
            try:
                token = await self.client.device_token(data["deviceCode"])
            except ProblemReceived as problem:
                interval_s += _patience(problem)
                continue
            self.client.use_token(token["token"])
            self.id = str(token["session"])
            return

    def _ask_to_open(self, link: str, code: str) -> None:
        self.say(
            f"Open this, and check that the code is the same:\n\n    {link}\n    code: {code}\n"
        )
        self.say("If it shows another code, close it: somebody else asks for your account.")

    async def follow(self) -> None:
        """Tell what happens until the credential is sealed.

        Raises:
            LoginNotDelivered: the session ended without one.
            ServerUnreachable: the stream broke and did not come back.
        """
        last_id, pauses = "", iter(RECONNECT_S)
        while True:
            try:
                async for event in self.client.events(self.id, after=last_id):
                    pauses = iter(RECONNECT_S)
                    last_id = event.id or last_id
                    if event.kind == "session" and self._take(event.data):
                        return
                    if event.kind == "end":
                        raise LoginNotDelivered("The session ended.")
            except ServerUnreachable:
                pass
            if (pause_s := next(pauses, None)) is None:
                raise ServerUnreachable(f"{self.client.server} stopped answering")
            await self.pause(pause_s)

    def _take(self, data: Any) -> bool:
        """Tell what is new in a session; true when the credential can be fetched."""
        for stage in data.get("stages") or ():
            if stage.get("done"):
                self.say(f"  {inert(stage.get('text', ''))}")
        login = data.get("login") or {}
        self.account = str(login.get("account") or "")
        state = str(login.get("state"))
        host, account = inert(login.get("urlHost") or ""), inert(self.account)
        self.say(STEPS.get(state, "").format(title=self.tool.title, host=host, account=account))
        if state == "sealed":
            return True
        if data.get("status") in ("ending", "ended") or state in ("rejected", "failed"):
            reason = data.get("reason") or {}
            if reason or data.get("status") == "ended":
                said = [each for each in (reason.get("title"), reason.get("detail")) if each]
                text = inert(". ".join(map(str, said)) or "The session ended.")
                raise LoginNotDelivered(text, hint=inert(reason.get("hint") or "Connect again."))
        return False

    async def end(self) -> None:
        """End the session on the server, as well as it can be done now."""
        try:
            async with asyncio.timeout(END_TIMEOUT_S):
                if self.id:
                    await self.client.end(self.id)
        except (TimeoutError, FanlightError):
            self.say("The session could not be ended; it ends by itself in a while.")


Pause = Callable[[float], Awaitable[object]]


async def connect(
    tool: str,
    *,
    server: str = DEFAULT_SERVER,
    api_key: str = "",
    home: Path | None = None,
    out: TextIO,
    transport: httpx.AsyncBaseTransport | None = None,
    pause: Pause = asyncio.sleep,
) -> Connected:
    """Sign `tool` in at `server` and put its credential under `home` (None: only give it).

    Cancelled or failed, it ends the session on the server.

    Raises:
        UnknownTool, SettingRejected: before anything was asked of the server.
        ServerUnreachable, ProblemReceived, LoginNotDelivered, Expired, BundleRefused, OSError.
    """
    described = read_tools().get(tool)
    if described is None:
        raise UnknownTool(f"there is no tool called {inert(tool)}")
    async with FanlightClient(server, api_key, transport=transport) as client:
        session = _Session(client, described, out, pause)
        try:
            await (session.start_with_key() if api_key else session.start_by_approval())
            await session.follow()
            sealed = await client.credential(session.id)
            expected = Expected(session.id, session.account)
            opened = open_bundle(sealed, session.identity, described, expected)
            kept = await asyncio.to_thread(put_in_place, opened, described, home) if home else []
        except BaseException:
            await session.end()
            raise
        await _acknowledge(session)
    return Connected(opened.account, opened, tuple(kept))


def run(
    tool: str,
    server: str = DEFAULT_SERVER,
    *,
    api_key: str = "",
    home: Path | None = None,
    out: TextIO = sys.stdout,
    print_bundle: bool = False,
) -> int:
    """Run `fanlight connect` and give its exit status: 0, 1 failed, 130 stopped by Ctrl-C.

    With `print_bundle` the files go to `out` as JSON instead of into `home`; progress then goes to
    standard error.
    """
    progress = sys.stderr if print_bundle else out
    place = None if print_bundle else (home or Path.home())
    try:
        done = asyncio.run(connect(tool, server=server, api_key=api_key, home=place, out=progress))
    except KeyboardInterrupt:
        _print("\nStopped. The session was ended.", progress)
        return 130
    except (FanlightError, OSError) as error:
        _print(f"{inert(error)}\n{inert(getattr(error, 'hint', ''))}".rstrip(), progress)
        return 1
    if print_bundle:
        files = {file.path: as_json(file.content) for file in done.bundle.files}
        _print(json.dumps({"account": done.account, "files": files}, indent=2), out)
        return 0
    for kept in done.kept:
        _print(f"The file that was there is kept as {kept}", progress)
    described = read_tools()[tool]
    _print(f"{described.title} is signed in as {inert(done.account)}.", progress)
    _print(f"Next: {described.next_command}", progress)
    return 0


async def _acknowledge(session: _Session) -> None:
    # The credential is here; a server that does not hear of it forgets it by itself.
    try:
        await session.client.acknowledge(session.id)
    except (ServerUnreachable, ProblemReceived):
        session.say("The server did not take the acknowledgement; it forgets the credential soon.")


def _patience(problem: ProblemReceived) -> float:
    """Give how many seconds more to wait between polls (RFC 8628 section 3.5)."""
    match problem.problem:
        case "authorization-pending":
            return 0.0
        case "slow-down":
            return 5.0
        case "access-denied":
            raise LoginNotDelivered("The request was declined.") from None
        case "expired":
            raise Expired("Nobody approved the request in time.", hint="Connect again.") from None
        case _:
            raise problem


def as_json(content: bytes) -> str | dict[str, str]:
    """Give a file as JSON can hold it: its text, or `{"base64": ...}` where it is none."""
    try:
        return content.decode()
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(content).decode()}


def _print(text: str, out: TextIO) -> None:
    print(text, file=out, flush=True)
