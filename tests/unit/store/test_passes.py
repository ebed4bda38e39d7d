"""What opens something once: links, tickets, device requests, keys, session tokens."""

from __future__ import annotations

from pathlib import Path

import pytest

from fanlight.errors import Expired, IllegalEvent, NotAllowed
from fanlight.store import OWNER, SessionRecord, Store
from fanlight.wire import ConnectionId, PrincipalId, SessionId

A, B = SessionId("a"), SessionId("b")
OTHER = PrincipalId("other")
NOW = 1000.0


@pytest.fixture
async def with_sessions(store: Store) -> Store:
    await store.add_session(SessionRecord(A, OWNER, NOW))
    await store.add_session(SessionRecord(B, OWNER, NOW))
    return store


async def test_a_link_signs_in_once(store: Store) -> None:
    token = await store.new_link(OWNER, NOW)

    assert await store.link_principal(token, NOW + 1) == OWNER
    principal, cookie = await store.redeem_link(token, NOW + 1)

    assert principal == OWNER
    assert await store.browser_principal(cookie, NOW + 2) == OWNER
    with pytest.raises(Expired):
        await store.redeem_link(token, NOW + 2)


async def test_a_link_is_good_for_ten_minutes(store: Store) -> None:
    token = await store.new_link(OWNER, NOW)
    with pytest.raises(Expired):
        await store.redeem_link(token, NOW + 600)


async def test_signing_out_ends_the_cookie(store: Store) -> None:
    cookie = await store.new_browser_session(OWNER, NOW)
    await store.end_browser_session(cookie)
    assert await store.browser_principal(cookie, NOW) is None


async def test_a_cookie_that_is_not_used_for_a_month_is_over(store: Store) -> None:
    cookie = await store.new_browser_session(OWNER, NOW)
    day_s = 24 * 3600
    assert await store.browser_principal(cookie, NOW + 29 * day_s) == OWNER
    assert await store.browser_principal(cookie, NOW + 58 * day_s) == OWNER
    assert await store.browser_principal(cookie, NOW + 88 * day_s) is None


async def test_a_key_names_its_principal_until_it_is_deleted(store: Store) -> None:
    key, plaintext = await store.new_key(OWNER, "laptop", NOW)

    assert plaintext.startswith(key.prefix)
    assert await store.key_principal(plaintext, NOW) == OWNER
    assert not await store.delete_key(OTHER, key.id)
    assert await store.delete_key(OWNER, key.id)
    assert await store.key_principal(plaintext, NOW) is None


async def test_nothing_that_grants_something_is_in_the_file(
    tmp_path: Path, with_sessions: Store
) -> None:
    store = with_sessions
    _, device_code = await store.new_device_request(
        tool="gh", recipient="age1", client_name="x", now=NOW
    )
    secrets = [
        await store.new_link(OWNER, NOW),
        await store.new_browser_session(OWNER, NOW),
        (await store.new_key(OWNER, "", NOW))[1],
        await store.new_session_token(A, OWNER, NOW),
        await store.new_ticket(A, OWNER, "vnc", NOW),
        device_code,
    ]
    kept = b"".join(path.read_bytes() for path in (tmp_path / "store").iterdir())
    assert b"principals" in kept
    for secret in secrets:
        assert secret.encode() not in kept


async def test_a_ticket_opens_what_it_was_made_for_once(with_sessions: Store) -> None:
    store = with_sessions
    ticket = await store.new_ticket(A, OWNER, "vnc", NOW)

    with pytest.raises(Expired):
        await store.redeem_ticket(ticket, B, "vnc", NOW)
    with pytest.raises(Expired):
        await store.redeem_ticket(ticket, A, "whep", NOW)
    assert (await store.redeem_ticket(ticket, A, "vnc", NOW)).principal == OWNER
    with pytest.raises(Expired):
        await store.redeem_ticket(ticket, A, "vnc", NOW)
    assert await store.ticket(ticket, NOW) is None


