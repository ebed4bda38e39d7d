"""Queries about sessions: their rows, events, sealed bundles and session-scoped tokens."""

from __future__ import annotations

import dataclasses
from typing import Any

from sqlalchemy import Connection, Row, delete, func, insert, select, update

from fanlight.errors import Expired, SessionNotFound
from fanlight.wire import MachineRef, PrincipalId, SessionId

from .records import EventRecord, Json, SessionRecord, SessionToken
from .tables import bundles, session_events, session_tokens, sessions
from .tokens import hashed, new_token

BUNDLE_LIFE_S = 900.0
EVENT_LIFE_S = 24 * 3600.0
"""How long the events of an ended session are kept; its record stays."""


def add(connection: Connection, record: SessionRecord) -> None:
    connection.execute(insert(sessions).values(_values(record)))


def save(connection: Connection, record: SessionRecord) -> None:
    changed = connection.execute(
        update(sessions).where(sessions.c.id == record.id).values(_values(record))
    )
    if changed.rowcount == 0:
        raise SessionNotFound


def get(connection: Connection, id_: SessionId) -> SessionRecord | None:
    row = connection.execute(select(sessions).where(sessions.c.id == id_)).one_or_none()
    return None if row is None else _record(row)


def of(connection: Connection, owner: PrincipalId, ended: bool, limit: int) -> list[SessionRecord]:
    query = select(sessions).where(sessions.c.owner == owner)
    if not ended:
        query = query.where(sessions.c.ended_at.is_(None))
    rows = connection.execute(query.order_by(sessions.c.created_at.desc()).limit(limit))
    return [_record(row) for row in rows]


def unended(connection: Connection) -> list[SessionRecord]:
    query = select(sessions).where(sessions.c.ended_at.is_(None)).order_by(sessions.c.created_at)
    return [_record(row) for row in connection.execute(query)]


def of_machine_token(connection: Connection, token: str) -> SessionRecord | None:
    query = select(sessions).where(sessions.c.machine_token_hash == hashed(token))
    row = connection.execute(query).one_or_none()
    return None if row is None else _record(row)


def append_event(
    connection: Connection, session: SessionId, kind: str, data: Json, now: float
) -> int:
    last = connection.execute(
        select(func.max(session_events.c.id)).where(session_events.c.session == session)
    ).scalar_one()
    id_: int = (last or 0) + 1
    connection.execute(
        insert(session_events).values(session=session, id=id_, kind=kind, data=dict(data), at=now)
    )
    return id_


def events(
    connection: Connection, session: SessionId, after: int, limit: int
) -> list[EventRecord]:
    rows = connection.execute(
        select(session_events)
        .where(session_events.c.session == session, session_events.c.id > after)
        .order_by(session_events.c.id)
        .limit(limit)
    )
    return [EventRecord(row.id, row.kind, row.data, row.at) for row in rows]


def put_bundle(connection: Connection, session: SessionId, ciphertext: bytes, now: float) -> None:
    connection.execute(
        insert(bundles).values(session=session, ciphertext=ciphertext, created_at=now)
    )


def fetch_bundle(connection: Connection, session: SessionId, now: float) -> bytes | None:
    found = bundles.c.session == session
    row = connection.execute(select(bundles).where(found)).one_or_none()
    if row is None:
        return None
    if row.ciphertext is None or row.created_at + BUNDLE_LIFE_S <= now:
        raise Expired(
            "the credential was delivered before, or waited for too long",
            hint="Start a new session to sign in again.",
        )
    if row.fetched_at is None:
        connection.execute(update(bundles).where(found).values(fetched_at=now))
    return bytes(row.ciphertext)


def delete_bundle(connection: Connection, session: SessionId, now: float) -> bool:
    gone = connection.execute(
        update(bundles)
        .where(bundles.c.session == session, bundles.c.ciphertext.is_not(None))
        .values(ciphertext=None, deleted_at=now)
    )
    return gone.rowcount == 1


def new_session_token(
    connection: Connection, session: SessionId, who: PrincipalId, now: float
) -> str:
    token = new_token("fls_")
    connection.execute(
        insert(session_tokens).values(
            hash=hashed(token), session=session, principal=who, created_at=now
        )
    )
    return token


def session_token(connection: Connection, token: str) -> SessionToken | None:
    query = select(session_tokens).where(session_tokens.c.hash == hashed(token))
    row = connection.execute(query).one_or_none()
    return None if row is None else SessionToken(SessionId(row.session), row.principal)


def prune(connection: Connection, now: float) -> None:
    connection.execute(
        update(bundles)
        .where(bundles.c.created_at <= now - BUNDLE_LIFE_S, bundles.c.ciphertext.is_not(None))
        .values(ciphertext=None, deleted_at=now)
    )
    over = select(sessions.c.id).where(sessions.c.ended_at <= now - EVENT_LIFE_S)
    connection.execute(delete(session_events).where(session_events.c.session.in_(over)))
    connection.execute(delete(session_tokens).where(session_tokens.c.session.in_(over)))


def _values(record: SessionRecord) -> dict[str, Any]:
    return {field.name: getattr(record, field.name) for field in dataclasses.fields(record)}


def _record(row: Row[Any]) -> SessionRecord:
    values = dict(row._mapping)
    values["id"] = SessionId(values["id"])
    if values["machine_ref"] is not None:
        values["machine_ref"] = MachineRef(values["machine_ref"])
    return SessionRecord(**values)
