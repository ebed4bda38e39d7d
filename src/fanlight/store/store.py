"""The store as the other rooms see it: async methods, plain values in and out.

Every method runs in one transaction on the store's own thread. `now` is seconds since the epoch,
given by the caller: the store reads no clock. Tokens, cookies, keys, links, tickets and device
codes are given in plain text once, by the method that makes them; only hashes are kept.

Every method raises DiskFull when the disk is full and HostError when the file cannot be used.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from sqlalchemy import Connection

from fanlight.wire import ConnectionId, PrincipalId, SessionId

from . import lives, passes, people
from .database import Database
from .records import (
    ApiKey,
    AuditRecord,
    DeviceRequest,
    EventRecord,
    Principal,
    SessionRecord,
    SessionToken,
    Ticket,
    TicketUse,
)

OWNER = PrincipalId("owner")
"""The principal made at the first start."""


class Store:
    """Sessions, keys, tickets and the audit trail. Use as `async with await Store.open(...)`."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._run = database.run

    @classmethod
    async def open(cls, directory: Path, *, now: float) -> Store:
        """Open (or make) `directory`/fanlight.db; the principal `owner` exists afterwards."""
        database = await Database.open(directory)
        await database.run(people.ensure_owner, OWNER, now)
        return cls(database)

    async def close(self) -> None:
        """Close the file. Nothing may be called afterwards."""
        await self._database.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    # --- sessions -----------------------------------------------------------------------------

    async def add_session(self, record: SessionRecord) -> None:
        """Keep a new session."""
        await self._run(lives.add, record)

    async def save_session(self, record: SessionRecord) -> None:
        """Replace the row of `record.id`. Raises SessionNotFound."""
        await self._run(lives.save, record)

    async def save_session_with_event(
        self, record: SessionRecord, kind: str, data: Mapping[str, Any], now: float
    ) -> int:
        """Replace the row and append an event in one transaction; give the event's id.

        Raises SessionNotFound.
        """

        def work(connection: Connection) -> int:
            lives.save(connection, record)
            return lives.append_event(connection, record.id, kind, data, now)

        return await self._run(work)

    async def session(self, id_: SessionId) -> SessionRecord | None:
        """Give the session, whoever owns it: the caller checks the owner. None: no such one."""
        return await self._run(lives.get, id_)

    async def sessions(
        self, owner: PrincipalId, *, ended: bool = False, limit: int = 200
    ) -> list[SessionRecord]:
        """Give the owner's sessions, newest first; with `ended` also those that are over."""
        return await self._run(lives.of, owner, ended, limit)

    async def unended_sessions(self) -> list[SessionRecord]:
        """Give every session that is not over, oldest first: what a restart has to re-adopt."""
        return await self._run(lives.unended)

    async def session_of_machine_token(self, token: str) -> SessionRecord | None:
        """Give the session whose `machine_token_hash` is that of `token`, or None."""
        return await self._run(lives.of_machine_token, token)

    # --- events -------------------------------------------------------------------------------

    async def append_event(
        self, session: SessionId, kind: str, data: Mapping[str, Any], now: float
    ) -> int:
        """Keep an event; give its id: 1 for a session's first, then rising by one."""
        return await self._run(lives.append_event, session, kind, data, now)

    async def events(
        self, session: SessionId, *, after: int = 0, limit: int = 1000
    ) -> list[EventRecord]:
        """Give the session's kept events with an id over `after`, oldest first."""
        return await self._run(lives.events, session, after, limit)

    # --- sealed bundles -----------------------------------------------------------------------

    async def put_bundle(self, session: SessionId, ciphertext: bytes, now: float) -> None:
        """Keep a session's sealed credential, for 15 minutes at most. Once per session."""
        await self._run(lives.put_bundle, session, ciphertext, now)

    async def bundle(self, session: SessionId, now: float) -> bytes | None:
        """Give the ciphertext; None when there never was one.

        Raises Expired after `delete_bundle` and after 15 minutes.
        """
        return await self._run(lives.fetch_bundle, session, now)

    async def delete_bundle(self, session: SessionId, now: float) -> bool:
        """Forget the ciphertext (a mark that there was one stays). False: nothing to forget."""
        return await self._run(lives.delete_bundle, session, now)

    # --- session-scoped tokens ----------------------------------------------------------------

    async def new_session_token(self, session: SessionId, who: PrincipalId, now: float) -> str:
        """Make a token (`fls_...`) that is good for this one session."""
        return await self._run(lives.new_session_token, session, who, now)

    async def session_token(self, token: str) -> SessionToken | None:
        """Give what the token stands for, or None."""
        return await self._run(lives.session_token, token)

    # --- principals and how they sign in ------------------------------------------------------

    async def principal(self, id_: PrincipalId) -> Principal | None:
        """Give the principal, or None."""
        return await self._run(people.principal, id_)

    async def principals(self) -> list[Principal]:
        """Give every principal, oldest first."""
        return await self._run(people.list_principals)

    async def add_principal(
        self, id_: PrincipalId, name: str, *, now: float, shared_kernel: bool
    ) -> Principal:
        """Make a principal. Raises NotAllowed for a second one without `shared_kernel`."""
        new = Principal(id_, name, now)
        await self._run(people.add_principal, new, not shared_kernel)
        return new

    async def new_link(self, principal: PrincipalId, now: float) -> str:
        """Make a sign-in link's token: good for 10 minutes, once."""
        return await self._run(people.new_link, principal, now)

    async def link_principal(self, token: str, now: float) -> PrincipalId:
        """Say whom the link would sign in, without using it up. Raises Expired."""
        return await self._run(people.link_principal, token, now)

    async def redeem_link(self, token: str, now: float) -> tuple[PrincipalId, str]:
        """Use the link up; give who is signed in now, and the cookie. Raises Expired."""
        return await self._run(people.redeem_link, token, now)

    async def new_browser_session(self, who: PrincipalId, now: float) -> str:
        """Sign a browser in without a link; give the cookie."""
        return await self._run(people.new_browser_session, who, now)

    async def browser_principal(self, cookie: str, now: float) -> PrincipalId | None:
        """Give who is signed in with that cookie (idle for 30 days at most), or None."""
        return await self._run(people.browser_principal, cookie, now)

    async def end_browser_session(self, cookie: str) -> None:
        """Sign the browser out."""
        await self._run(people.end_browser_session, cookie)

    async def new_key(self, who: PrincipalId, label: str, now: float) -> tuple[ApiKey, str]:
        """Make an API key; give its record and, once, the key (`fl_...`)."""
        return await self._run(people.new_key, who, label, now)

    async def keys(self, who: PrincipalId) -> list[ApiKey]:
        """Give the principal's API keys, newest first."""
        return await self._run(people.keys, who)

    async def key_principal(self, key: str, now: float) -> PrincipalId | None:
        """Give whose API key that is, or None."""
        return await self._run(people.key_principal, key, now)

    async def delete_key(self, who: PrincipalId, id_: str) -> bool:
        """Forget an API key. False: the principal has no such key."""
        return await self._run(people.delete_key, who, id_)

    # --- tickets ------------------------------------------------------------------------------

    async def new_ticket(
        self, session: SessionId, who: PrincipalId, use: TicketUse, now: float
    ) -> str:
        """Make a ticket (`flt_...`): good for 60 seconds, once."""
        return await self._run(passes.new_ticket, session, who, use, now)

    async def ticket(self, token: str, now: float) -> Ticket | None:
        """Look at a ticket without using it up: not used yet, or bound to a connection."""
        return await self._run(passes.ticket, token, now)

    async def redeem_ticket(
        self, token: str, session: SessionId, use: TicketUse, now: float
    ) -> Ticket:
        """Use the ticket up. Raises Expired: used, too old, or for something else."""
        return await self._run(passes.redeem_ticket, token, session, use, now)

    async def bind_ticket(self, token: str, opened: ConnectionId, now: float) -> None:
        """Let a redeemed ticket go on speaking for the connection that it opened."""
        await self._run(passes.bind_ticket, token, opened, now)

    async def return_ticket(self, token: str, now: float) -> None:
        """Make a ticket good again that was redeemed for a connection that did not come about."""
        await self._run(passes.return_ticket, token, now)

    # --- the device flow ----------------------------------------------------------------------

    async def new_device_request(
        self, *, tool: str, recipient: str, client_name: str, now: float
    ) -> tuple[DeviceRequest, str]:
        """Keep a request for 10 minutes; give it and, once, the device code."""
        return await self._run(passes.new_device_request, tool, recipient, client_name, now)

    async def device_request(self, user_code: str, now: float) -> DeviceRequest | None:
        """Give the request that shows this user code, or None (also when it is too old)."""
        return await self._run(passes.device_request, user_code, now)

    async def claim_device_request(
        self, user_code: str, who: PrincipalId, now: float
    ) -> DeviceRequest:
        """Take a pending request for approval, so that two clicks start one session.

        Raises Expired when it was answered or taken before, or is too old.
        """
        return await self._run(passes.claim_device_request, user_code, who, now)

    async def release_device_request(self, user_code: str) -> None:
        """Give a claimed request back: its session could not be started."""
        await self._run(passes.release_device_request, user_code)

    async def settle_device_request(
        self, user_code: str, who: PrincipalId, session: SessionId | None, now: float
    ) -> None:
        """Approve a request with its session, or deny it (None). Raises IllegalEvent."""
        await self._run(passes.settle_device_request, user_code, who, session, now)

    async def poll_device_request(
        self, device_code: str, now: float
    ) -> tuple[DeviceRequest | None, bool, str | None]:
        """Answer a program's poll: (request, polled too soon, session token).

        No request: unknown, too old or answered before. The token is given once, when approved.
        Polling faster than the interval lengthens it by 5 s (RFC 8628 section 3.5).
        """
        return await self._run(passes.poll_device_request, device_code, now)

    # --- the audit trail ----------------------------------------------------------------------

    async def record(
        self,
        principal: PrincipalId,
        action: str,
        *,
        now: float,
        session: SessionId | None = None,
        detail: Mapping[str, Any] | None = None,
    ) -> None:
        """Append to the audit trail; nothing ever changes or removes a line of it."""
        await self._run(passes.record, principal, action, session, detail or {}, now)

    async def history(self, principal: PrincipalId, *, limit: int = 500) -> list[AuditRecord]:
        """Give the principal's lines of the audit trail, newest first."""
        return await self._run(passes.history, principal, limit)

    # --- housekeeping -------------------------------------------------------------------------

    async def prune(self, now: float) -> None:
        """Remove what is over: old links, cookies, tickets, device requests, bundles, events."""

        def work(connection: Connection) -> None:
            people.prune(connection, now)
            lives.prune(connection, now)
            passes.prune(connection, now)

        await self._run(work)
