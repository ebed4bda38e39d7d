"""`fanlight connect` against a server that speaks the API from memory."""

from __future__ import annotations

import asyncio
import base64
import io
import json
import stat
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pyrage
import pytest

from fanlight.client import (
    BundleRefused,
    Connected,
    FanlightClient,
    LoginNotDelivered,
    ServerUnreachable,
    connect,
)
from fanlight.client.api import inert
from fanlight.client.connect import as_json
from fanlight.errors import Expired, SettingRejected, UnknownTool
from fanlight.wire import bundle

SERVER = "http://localhost:8088"
TOML = b'oauth_token = "a-token"\nrefresh_token = "another"\n'
PATH = ".config/.wrangler/config/default.toml"


def wrangler_bundle(**changes: Any) -> bundle.Bundle:
    values: dict[str, Any] = {
        "session": "s1",
        "tool": "wrangler",
        "account": "alice@example.test",
        "nonce": "n1",
        "created_at": "2026-01-01T00:00:00+00:00",
        "files": (bundle.BundledFile(PATH, TOML),),
    }
    return bundle.Bundle(**(values | changes))


@dataclass
class Server:
    """What the real one does, in order, for one session."""

    sent: bundle.Bundle = field(default_factory=wrangler_bundle)
    polls: list[str] = field(default_factory=list)
    """Problem codes to answer before the token."""
    events: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    recipient: str = ""
    seal_to: str = ""
    breaks: int = 0
    """How often the event stream breaks before it tells anything."""

    def __post_init__(self) -> None:
        if not self.events:
            self.events = [
                ("session", shown("requested", stages=[{"text": "Agent\x1b[31m", "done": True}])),
                ("session", shown("page_open", urlHost="dash.cloudflare.com")),
                ("session", shown("verified", account="alice@example.test")),
                ("session", shown("sealed", account="alice@example.test")),
            ]

    def transport(self) -> httpx.MockTransport:
        return httpx.MockTransport(self.answer)

    def answer(self, request: httpx.Request) -> httpx.Response:
        asked = f"{request.method} {request.url.path}"
        self.asked.append(asked)
        body = json.loads(request.content or b"{}")
        match asked:
            case "POST /api/device":
                self.recipient = body["recipient"]
                return httpx.Response(200, json=DEVICE)
            case "POST /api/auth/start":
                self.recipient = body["recipient"]
                login = {"matchingCode": "WXYZ-2345"}
                return httpx.Response(202, json={"sessionId": "s1", "login": login, "page": "/d"})
            case "POST /api/device/token" if self.polls:
                return problem(400, self.polls.pop(0))
            case "POST /api/device/token":
                return httpx.Response(200, json={"token": "fls_1", "session": "s1"})
            case "GET /api/auth/session/s1/events" if self.breaks:
                self.breaks -= 1
                raise httpx.ReadError("the line broke")
            case "GET /api/auth/session/s1/events":
                return httpx.Response(200, content=stream(self.events))
            case "POST /api/auth/session/s1/credential":
                text = bundle.encode(self.sent)
                to = pyrage.x25519.Recipient.from_str(self.seal_to or self.recipient)
                sealed = base64.b64encode(pyrage.encrypt(text, [to])).decode()
                return httpx.Response(200, json={"bundle": sealed, "tool": "wrangler"})
            case "POST /api/auth/session/s1/credential/ack" | "DELETE /api/auth/session/s1":
                return httpx.Response(204)
            case _:
                return problem(404, "not-found")


DEVICE = {
    "deviceCode": "secret-device-code",
    "userCode": "ABCD-EFGH",
    "verificationUri": f"{SERVER}/device",
    "verificationUriComplete": f"{SERVER}/device?code=ABCD-EFGH",
    "expiresIn": 600,
    "interval": 5,
}


def shown(
    state: str, *, stages: list[dict[str, Any]] | None = None, **more: str
) -> dict[str, Any]:
    login = {"state": state, **more}
    return {"sessionId": "s1", "status": "vm_created", "stages": stages or [], "login": login}


def stream(events: list[tuple[str, dict[str, Any]]]) -> bytes:
    parts = [
        f"event: {kind}\nid: {n}\ndata: {json.dumps(data)}\n\n"
        for n, (kind, data) in enumerate(events, 1)
    ]
    return (": hello\n\n" + "".join(parts)).encode()


