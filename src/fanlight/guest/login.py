"""Signing one tool in, inside the machine: run it, open its page, ask it who it is, seal.

The tool runs unmodified on a terminal of its own. It is signed in when it ended well *and* its
own status command says so and names the account; no page and no printed line counts. Nothing of
what it wrote leaves before `release`, and then only sealed.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import os
import re
import shutil
import unicodedata
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Protocol

from fanlight.errors import LoginFailed, WireError
from fanlight.wire import (
    AccountVerified,
    CliStarted,
    CredentialSealed,
    LoginEnded,
    LoginRejected,
    Message,
    PageOpened,
    StartLogin,
    ToolSpec,
    UserCodeShown,
    bundle,
)

from .opener import NAMES, browser_programs, host_of
from .prompts import Prompts
from .sealing import collect, seal, wipe
from .terminal import Terminal, plain

PAGE_TIMEOUT_S = 90.0
"""From the tool's start to the first page it opens."""
STATUS_TIMEOUT_S = 60.0
SIGN_OUT_TIMEOUT_S = 15.0
MAX_PAGES = 8
MAX_STATUS_BYTES = 262_144

# Variables that make a tool think that it has no browser here, or keep its files elsewhere.
_HINDERING = (
    *("DEBIAN_FRONTEND", "SSH_CONNECTION", "SSH_CLIENT", "SSH_TTY", "CI", "NO_BROWSER"),
    *("XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME"),
)
_DENIED = re.compile(
    r"denied|said no|no authorization code received|cancelled|canceled",
    re.IGNORECASE,
)
_WRONG_STATE = re.compile(
    r"(?:invalid|mismatch\w*|wrong)[^\n]{0,20}\bstate\b|state mismatch", re.I
)

Send = Callable[[Message], Awaitable[None] | None]


class Desktop(Protocol):
    """What the login needs of the desktop."""

    @property
    def env(self) -> Mapping[str, str]:
        """The environment of the desktop's programs: HOME, DISPLAY, proxy and authorities."""

    async def open_url(self, url: str) -> None:
        """Show a web address in the machine's browser. Raises OSError when it cannot."""


class _Failed(LoginFailed):
    """The login ended; `code` says how."""

    def __init__(self, code: str, message: str, tail: str = "") -> None:
        super().__init__(message)
        self.reason, self.tail = code, tail