async def test_a_ticket_is_good_for_a_minute(with_sessions: Store) -> None:
    ticket = await with_sessions.new_ticket(A, OWNER, "vnc", NOW)
    with pytest.raises(Expired):
        await with_sessions.redeem_ticket(ticket, A, "vnc", NOW + 60)


async def test_a_ticket_goes_on_speaking_for_the_connection_it_opened(
    with_sessions: Store,
) -> None:
    store, opened = with_sessions, ConnectionId("c")
    ticket = await store.new_ticket(A, OWNER, "whep", NOW)
    await store.redeem_ticket(ticket, A, "whep", NOW)

    await store.bind_ticket(ticket, opened, NOW)

    found = await store.ticket(ticket, NOW + 3600)
    assert found is not None
    assert found.connection == opened
    with pytest.raises(Expired):
        await store.redeem_ticket(ticket, A, "whep", NOW)


async def test_an_approved_device_gets_its_token_once(with_sessions: Store) -> None:
    store = with_sessions
    request, code = await store.new_device_request(
        tool="gh", recipient="age1", client_name="server", now=NOW
    )
    assert (await store.poll_device_request(code, NOW))[1:] == (False, None)
    claimed = await store.claim_device_request(request.user_code, OWNER, NOW)
    await store.settle_device_request(claimed.user_code, OWNER, A, NOW)

    found, too_soon, token = await store.poll_device_request(code, NOW + 2)

    assert found is not None
    assert not too_soon
    assert token is not None
    named = await store.session_token(token)
    assert named is not None
    assert (named.session, named.principal) == (A, OWNER)
    assert await store.poll_device_request(code, NOW + 10) == (None, False, None)


async def test_polling_too_fast_slows_down_and_delivers_nothing(with_sessions: Store) -> None:
    store = with_sessions
    request, code = await store.new_device_request(
        tool="gh", recipient="age1", client_name="", now=NOW
    )
    await store.poll_device_request(code, NOW)
    await store.settle_device_request(request.user_code, OWNER, A, NOW)

    _, too_soon, token = await store.poll_device_request(code, NOW + 1)
    assert (too_soon, token) == (True, None)
    _, too_soon, token = await store.poll_device_request(code, NOW + 7)
    assert (too_soon, token) == (True, None)
    _, too_soon, token = await store.poll_device_request(code, NOW + 30)
    assert not too_soon
    assert token is not None


async def test_two_clicks_start_one_session(store: Store) -> None:
    request, _ = await store.new_device_request(
        tool="gh", recipient="age1", client_name="", now=NOW
    )
    await store.claim_device_request(request.user_code, OWNER, NOW)
    with pytest.raises(Expired):
        await store.claim_device_request(request.user_code, OWNER, NOW)
    await store.release_device_request(request.user_code)
    await store.claim_device_request(request.user_code, OWNER, NOW)


async def test_a_denied_device_stays_denied(with_sessions: Store) -> None:
    store = with_sessions
    request, code = await store.new_device_request(
        tool="gh", recipient="age1", client_name="", now=NOW
    )
    await store.settle_device_request(request.user_code, OWNER, None, NOW)
    with pytest.raises(IllegalEvent):
        await store.settle_device_request(request.user_code, OWNER, A, NOW)
    found, _, token = await store.poll_device_request(code, NOW + 2)
    assert found is not None
    assert (found.state, token) == ("denied", None)


async def test_a_device_request_is_good_for_ten_minutes(store: Store) -> None:
    request, code = await store.new_device_request(
        tool="gh", recipient="age1", client_name="", now=NOW
    )
    assert await store.device_request(request.user_code, NOW + 599) is not None
    assert await store.device_request(request.user_code, NOW + 600) is None
    assert await store.poll_device_request(code, NOW + 600) == (None, False, None)


async def test_a_second_principal_needs_the_operators_word(store: Store) -> None:
    with pytest.raises(NotAllowed):
        await store.add_principal(OTHER, "Other", now=NOW, shared_kernel=False)
    await store.add_principal(OTHER, "Other", now=NOW, shared_kernel=True)
    assert [one.id for one in await store.principals()] == [OWNER, OTHER]
