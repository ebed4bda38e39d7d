"""Who may do what: strangers get 404, keys and session tokens only what is theirs."""

from __future__ import annotations

import httpx
import pytest
from tests.unit.api.desk import OFFER, ORIGIN, RECIPIENT, Desk

from fanlight.controller import LoginView
from fanlight.store import OWNER
from fanlight.wire import SessionId

SDP = {"content-type": "application/sdp"}
VIEWING = [
    ("POST", "/api/webrtc/session/{id}/offer"),
    ("GET", "/api/webrtc/session/{id}/answer"),
    ("POST", "/api/webrtc/session/{id}/candidates"),
    ("GET", "/api/webrtc/session/{id}/candidates"),
    ("POST", "/api/webrtc/session/{id}/whep"),
    ("GET", "/api/webrtc/session/{id}/whep"),
    ("HEAD", "/api/webrtc/session/{id}/whep"),
    ("PATCH", "/api/webrtc/session/{id}/whep/x"),
    ("DELETE", "/api/webrtc/session/{id}/whep/x"),
    ("POST", "/api/auth/session/{id}/confirm"),
    ("POST", "/api/auth/session/{id}/reject"),
]
OWNING = [
    ("GET", "/api/auth/session/{id}"),
    ("GET", "/api/auth/session/{id}/events"),
    ("POST", "/api/auth/session/{id}/credential"),
    ("POST", "/api/auth/session/{id}/credential/ack"),
    ("POST", "/api/auth/session/{id}/extend"),
    ("DELETE", "/api/auth/session/{id}"),
]


async def send(client: httpx.AsyncClient, method: str, path: str) -> httpx.Response:
    """Send a request that would be taken from the right person."""
    if "/whep" in path:
        return await client.request(method, path, content=OFFER, headers=SDP)
    body = {
        "offer": {"type": "offer", "sdp": OFFER},
        "candidates": {"candidate": ""},
        "confirm": {"account": "me"},
    }.get(path.rpartition("/")[2])
    return await client.request(method, path, json=body if method == "POST" else None)


@pytest.mark.parametrize(("method", "path"), VIEWING + OWNING)
async def test_nobody_gets_nothing(desk: Desk, session: str, method: str, path: str) -> None:
    answer = await send(desk.client(), method, path.format(id=session))
    assert answer.status_code == 401
    assert desk.controller.calls == []


@pytest.mark.parametrize(("method", "path"), VIEWING + OWNING)
async def test_strangers_learn_nothing(desk: Desk, session: str, method: str, path: str) -> None:
    stranger = await desk.stranger()
    theirs = await send(stranger, method, path.format(id=session))
    none = await send(stranger, method, path.format(id="no-such-session"))
    assert theirs.status_code == none.status_code == 404
    if method != "HEAD":
        assert theirs.json() == none.json()
        assert theirs.json()["code"] == "session-not-found"
    assert desk.controller.calls == []


@pytest.mark.parametrize(("method", "path"), VIEWING)
async def test_an_api_key_alone_neither_views_nor_confirms(
    desk: Desk, session: str, method: str, path: str
) -> None:
    answer = await send(await desk.program(), method, path.format(id=session))
    assert answer.status_code == 403
    strange = await send(await desk.program(), method, path.format(id="no-such-session"))
    assert strange.status_code == 404


@pytest.mark.parametrize(("method", "path"), VIEWING)
async def test_a_sessions_token_neither_views_nor_confirms(
    desk: Desk, session: str, method: str, path: str
) -> None:
    token = await desk.store.new_session_token(SessionId(session), OWNER, desk.clock())
    client = desk.client(authorization=f"Bearer {token}")
    assert (await send(client, method, path.format(id=session))).status_code == 403


