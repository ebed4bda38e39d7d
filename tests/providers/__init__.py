"""Local providers that tools really sign in at, and how a person signs in there by keyboard.

`start_idp` is a real identity provider (oidc-provider) under Cloudflare's names, for wrangler;
`start_double` a double of GitHub's, Anthropic's and OpenAI's sign-in. Both listen on loopback
only; a machine reaches them by the pins of its egress policy, with `ca_pem` as an authority.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import trustme

HERE = Path(__file__).parent
NODE = HERE.parents[1] / ".tools" / "bin" / "node"
NPM = HERE.parents[1] / ".tools" / "bin" / "npm"

IDP_NAMES = ("dash.cloudflare.com", "api.cloudflare.com", "welcome.developers.workers.dev")
DOUBLE_NAMES = (
    *("github.com", "api.github.com", "auth.openai.com", "chatgpt.com", "api.openai.com"),
    *("claude.com", "claude.ai", "platform.claude.com", "api.anthropic.com"),
)
FIRST_REQUEST = {
    "claude_code": "claude.com GET /cai/oauth/authorize",
    "codex": "auth.openai.com GET /oauth/authorize",
    "gh": "github.com GET /login/device",
}
"""What a browser asks of the double first."""


@dataclass(frozen=True, slots=True)
class Page:
    """A page that a person meets, and what is typed there. `<Tab>` and the like are keys.

    `selector` is there when the page is ready (Playwright). For whoever sees only pixels: `asked`
    is the request that got the page (see `Provider.wait_for`; oidc-provider's two pages come with
    the first and the second of the same). Give the browser a moment to draw it.
    """

    selector: str
    keys: tuple[str, ...]
    asked: str
    deny: str = ""
    """The selector of what declines, on the page that has it."""


@dataclass
class Provider:
    """A provider that runs. `pins`: what an egress policy needs to lead its names here."""

    port: int
    pins: dict[str, str]
    ca_pem: str
    account: str
    password: str
    pages: tuple[Page, ...]
    requests: list[str] = field(default_factory=list)
    """Every request so far as `host METHOD /path...`, newest last."""
    issued: list[str] = field(default_factory=list)
    """Every authorization code and token that it gave out: to be found nowhere on a host."""
    _news: threading.Condition = field(default_factory=threading.Condition)

    def wait_for(self, request: str, *, count: int = 1, timeout_s: float = 30.0) -> None:
        """Wait until requests that begin like this came `count` times in all (it blocks)."""

        def came() -> bool:
            return sum(line.startswith(request) for line in self.requests) >= count

        with self._news:
            if not self._news.wait_for(came, timeout_s):
                raise TimeoutError(f"no {request!r} among {self.requests[-20:]}")

    def count(self, request: str) -> int:
        """Say how many requests that begin like this came so far."""
        with self._news:
            return sum(line.startswith(request) for line in self.requests)

    def note(self, line: str) -> None:
        """Take a line of the provider's log."""
        secret = line.removeprefix("issued ")
        with self._news:
            (self.requests if secret == line else self.issued).append(secret)
            self._news.notify_all()


def device_pages(provider: Provider, user_code: str) -> tuple[Page, ...]:
    """The pages of gh's device flow: login, then the code that the tool showed, then consent."""
    return (
        provider.pages[0],
        Page(
            "input[name=user_code]:visible",
            (user_code, "<Enter>"),
            "github.com POST /double/login",
        ),
        Page(
            "button[value=allow]",
            ("<Enter>",),
            "github.com POST /double/device",
            deny="button[value=deny]",
        ),
    )


def start_idp(
    directory: Path, ca: trustme.CA, *, refuse: Sequence[str] = ()
) -> contextlib.AbstractContextManager[Provider]:
    """Serve the identity provider while in the block. `refuse`: see idp.mjs."""
    account, password = "alice@example.test", "correct horse 7"
    pages = (
        Page(
            "input[name=login]",
            (account, "<Tab>", password, "<Enter>"),
            "dash.cloudflare.com GET /interaction/",
        ),
        Page(
            "button:has-text('Continue')",
            ("<Enter>",),
            "dash.cloudflare.com GET /interaction/",
            deny="text=[ Cancel ]",
        ),
    )
    settings = {"refuse": list(refuse)}
    return _serve("idp.mjs", IDP_NAMES, directory, ca, settings, account, password, pages)


def start_double(
    directory: Path, ca: trustme.CA, *, tool: str, account: str = "alice-test@example.test"
) -> contextlib.AbstractContextManager[Provider]:
    """Serve the double of a tool's provider while in the block: gh, claude_code or codex.

    For gh, an account is a plain name, and the pages are those of `device_pages`.
    """
    password = "battery staple 8"
    login = Page(
        "input[name=account]", (account, "<Tab>", password, "<Enter>"), FIRST_REQUEST[tool]
    )
    asked = FIRST_REQUEST[tool].split()[0] + " POST /double/login"
    consent = Page("button[value=allow]", ("<Enter>",), asked, deny="button[value=deny]")
    settings = {"account": account, "password": password}
    return _serve(
        "double.mjs", DOUBLE_NAMES, directory, ca, settings, account, password, (login, consent)
    )


@contextlib.contextmanager
def _serve(
    script: str,
    names: Sequence[str],
    directory: Path,
    ca: trustme.CA,
    settings: Mapping[str, object],
    account: str,
    password: str,
    pages: tuple[Page, ...],
) -> Iterator[Provider]:
    _install()
    certificate = ca.issue_cert(*names)
    cert, key = directory / f"{script}.cert.pem", directory / f"{script}.key.pem"
    cert.write_bytes(b"".join(part.bytes() for part in certificate.cert_chain_pems))
    key.write_bytes(certificate.private_key_pem.bytes())
    argument = json.dumps({"cert": str(cert), "key": str(key), **settings})
    with subprocess.Popen(
        [NODE, HERE / script, argument],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as server:
        try:
            assert server.stdout
            assert server.stderr
            port = json.loads(server.stdout.readline())["port"]
            pins = {f"{name}:443": f"127.0.0.1:{port}" for name in names}
            ca_pem = ca.cert_pem.bytes().decode()
            provider = Provider(port, pins, ca_pem, account, password, pages)
            reader = threading.Thread(target=_follow, args=(server.stderr, provider))
            reader.start()
            yield provider
        finally:
            server.terminate()
    reader.join()


def _follow(lines: Iterator[str], provider: Provider) -> None:
    for line in lines:
        provider.note(line.rstrip())


def _install() -> None:
    """Fetch the provider's packages, locked, when they are missing."""
    done = HERE / "node_modules" / ".package-lock.json"
    lock = HERE / "package-lock.json"
    if not done.exists() or done.stat().st_mtime < lock.stat().st_mtime:
        subprocess.run(
            [NPM, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--silent"],
            cwd=HERE,
            check=True,
        )