class LoginAgent:
    """One login. `start` runs until the tool is signed in or not; then `release` or `reject`."""

    def __init__(
        self, send: Send, desktop: Desktop, *, session: str = "", patience: float = 1.0
    ) -> None:
        """`patience`: how many times as long a tool may take as on a host's own processors."""
        self.page_timeout_s = PAGE_TIMEOUT_S * patience
        self._status_timeout_s = STATUS_TIMEOUT_S * patience
        self._send_message, self._desktop, self._session = send, desktop, session
        self._order: StartLogin | None = None
        self._account = ""
        self._over = False
        self._limits: list[asyncio.Timeout] = []
        self._pages = 0
        self._page_error = ""
        self._code_shown = ""

    async def start(self, order: StartLogin) -> None:
        """Sign the tool in; sends `login.verified` or `login.failed` at its end."""
        self._order = order
        try:
            async with asyncio.timeout(order.tool.timeout_s) as limit:
                self._limits.append(limit)
                account = await self._sign_in(order.tool)
        except TimeoutError:
            if not self._over:
                await self._fail("login-timed-out", "Nobody signed in in time.")
        except _Failed as failed:
            if not self._over:
                await self._fail(failed.reason, str(failed), failed.tail)
        else:
            self._account = account
            await self._send(AccountVerified(account))

    async def release(self) -> None:
        """The owner confirmed: seal the credential; sends `login.sealed` or `login.failed`."""
        order = self._order
        if order is None or not self._account or self._over:
            await self._fail("login-not-verified", "There is no verified account to release.")
            return
        self._over = True
        try:
            sealed = await self._sealed(order)
        except (LoginFailed, WireError) as error:
            await self._fail(_seal_code(error), str(error))
            return
        await asyncio.to_thread(wipe, self._home, order.tool.credential)
        await self._send(CredentialSealed(base64.b64encode(sealed).decode()))

    async def reject(self) -> None:
        """The owner said no: sign out, forget; sends `login.rejected`."""
        self._over = True
        self._account = ""
        for limit in self._limits:  # what still runs ends now, and says nothing
            with contextlib.suppress(RuntimeError):
                limit.reschedule(asyncio.get_running_loop().time())
        if self._order is None:
            await self._send(LoginRejected(revoked=False, detail="Nothing was signed in."))
            return
        tool = self._order.tool
        signed_out = await self._sign_out(tool)
        await asyncio.to_thread(wipe, self._home, tool.credential)
        revoked = signed_out and tool.sign_out_revokes
        await self._send(LoginRejected(revoked=revoked, detail=_rejection(signed_out, revoked)))

    # --- signing in ---------------------------------------------------------------------------

    async def _sign_in(self, tool: ToolSpec) -> str:
        path = self._env(tool)["PATH"]
        if await asyncio.to_thread(shutil.which, tool.command[0], path=path) is None:
            raise _Failed("login-tool-missing", f"The tool {tool.name} is not in this machine.")
        async with browser_programs(self._open) as directory:
            env = self._env(tool, browsers=str(directory))
            status, shown = await self._run(tool, env)
        if status != 0:
            raise _ended_badly(status, shown)
        return await self._ask_account(tool, shown)

    async def _run(self, tool: ToolSpec, env: Mapping[str, str]) -> tuple[int, str]:
        terminal = Terminal(tool.command, env=env, cwd=self._home)
        try:
            async with asyncio.timeout(self.page_timeout_s) as limit, terminal:
                self._limits.append(limit)
                async with asyncio.TaskGroup() as tasks:
                    await self._send(CliStarted())
                    tasks.create_task(self._attend(tool, terminal))
                    status = await terminal.wait()
        except TimeoutError:
            if not limit.expired():
                raise
            if self._page_error:
                raise _Failed("login-browser-failed", self._page_error) from None
            text = "The tool opened no sign-in page."
            raise _Failed("login-page-not-opened", text, redact(terminal.text)) from None
        return status, terminal.text

    async def _attend(self, tool: ToolSpec, terminal: Terminal) -> None:
        """Answer the tool's prompts and pass its user code on."""
        prompts = Prompts(tool.answers)
        while await prompts.news(terminal):
            found = re.search(tool.user_code_pattern or r"(?!)", terminal.text)
            if found:
                await self._show_code(found["code"])

    async def _show_code(self, code: str) -> None:
        if code != self._code_shown:
            self._code_shown = code
            await self._send(UserCodeShown(code))

    async def _open(self, url: str) -> None:
        host = host_of(url)
        self._pages += 1
        if host is None or self._pages > MAX_PAGES or self._over:
            raise OSError("not opened")
        try:
            await self._desktop.open_url(url)
        except OSError as error:
            # The address stays out of the text: it may carry what must not be told.
            self._page_error = f"The machine's browser took no page ({type(error).__name__})."
            self._limits[-1].reschedule(asyncio.get_running_loop().time())
            raise
        self._limits[-1].reschedule(None)
        await self._send(PageOpened(host))

    async def _ask_account(self, tool: ToolSpec, shown: str) -> str:
        status, output = await self._run_quietly(tool, tool.status_command, self._status_timeout_s)
        if status is None or (status != 0 and tool.status_fails_signed_out):
            text = "The tool ended well, but says that it is not signed in."
            raise _Failed("login-not-signed-in", text, redact(shown + output))
        found = re.search(tool.account_pattern, output)
        account = sanitize_account(found["account"]) if found else ""
        if not account:
            text = "The tool is signed in, but does not say as whom."
            raise _Failed("login-account-unknown", text)
        return account

    # --- afterwards ---------------------------------------------------------------------------

    async def _sealed(self, order: StartLogin) -> bytes:
        files = await asyncio.to_thread(collect, self._home, order.tool.credential)
        text = bundle.encode(
            bundle.Bundle(
                session=order.session or self._session,
                tool=order.tool.name,
                account=self._account,
                nonce=order.nonce,
                created_at=datetime.now(UTC).isoformat(timespec="seconds"),
                files=files,
            )
        )
        return await seal(text, order.recipient)

    async def _sign_out(self, tool: ToolSpec) -> bool:
        if not tool.sign_out_command:
            return False
        status, _ = await self._run_quietly(tool, tool.sign_out_command, SIGN_OUT_TIMEOUT_S)
        return status == 0

    async def _run_quietly(
        self, tool: ToolSpec, command: Sequence[str], timeout_s: float
    ) -> tuple[int | None, str]:
        """Run one of the tool's commands without a terminal; status None: it did not end."""
        try:
            child = await asyncio.create_subprocess_exec(
                *command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
                env=self._env(tool),
                cwd=self._home,
                start_new_session=True,
            )
        except OSError:
            return None, ""
        output = b""
        try:
            async with asyncio.timeout(timeout_s):
                output, _ = await child.communicate()
        except TimeoutError:
            pass
        finally:
            if child.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(child.pid, 9)
                await child.wait()
                return_status = None
            else:
                return_status = child.returncode
        return return_status, plain(output[:MAX_STATUS_BYTES].decode(errors="replace"))

    @property
    def _home(self) -> str:
        return self._desktop.env["HOME"]

    def _env(self, tool: ToolSpec, *, browsers: str = "") -> dict[str, str]:
        """The environment of the tool: the desktop's, without what would mislead it."""
        env = {key: value for key, value in self._desktop.env.items() if key not in _HINDERING}
        path = [browsers, *tool.path, env.get("PATH", "/usr/bin:/bin")]
        env |= {"TERM": "xterm-256color", "PATH": ":".join(part for part in path if part)}
        if browsers:
            env["BROWSER"] = f"{browsers}/{NAMES[0]}"
        return env | dict(tool.env)

    async def _fail(self, code: str, detail: str, tail: str = "") -> None:
        self._over = True
        await self._send(LoginEnded(code, detail, tail))

    async def _send(self, message: Message) -> None:
        sent = self._send_message(message)
        if sent is not None:
            await sent