async def test_a_sessions_token_is_good_for_its_session_only(
    desk: Desk, owner: httpx.AsyncClient, session: str
) -> None:
    other = (await owner.post("/api/auth/start", json={})).json()["sessionId"]
    token = await desk.store.new_session_token(SessionId(session), OWNER, desk.clock())
    client = desk.client(authorization=f"Bearer {token}")

    assert (await client.get(f"/api/auth/session/{session}")).status_code == 200
    assert (await client.get("/api/me")).json()["kind"] == "session"
    for method, path in OWNING:
        assert (await send(client, method, path.format(id=other))).status_code == 404
    for method, path in [
        ("POST", "/api/auth/start"),
        ("GET", "/api/auth/sessions"),
        ("GET", "/api/keys"),
        ("GET", "/api/history"),
        ("POST", "/api/tickets"),
    ]:
        body = {"session": session, "use": "vnc"} if path == "/api/tickets" else {}
        answer = await client.request(method, path, json=body if method == "POST" else None)
        assert answer.status_code == 403, path
    assert (await client.delete(f"/api/auth/session/{session}")).status_code == 204


async def test_the_machines_routes_take_that_machines_token_only(
    desk: Desk, owner: httpx.AsyncClient
) -> None:
    mine = (await owner.post("/api/auth/start", json={"answerer": "machine"})).json()
    other = (await owner.post("/api/auth/start", json={"answerer": "machine"})).json()
    base = f"/api/webrtc/session/{mine['sessionId']}"
    answer = {"type": "answer", "sdp": "v=0\r\n"}
    await owner.post(f"{base}/offer", json={"type": "offer", "sdp": OFFER})

    for client, status in (
        (desk.client(), 401),
        (owner, 403),
        (await desk.program(), 403),
        (desk.client(authorization=f"Bearer {other['machineToken']}"), 404),
    ):
        assert (await client.get(f"{base}/offer")).status_code == status
        assert (await client.post(f"{base}/answer", json=answer)).status_code == status

    machine = desk.client(authorization=f"Bearer {mine['machineToken']}")
    assert (await machine.get(f"{base}/offer")).json()["sdp"] == OFFER
    assert (await machine.get("/api/me")).status_code == 403
    assert (await machine.post(f"{base}/answer", json=answer)).status_code == 204
    assert (await machine.post(f"{base}/answer", json=answer)).status_code == 409


async def test_a_machine_does_not_answer_for_the_gateway(desk: Desk, session: str) -> None:
    token = desk.controller.sessions_[SessionId(session)].machine_token
    machine = desk.client(authorization=f"Bearer {token}")
    answer = {"type": "answer", "sdp": "v=0\r\n"}
    sent = await machine.post(f"/api/webrtc/session/{session}/answer", json=answer)
    assert sent.status_code == 403


async def test_the_account_is_confirmed_as_it_was_shown(
    desk: Desk, owner: httpx.AsyncClient
) -> None:
    body = {"provider": "gh", "recipient": RECIPIENT}
    id_ = SessionId((await owner.post("/api/auth/start", json=body)).json()["sessionId"])
    path = f"/api/auth/session/{id_}/confirm"
    assert (await owner.post(path, json={"account": "octocat"})).status_code == 409
    await desk.controller.change(id_, login=LoginView("verified", account="octocat"))
    assert (await owner.post(path, json={"account": "mallory"})).status_code == 403
    assert desk.controller.calls == []
    assert (await owner.post(path, json={"account": "octocat"})).status_code == 204
    assert desk.controller.calls == [("confirm", id_)]


async def test_a_login_needs_a_recipient(owner: httpx.AsyncClient) -> None:
    for body in ({"provider": "gh"}, {"provider": "gh", "recipient": "ssh-ed25519 AAAA"}):
        answer = await owner.post("/api/auth/start", json=body)
        assert answer.status_code == 422
        assert "recipient" in answer.json()["detail"]


async def test_a_credential_may_be_fetched_until_it_is_acknowledged(
    desk: Desk, owner: httpx.AsyncClient, session: str
) -> None:
    path = f"/api/auth/session/{session}/credential"
    assert (await owner.post(path)).status_code == 409
    desk.controller.sessions_[SessionId(session)].bundle = b"age"
    for _ in range(2):
        assert (await owner.post(path)).json() == {"bundle": "YWdl", "tool": None}
    assert (await owner.post(f"{path}/ack")).status_code == 204
    gone = await owner.post(path)
    assert gone.status_code == 410
    assert gone.json()["code"] == "expired"