def problem(status: int, code: str) -> httpx.Response:
    return httpx.Response(status, json={"code": code, "title": code, "detail": f"It is {code}."})


def nothing_in(directory: Path) -> bool:
    return not list(directory.iterdir())


class Pauses(list[float]):
    """Pauses that take no time."""

    async def __call__(self, seconds: float) -> None:
        self.append(seconds)


async def connect_to(
    server: Server,
    home: Path,
    *,
    out: io.StringIO | None = None,
    api_key: str = "",
    pauses: Pauses | None = None,
) -> Connected:
    return await connect(
        "wrangler",
        server=SERVER,
        api_key=api_key,
        home=home,
        out=out or io.StringIO(),
        transport=server.transport(),
        pause=Pauses() if pauses is None else pauses,
    )


async def test_the_credential_is_put_in_place_for_its_owner_alone(tmp_path: Path) -> None:
    server, out = Server(), io.StringIO()

    done = await connect_to(server, tmp_path, out=out)

    place = tmp_path / PATH
    assert place.read_bytes() == TOML
    assert stat.S_IMODE(place.stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / ".config").stat().st_mode) == 0o700
    assert done.account == "alice@example.test"
    assert server.asked[-1] == "POST /api/auth/session/s1/credential/ack"
    assert [p.name for p in place.parent.iterdir()] == ["default.toml"]


async def test_link_code_and_progress_are_told_and_nothing_else(tmp_path: Path) -> None:
    out = io.StringIO()

    await connect_to(Server(), tmp_path, out=out)

    told = out.getvalue()
    assert f"{SERVER}/device?code=ABCD-EFGH" in told
    assert "Signed in as alice@example.test" in told
    assert "\x1b" not in told
    assert not [
        secret for secret in ("a-token", "secret-device-code", "AGE-", "fls_1") if secret in told
    ]


async def test_an_api_key_starts_the_session_itself(tmp_path: Path) -> None:
    server, out = Server(), io.StringIO()

    await connect_to(server, tmp_path, out=out, api_key="fl_key")

    assert server.asked[0] == "POST /api/auth/start"
    assert "WXYZ-2345" in out.getvalue()


async def test_polling_waits_as_long_as_it_is_told(tmp_path: Path) -> None:
    server, pauses = Server(polls=["authorization-pending", "slow-down"]), Pauses()

    await connect_to(server, tmp_path, pauses=pauses)

    assert pauses == [5.0, 5.0, 10.0]


@pytest.mark.parametrize(
    ("code", "error"), [("access-denied", LoginNotDelivered), ("expired", Expired)]
)
async def test_a_request_that_is_not_approved_ends_with_its_reason(
    tmp_path: Path, code: str, error: type[Exception]
) -> None:
    with pytest.raises(error):
        await connect_to(Server(polls=[code]), tmp_path)


async def test_a_broken_event_stream_is_opened_again(tmp_path: Path) -> None:
    server = Server(breaks=3)

    await connect_to(server, tmp_path)

    assert server.asked.count("GET /api/auth/session/s1/events") == 4


async def test_a_server_that_stays_away_is_named_and_the_session_ended(tmp_path: Path) -> None:
    server = Server(breaks=99)

    with pytest.raises(ServerUnreachable):
        await connect_to(server, tmp_path)

    assert server.asked[-1] == "DELETE /api/auth/session/s1"


async def test_a_machine_that_fails_is_told_with_its_reason(tmp_path: Path) -> None:
    reason = {
        "code": "machine-died",
        "title": "t",
        "detail": "The machine\x1b]0;x\x07 died.",
        "hint": "h",
    }
    ended = {"sessionId": "s1", "status": "ended", "login": None, "reason": reason}

    with pytest.raises(LoginNotDelivered, match=r"The machine.*died") as caught:
        await connect_to(Server(events=[("session", ended), ("end", {})]), tmp_path)

    assert "\x1b" not in str(caught.value)
    assert nothing_in(tmp_path)