def redact(shown: str) -> str:
    """Give the last lines of what was shown without addresses' ends, codes and tokens."""
    text = re.sub(r"(https?://)(?:[^\s/@]*@)?([^\s/?#\"']*)[^\s\"']*", r"\1\2/...", shown)
    text = re.sub(r"\b[A-Z0-9]{4,5}-[A-Z0-9]{4,5}\b", "...", text)
    text = re.sub(r"[A-Za-z0-9_~+=.%-]{20,}", "...", text)
    lines = [line.rstrip()[:200] for line in text.splitlines() if line.strip()]
    return "\n".join(lines[-12:])


def sanitize_account(name: str) -> str:
    """Give a name that is inert where it is shown: printable, no marks of direction, 128 long."""
    kept = [
        c for c in unicodedata.normalize("NFC", name) if unicodedata.category(c)[0] not in "CZ"
    ]
    return "".join(kept)[:128]


def _ended_badly(status: int, shown: str) -> _Failed:
    tail = redact(shown)
    if _WRONG_STATE.search(shown):
        text = "Something answered the tool in place of the sign-in page (wrong state)."
        return _Failed("login-state-mismatch", text, tail)
    if _DENIED.search(shown):
        return _Failed("login-denied", "The sign-in was declined on the provider's page.", tail)
    return _Failed("login-cli-failed", f"The tool ended with status {status}.", tail)


def _seal_code(error: LoginFailed | WireError) -> str:
    code = type(error).code
    return code if code == "login-credential-refused" else "login-not-sealed"


def _rejection(signed_out: bool, revoked: bool) -> str:
    if revoked:
        return "The tool signed out, at the provider as well."
    if signed_out:
        return "The tool forgot the credential here; revoke it at the provider as well."
    return "The tool could not sign out; revoke the credential at the provider."