async def test_sessions_are_listed_newest_first(owner: httpx.AsyncClient, desk: Desk) -> None:
    for label in ("one", "two"):
        await owner.post("/api/auth/start", json={"label": label})
    await desk.controller.finish(SessionId("session-1"))
    listed = (await owner.get("/api/auth/sessions")).json()["sessions"]
    assert [one["label"] for one in listed] == ["two"]
    listed = (await owner.get("/api/auth/sessions?ended=1")).json()["sessions"]
    assert [one["label"] for one in listed] == ["two", "one"]
    assert (await (await desk.stranger()).get("/api/auth/sessions")).json() == {"sessions": []}


async def test_keys_are_shown_once_and_work_until_they_are_deleted(
    desk: Desk, owner: httpx.AsyncClient
) -> None:
    made = (await owner.post("/api/keys", json={"label": "ci"})).json()
    program = desk.client(authorization=f"Bearer {made['key']}")
    assert (await program.get("/api/me")).json()["kind"] == "key"
    assert (await program.get("/api/keys")).status_code == 403
    listed = (await owner.get("/api/keys")).json()["keys"]
    assert [(one["label"], one["key"]) for one in listed] == [("ci", None)]
    stranger = await desk.stranger()
    assert (await stranger.delete(f"/api/keys/{made['id']}")).status_code == 404
    assert (await owner.delete(f"/api/keys/{made['id']}")).status_code == 204
    assert (await program.get("/api/me")).status_code == 401


async def test_signing_in_sets_a_strict_cookie_once(desk: Desk) -> None:
    token = await desk.store.new_link(OWNER, desk.clock())
    client = desk.client(origin=ORIGIN)
    answer = await client.post("/api/signin", json={"token": token})
    assert answer.status_code == 204
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    assert (await client.get("/api/me")).json()["principal"] == OWNER
    again = await desk.client(origin=ORIGIN).post("/api/signin", json={"token": token})
    assert again.status_code == 410
    assert (await client.post("/api/signout")).status_code == 204
    assert (await client.get("/api/me")).status_code == 401


async def test_a_link_never_replaces_another_signed_in_principal(desk: Desk) -> None:
    token = await desk.store.new_link(OWNER, desk.clock())
    stranger = await desk.stranger()
    answer = await stranger.post("/api/signin", json={"token": token})
    assert answer.status_code == 409
    assert answer.json()["code"] == "signed-in-as-another"
    client = desk.client(origin=ORIGIN)
    assert (await client.post("/api/signin", json={"token": token})).status_code == 204


async def test_links_are_redeemed_by_our_own_page_only(desk: Desk) -> None:
    token = await desk.store.new_link(OWNER, desk.clock())
    for client in (desk.client(), desk.client(origin="http://localhost:1")):
        assert (await client.post("/api/signin", json={"token": token})).status_code == 403
    late = desk.client(origin=ORIGIN)
    desk.clock.advance(600)
    assert (await late.post("/api/signin", json={"token": token})).status_code == 410


async def test_guessing_links_is_slowed_down(desk: Desk) -> None:
    client = desk.client(origin=ORIGIN)
    codes = [
        (await client.post("/api/signin", json={"token": "guess"})).status_code for _ in range(25)
    ]
    assert codes == [410] * 20 + [429] * 5
    desk.clock.advance(60)
    answer = await client.post("/api/signin", json={"token": "guess"})
    assert answer.status_code == 410


async def test_history_tells_what_the_principal_did(owner: httpx.AsyncClient) -> None:
    await owner.post("/api/keys", json={"label": "ci"})
    lines = (await owner.get("/api/history")).json()["history"]
    assert [line["action"] for line in lines] == ["key_made"]
