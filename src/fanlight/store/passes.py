"""Queries about what opens one thing once: tickets and device requests. And the audit trail."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Row, delete, insert, select, update

from fanlight.errors import Expired, IllegalEvent
from fanlight.wire import ConnectionId, PrincipalId, SessionId

from .lives import new_session_token
from .records import AuditRecord, DeviceRequest, Json, Ticket, TicketUse
from .tables import audit, device_requests, tickets
from .tokens import hashed, new_token, new_user_code

TICKET_LIFE_S = 60.0
TICKET_BOUND_LIFE_S = 24 * 3600.0
"""A ticket that opened a WHEP connection stays good for that connection only, so long."""
DEVICE_LIFE_S = 600.0
DEVICE_INTERVAL_S = 2.0
SLOW_DOWN_S = 5.0
"""RFC 8628 section 3.5: each `slow_down` adds five seconds to the interval."""


def new_ticket(
    connection: Connection, session: SessionId, who: PrincipalId, use: TicketUse, now: float
) -> str:
    token = new_token("flt_")
    connection.execute(
        insert(tickets).values(
            hash=hashed(token),
            session=session,
            principal=who,
            use=use,
            expires_at=now + TICKET_LIFE_S,
        )
    )
    return token


def ticket(connection: Connection, token: str, now: float) -> Ticket | None:
    row = connection.execute(select(tickets).where(tickets.c.hash == hashed(token))).one_or_none()
    if row is None or _too_old(row, now):
        return None
    return _ticket(row)


def redeem_ticket(
    connection: Connection, token: str, session: SessionId, use: TicketUse, now: float
) -> Ticket:
    found = tickets.c.hash == hashed(token)
    row = connection.execute(select(tickets).where(found)).one_or_none()
    usable = row is not None and row.used_at is None and row.expires_at > now
    if row is None or not usable or row.session != session or row.use != use:
        raise Expired("this ticket was used before, is too old, or is for something else")
    connection.execute(update(tickets).where(found).values(used_at=now))
    return _ticket(row)


def bind_ticket(connection: Connection, token: str, opened: ConnectionId, now: float) -> None:
    connection.execute(
        update(tickets)
        .where(tickets.c.hash == hashed(token), tickets.c.connection.is_(None))
        .values(connection=opened, expires_at=now + TICKET_BOUND_LIFE_S)
    )


def return_ticket(connection: Connection, token: str, now: float) -> None:
    connection.execute(
        update(tickets)
        .where(tickets.c.hash == hashed(token))
        .values(used_at=None, connection=None, expires_at=now + TICKET_LIFE_S)
    )


def _too_old(row: Row[Any], now: float) -> bool:
    spent = row.used_at is not None and row.connection is None
    return spent or bool(row.expires_at <= now)


def _ticket(row: Row[Any]) -> Ticket:
    return Ticket(row.session, row.principal, row.use, row.connection)


def new_device_request(
    connection: Connection, tool: str, recipient: str, client_name: str, now: float
) -> tuple[DeviceRequest, str]:
    device_code = new_token("fld_")
    request = DeviceRequest(
        user_code=new_user_code(),
        tool=tool,
        recipient=recipient,
        client_name=client_name,
        state="pending",
        expires_at=now + DEVICE_LIFE_S,
        interval_s=DEVICE_INTERVAL_S,
    )
    # A code that is taken (one in 25 thousand millions) fails as a constraint, not as a mix-up.
    connection.execute(
        insert(device_requests).values(
            device_code_hash=hashed(device_code),
            user_code=request.user_code,
            tool=tool,
            recipient=recipient,
            client_name=client_name,
            state=request.state,
            expires_at=request.expires_at,
            interval_s=request.interval_s,
        )
    )
    return request, device_code


def device_request(connection: Connection, user_code: str, now: float) -> DeviceRequest | None:
    query = select(device_requests).where(
        device_requests.c.user_code == user_code, device_requests.c.expires_at > now
    )
    row = connection.execute(query).one_or_none()
    return None if row is None else _device(row)


def settle_device_request(
    connection: Connection,
    user_code: str,
    who: PrincipalId,
    session: SessionId | None,
    now: float,
) -> None:
    state = "denied" if session is None else "approved"
    changed = connection.execute(
        update(device_requests)
        .where(
            device_requests.c.user_code == user_code,
            device_requests.c.state == "pending",
            device_requests.c.expires_at > now,
        )
        .values(state=state, principal=who, session=session)
    )
    if changed.rowcount == 0:
        raise IllegalEvent("settled", state)


def claim_device_request(
    connection: Connection, user_code: str, who: PrincipalId, now: float
) -> DeviceRequest:
    request = device_request(connection, user_code, now)
    if request is None or request.state != "pending" or request.principal is not None:
        raise Expired("this code was answered before, or is too old")
    connection.execute(
        update(device_requests)
        .where(device_requests.c.user_code == user_code)
        .values(principal=who)
    )
    return request


def release_device_request(connection: Connection, user_code: str) -> None:
    connection.execute(
        update(device_requests)
        .where(device_requests.c.user_code == user_code, device_requests.c.state == "pending")
        .values(principal=None)
    )


def poll_device_request(
    connection: Connection, device_code: str, now: float
) -> tuple[DeviceRequest | None, bool, str | None]:
    found = device_requests.c.device_code_hash == hashed(device_code)
    row = connection.execute(select(device_requests).where(found)).one_or_none()
    if row is None or row.expires_at <= now or row.state == "redeemed":
        return None, False, None
    too_soon = row.polled_at is not None and now < row.polled_at + row.interval_s
    interval_s = row.interval_s + SLOW_DOWN_S if too_soon else row.interval_s
    values: dict[str, Any] = {"polled_at": now, "interval_s": interval_s}
    token = None
    if row.state == "approved" and not too_soon:
        token = new_session_token(connection, row.session, row.principal, now)
        values["state"] = "redeemed"
    connection.execute(update(device_requests).where(found).values(values))
    return _device(row), too_soon, token


def _device(row: Row[Any]) -> DeviceRequest:
    return DeviceRequest(
        user_code=row.user_code,
        tool=row.tool,
        recipient=row.recipient,
        client_name=row.client_name,
        state=row.state,
        expires_at=row.expires_at,
        interval_s=row.interval_s,
        principal=row.principal,
        session=row.session,
    )


def record(
    connection: Connection,
    principal: PrincipalId,
    action: str,
    session: SessionId | None,
    detail: Json,
    now: float,
) -> None:
    connection.execute(
        insert(audit).values(
            at=now, principal=principal, session=session, action=action, detail=dict(detail)
        )
    )


def history(connection: Connection, principal: PrincipalId, limit: int) -> list[AuditRecord]:
    rows = connection.execute(
        select(audit)
        .where(audit.c.principal == principal)
        .order_by(audit.c.id.desc())
        .limit(limit)
    )
    return [AuditRecord(r.at, r.principal, r.session, r.action, r.detail) for r in rows]


def prune(connection: Connection, now: float) -> None:
    connection.execute(delete(tickets).where(tickets.c.expires_at <= now))
    connection.execute(delete(device_requests).where(device_requests.c.expires_at <= now - 3600))
