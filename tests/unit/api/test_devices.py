"""The device flow: ask, show the code, approve at a browser, fetch the session's token."""

from __future__ import annotations

from typing import Any

import httpx
from tests.unit.api.desk import RECIPIENT, Desk

from fanlight.controller import Session
from fanlight.errors import LimitReached
from fanlight.wire import PrincipalId

ASK = {"tool": "gh", "recipient": RECIPIENT, "clientName": "server-7"}


async def asked(desk: Desk) -> dict[str, Any]:
    answer = await desk.client().post("/api/device", json=ASK)
    assert answer.status_code == 200, answer.text
    made: dict[str, Any] = answer.json()
    return made


async def poll(desk: Desk, made: dict[str, Any]) -> httpx.Response:
    return await desk.client().post("/api/device/token", json={"deviceCode": made["deviceCode"]})


async def test_a_program_asks_and_a_person_approves(desk: Desk, owner: httpx.AsyncClient) -> None:
    made = await asked(desk)
    code = made["userCode"]
    assert made["verificationUriComplete"] == f"http://localhost:8080/device?code={code}"
    assert (made["expiresIn"], made["interval"]) == (600, 2)

    pending = await poll(desk, made)
    assert (pending.status_code, pending.json()["code"]) == (400, "authorization-pending")
    shown = (await owner.get(f"/api/device/{code.lower().replace('-', '')}")).json()
    assert shown["clientName"] == "server-7"
    assert len(shown["fingerprint"].split()) == 4

    approved = await owner.post(f"/api/device/{code}/approve")
    session = approved.json()["session"]
    desk.clock.advance(2)
    fetched = await poll(desk, made)
    assert fetched.status_code == 200
    assert fetched.json()["session"] == session

    program = desk.client(authorization=f"Bearer {fetched.json()['token']}")
    seen = (await program.get(f"/api/auth/session/{session}")).json()
    assert (seen["provider"], seen["login"]["recipient"]) == ("gh", RECIPIENT)
    desk.clock.advance(30)
    again = await poll(desk, made)
    assert (again.status_code, again.json()["code"]) == (400, "expired")


async def test_asking_too_often_slows_down(desk: Desk) -> None:
    made = await asked(desk)
    assert (await poll(desk, made)).json()["code"] == "authorization-pending"
    assert (await poll(desk, made)).json()["code"] == "slow-down"


async def test_denied_means_denied(desk: Desk, owner: httpx.AsyncClient) -> None:
    made = await asked(desk)
    assert (await owner.post(f"/api/device/{made['userCode']}/deny")).status_code == 204
    assert (await poll(desk, made)).json()["code"] == "access-denied"
    assert (await owner.post(f"/api/device/{made['userCode']}/approve")).status_code == 410
    assert desk.controller.sessions_ == {}


async def test_only_a_browser_approves(desk: Desk) -> None:
    made = await asked(desk)
    path = f"/api/device/{made['userCode']}"
    program = await desk.program()
    for client, status in ((program, 403), (desk.client(), 401)):
        assert (await client.get(path)).status_code == status
        assert (await client.post(f"{path}/approve")).status_code == status
        assert (await client.post(f"{path}/deny")).status_code == status
    assert desk.controller.sessions_ == {}


async def test_two_clicks_start_one_session(desk: Desk, owner: httpx.AsyncClient) -> None:
    made = await asked(desk)
    path = f"/api/device/{made['userCode']}/approve"
    assert (await owner.post(path)).status_code == 200
    assert (await owner.post(path)).status_code == 410
    assert len(desk.controller.sessions_) == 1


async def test_a_start_that_fails_can_be_approved_again(
    desk: Desk, owner: httpx.AsyncClient
) -> None:
    made = await asked(desk)
    path = f"/api/device/{made['userCode']}/approve"
    desk.controller.failing = LimitReached("enough")
    assert (await owner.post(path)).status_code == 429
    assert (await owner.post(path)).status_code == 200


async def test_a_request_denied_while_it_is_approved_leaves_no_session(
    desk: Desk, owner: httpx.AsyncClient
) -> None:
    path = f"/api/device/{(await asked(desk))['userCode']}"
    keep = desk.controller.store_session
    assert keep is not None

    async def meanwhile_denied(who: PrincipalId, session: Session) -> None:
        await keep(who, session)
        assert (await owner.post(f"{path}/deny")).status_code == 204

    desk.controller.store_session = meanwhile_denied
    assert (await owner.post(f"{path}/approve")).status_code == 409
    (left,) = desk.controller.sessions_.values()
    assert left.shown.status == "ended"


async def test_a_code_runs_out(desk: Desk, owner: httpx.AsyncClient) -> None:
    made = await asked(desk)
    desk.clock.advance(600)
    assert (await owner.get(f"/api/device/{made['userCode']}")).status_code == 404
    assert (await poll(desk, made)).json()["code"] == "expired"


async def test_who_comes_too_late_is_told_what_to_do(desk: Desk, owner: httpx.AsyncClient) -> None:
    code = (await asked(desk))["userCode"]
    await owner.post(f"/api/device/{code}/deny")
    for late in (code, "ABCD-EFGH"):
        answer = await owner.get(f"/api/device/{late}")
        assert "`fanlight connect` again" in answer.json()["hint"]


async def test_guessing_codes_is_slowed_down(owner: httpx.AsyncClient) -> None:
    codes = [(await owner.get("/api/device/BBBB-BBBB")).status_code for _ in range(25)]
    assert codes == [404] * 20 + [429] * 5


async def test_bad_requests_are_refused(desk: Desk) -> None:
    changes: tuple[dict[str, Any], ...] = (
        {"tool": "nothing"},
        {"recipient": "ssh-rsa"},
        {"recipient": "age1" + "q" * 58},
        {"clientName": "\x1b[2Jevil"},
        {"clientName": "x" * 101},
        {"env": {}},
    )
    for change in changes:
        answer = await desk.client().post("/api/device", json=ASK | change)
        assert answer.status_code == 422, change
