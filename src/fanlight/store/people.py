"""Queries about who asks: principals, sign-in links, browser sessions, API keys."""

from __future__ import annotations

from sqlalchemy import Connection, Row, delete, func, insert, select, update

from fanlight.errors import Expired, NotAllowed
from fanlight.wire import PrincipalId

from .records import ApiKey, Principal
from .tables import api_keys, browser_sessions, principals, sign_in_links
from .tokens import hashed, new_token

LINK_LIFE_S = 600.0
BROWSER_IDLE_S = 30 * 24 * 3600.0
SEEN_EVERY_S = 60.0
"""How stale `seen_at` may be: a write for every request would make reads wait for the disk."""


def principal(connection: Connection, id_: PrincipalId) -> Principal | None:
    row = connection.execute(select(principals).where(principals.c.id == id_)).one_or_none()
    return None if row is None else Principal(row.id, row.name, row.created_at)


def list_principals(connection: Connection) -> list[Principal]:
    rows = connection.execute(select(principals).order_by(principals.c.created_at))
    return [Principal(row.id, row.name, row.created_at) for row in rows]


def add_principal(connection: Connection, new: Principal, only: bool) -> None:
    count = connection.execute(select(func.count()).select_from(principals)).scalar_one()
    if only and count:
        raise NotAllowed(
            "a second principal would share this host's kernel with the first",
            hint="Start `fanlight serve` with --shared-kernel if that is meant.",
        )
    values = {"id": new.id, "name": new.name, "created_at": new.created_at}
    connection.execute(insert(principals).values(values))


def ensure_owner(connection: Connection, id_: PrincipalId, now: float) -> None:
    if principal(connection, id_) is None:
        add_principal(connection, Principal(id_, str(id_), now), only=False)


def new_link(connection: Connection, who: PrincipalId, now: float) -> str:
    token = new_token()
    connection.execute(
        insert(sign_in_links).values(
            hash=hashed(token), principal=who, expires_at=now + LINK_LIFE_S
        )
    )
    return token


def link_principal(connection: Connection, token: str, now: float) -> PrincipalId:
    row = connection.execute(
        select(sign_in_links).where(sign_in_links.c.hash == hashed(token))
    ).one_or_none()
    if row is None or row.used_at is not None or row.expires_at <= now:
        raise Expired(
            "this sign-in link was used before, or is too old",
            hint="`fanlight link` prints a new one.",
        )
    return PrincipalId(row.principal)


def redeem_link(connection: Connection, token: str, now: float) -> tuple[PrincipalId, str]:
    who = link_principal(connection, token, now)
    connection.execute(
        update(sign_in_links).where(sign_in_links.c.hash == hashed(token)).values(used_at=now)
    )
    return who, new_browser_session(connection, who, now)


def new_browser_session(connection: Connection, who: PrincipalId, now: float) -> str:
    cookie = new_token()
    connection.execute(
        insert(browser_sessions).values(
            hash=hashed(cookie), principal=who, created_at=now, seen_at=now
        )
    )
    return cookie


def browser_principal(connection: Connection, cookie: str, now: float) -> PrincipalId | None:
    found = browser_sessions.c.hash == hashed(cookie)
    row = connection.execute(select(browser_sessions).where(found)).one_or_none()
    if row is None or row.seen_at + BROWSER_IDLE_S <= now:
        return None
    if row.seen_at + SEEN_EVERY_S <= now:
        connection.execute(update(browser_sessions).where(found).values(seen_at=now))
    return PrincipalId(row.principal)


def end_browser_session(connection: Connection, cookie: str) -> None:
    connection.execute(delete(browser_sessions).where(browser_sessions.c.hash == hashed(cookie)))


def new_key(
    connection: Connection, who: PrincipalId, label: str, now: float
) -> tuple[ApiKey, str]:
    plaintext = new_token("fl_")
    key = ApiKey(new_token()[:16], plaintext[:7], label, who, now, None)
    connection.execute(
        insert(api_keys).values(
            id=key.id,
            hash=hashed(plaintext),
            prefix=key.prefix,
            label=label,
            principal=who,
            created_at=now,
        )
    )
    return key, plaintext


def keys(connection: Connection, who: PrincipalId) -> list[ApiKey]:
    rows = connection.execute(
        select(api_keys).where(api_keys.c.principal == who).order_by(api_keys.c.created_at.desc())
    )
    return [_key(row) for row in rows]


def key_principal(connection: Connection, plaintext: str, now: float) -> PrincipalId | None:
    found = api_keys.c.hash == hashed(plaintext)
    row = connection.execute(select(api_keys).where(found)).one_or_none()
    if row is None:
        return None
    if row.seen_at is None or row.seen_at + SEEN_EVERY_S <= now:
        connection.execute(update(api_keys).where(found).values(seen_at=now))
    return PrincipalId(row.principal)


def delete_key(connection: Connection, who: PrincipalId, id_: str) -> bool:
    gone = connection.execute(
        delete(api_keys).where(api_keys.c.id == id_, api_keys.c.principal == who)
    )
    return gone.rowcount == 1


def prune(connection: Connection, now: float) -> None:
    connection.execute(
        delete(sign_in_links).where(sign_in_links.c.expires_at <= now - LINK_LIFE_S)
    )
    connection.execute(
        delete(browser_sessions).where(browser_sessions.c.seen_at <= now - BROWSER_IDLE_S)
    )


def _key(row: Row[tuple[object, ...]]) -> ApiKey:
    return ApiKey(
        id=row.id,
        prefix=row.prefix,
        label=row.label,
        principal=row.principal,
        created_at=row.created_at,
        seen_at=row.seen_at,
    )