async def test_a_server_that_is_down_is_a_sentence(tmp_path: Path) -> None:
    def refuse(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("Connection refused")

    with pytest.raises(ServerUnreachable, match="Connection refused"):
        await connect(
            "wrangler",
            server=SERVER,
            home=tmp_path,
            out=io.StringIO(),
            transport=httpx.MockTransport(refuse),
        )


@pytest.mark.parametrize("answer", [{}, {"userCode": 5}, [], "x", None])
async def test_a_server_that_is_not_fanlight_is_a_sentence(tmp_path: Path, answer: object) -> None:
    with pytest.raises(ServerUnreachable, match="does not answer as Fanlight does"):
        await connect(
            "wrangler",
            server=SERVER,
            home=tmp_path,
            out=io.StringIO(),
            transport=httpx.MockTransport(lambda _: httpx.Response(200, json=answer)),
        )


def test_a_text_of_several_lines_is_told_on_one_with_its_words_apart() -> None:
    assert inert("Its last words:\n? (Y/n)\r\nBad\x1b[1m \u202egateway") == (
        "Its last words: ? (Y/n) Bad[1m gateway"
    )


def test_a_file_that_is_no_text_is_printed_as_base64() -> None:
    assert as_json(b'a = "b"') == 'a = "b"'
    assert as_json(b"SQLite\xff\x00") == {"base64": "U1FMaXRl/wA="}


async def test_stopping_it_ends_the_session_on_the_server(tmp_path: Path) -> None:
    server, following = Server(breaks=1), asyncio.Event()

    async def never(seconds: float) -> None:
        if server.breaks == 0 and "GET /api/auth/session/s1/events" in server.asked:
            following.set()
            await asyncio.Event().wait()

    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(
            connect("wrangler", server=SERVER, home=tmp_path, out=io.StringIO(),
                    transport=server.transport(), pause=never)
        )  # fmt: skip
        await following.wait()
        task.cancel()

    assert server.asked[-1] == "DELETE /api/auth/session/s1"
    assert nothing_in(tmp_path)


async def test_an_older_credential_is_kept_beside_the_new_one(tmp_path: Path) -> None:
    place = tmp_path / PATH
    place.parent.mkdir(parents=True)
    for old in (b"first", b"second"):
        place.write_bytes(old)
        await connect_to(Server(), tmp_path)

    assert place.read_bytes() == TOML
    assert (place.parent / "default.toml.before-fanlight").read_bytes() == b"first"
    assert (place.parent / "default.toml.before-fanlight-2").read_bytes() == b"second"


HOSTILE = {
    "another session": wrangler_bundle(session="s2"),
    "another tool": wrangler_bundle(tool="codex"),
    "another account": wrangler_bundle(account="mallory@example.test"),
    "no nonce": wrangler_bundle(nonce=""),
    "another file": wrangler_bundle(files=(bundle.BundledFile(".bashrc", b"evil"),)),
    "one file more": wrangler_bundle(
        files=(bundle.BundledFile(PATH, TOML), bundle.BundledFile(".ssh/authorized_keys", b"k"))
    ),
    "fields that are no credential": wrangler_bundle(
        files=(bundle.BundledFile(PATH, TOML + b'send_to = "x"\n'),)
    ),
    "a file too large": wrangler_bundle(
        files=(bundle.BundledFile(PATH, b'oauth_token = "' + b"x" * 300_000 + b'"\n'),)
    ),
    "no TOML": wrangler_bundle(files=(bundle.BundledFile(PATH, b"\xff\x00"),)),
}


@pytest.mark.parametrize("name", HOSTILE)
async def test_a_hostile_bundle_writes_nothing_and_is_not_acknowledged(
    tmp_path: Path, name: str
) -> None:
    server = Server(sent=HOSTILE[name])

    with pytest.raises(BundleRefused):
        await connect_to(server, tmp_path)

    assert nothing_in(tmp_path)
    assert server.asked[-1] == "DELETE /api/auth/session/s1"


async def test_a_bundle_for_another_key_is_refused(tmp_path: Path) -> None:
    other = str(pyrage.x25519.Identity.generate().to_public())

    with pytest.raises(BundleRefused, match="not sealed to the key"):
        await connect_to(Server(seal_to=other), tmp_path)


@pytest.mark.parametrize(
    "server",
    [
        "http://desk.example.org",
        "http://10.0.0.1:8088",
        "ftp://localhost",
        "localhost",
        "https://a@b",
        "http://[::1",
    ],
)
def test_a_server_that_cannot_be_trusted_with_a_key_is_refused(server: str) -> None:
    with pytest.raises(SettingRejected):
        FanlightClient(server)


async def test_an_unknown_tool_is_refused_before_anything_is_asked(tmp_path: Path) -> None:
    with pytest.raises(UnknownTool):
        await connect("nonesuch", server=SERVER, home=tmp_path, out=io.StringIO())
