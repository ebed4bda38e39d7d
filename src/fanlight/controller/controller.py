"""The controller as the API sees it: every session of this host, each with its driver."""

from __future__ import annotations

import asyncio
import dataclasses
import secrets
from collections.abc import AsyncIterator, Sequence
from typing import Any

from fanlight.errors import InvalidRequest, SessionEnded
from fanlight.session import Reason, lifecycle
from fanlight.store import SessionRecord, hashed
from fanlight.wire import MachineRef, PrincipalId, SessionId

from . import metrics, publish, recipients
from .adopting import Adoption
from .around import Around
from .driver import Driver
from .login_side import LoginSide
from .machine_side import MachineSide
from .network import narrowed
from .tool_work import Installs
from .view import Session, SessionEvent, StartRequest, session_from_json
from .viewer_side import ViewerSide

END_S, SETTLE_S = 15.0, 3.0


class Controller(LoginSide, ViewerSide, MachineSide, Adoption):
    """Owns sessions. Every method that names one raises SessionNotFound for strangers.

    `run` must be running; `ready` is set when every session of before is adopted or ended.
    """

    async def run(self) -> None:
        """Work until cancelled. Machines and viewers go on afterwards.

        Raises:
            HostError: the store or the provider cannot be used.
        """
        async with asyncio.TaskGroup() as tasks:
            self.around = Around(
                settings=self._settings,
                store=self._store,
                provider=self._provider,
                resting=self.resting,
                gateway=self.gateway,
                tokens=self._tokens,
                tools=self._tools,
                installs=Installs(self._tools, tasks),
                tasks=tasks,
                clock=self._clock,
                on_over=self.over,
            )
            tasks.create_task(self.gateway.run())
            await self.adopt_all()
            self.ready.set()
            tasks.create_task(self.sweep())

    async def end_all(self) -> None:
        """End every session and wait until nothing of them is left, within bounds."""
        reason = Reason("shutdown", "Every session on this host ended with it.")
        self._is_empty.clear()
        for driver in list(self.drivers.values()):
            driver.late(driver.life, lifecycle.EndRequested(reason))
        if not self.drivers:
            return
        async with asyncio.timeout(END_S):
            await self._is_empty.wait()

    async def settle(self) -> None:
        """Wait until what happened is stored, within bounds."""
        async with asyncio.timeout(SETTLE_S):
            for driver in list(self.drivers.values()):
                await driver.outbox.settled()

    async def start(self, principal: PrincipalId, request: StartRequest) -> Session:
        """Start a session; its machine is made in the background.

        Raises:
            UnknownTool: as it says.
            ToolNotInstalled: it is not here, and is not to be installed at its first use.
            InvalidRequest: a tool without a recipient, or one that is no age key.
            InvalidRequest: it is to be kept for longer, or to reach more, than may be.
            LimitReached: the principal has as many sessions as it may.
            HostFull, DiskFull: there is no room for one more machine.
        """
        if request.tool is not None:
            await asyncio.to_thread(self._tools.needs_install, request.tool)
            if request.recipient is None:
                raise InvalidRequest("recipient: a login needs the key that it is sealed to")
        if request.recipient is not None:
            recipients.check(request.recipient)
        self._settings.keep_s(request.keep_s, with_login=request.tool is not None)
        await asyncio.to_thread(self._check_room, self._settings.data)
        self.check_limit(principal)
        record = self._new_record(principal, request)
        around = self.work()
        driver = Driver(record, around)
        # Counted from now on: two requests at once do not both become the last.
        self.drivers[record.id] = driver
        try:
            await self._store.add_session(record)
        except BaseException:
            del self.drivers[record.id]
            raise
        driver.open()
        view = driver.view
        if request.answerer == "machine":
            return _with_token(view, driver.token)
        return view

    async def session(self, principal: PrincipalId, id: SessionId) -> Session:
        """Give a session, also one that is over."""
        if driver := self.owned(principal, id):
            return driver.view
        return _view_of(await self.stored(principal, id))

    async def sessions(self, principal: PrincipalId, ended: bool = False) -> Sequence[Session]:
        """Give the principal's sessions, newest first; with `ended` also those that are over."""
        records = await self._store.sessions(principal, ended=ended)
        found = []
        for record in records:
            driver = self.drivers.get(record.id)
            found.append(driver.view if driver else _view_of(record))
        return found

    async def end(self, principal: PrincipalId, id: SessionId) -> None:
        """End a session. Of one that is over: nothing."""
        if driver := self.owned(principal, id):
            reason = Reason("ended-by-owner", "The machine is gone, with everything in it.")
            driver.life(lifecycle.EndRequested(reason))
        else:
            await self.stored(principal, id)

    async def extend(self, principal: PrincipalId, id: SessionId) -> Session:
        """Let a session go on as if it were asked for now, and give it.

        Raises:
            SessionEnded: it is over, or ending.
            LimitReached: it lasts as long as one may already.
        """
        driver = await self.live(principal, id)
        if driver.lifecycle.status in ("ending", "ended"):
            raise SessionEnded
        driver.life(lifecycle.Extended(driver.age_s))
        metrics.SESSIONS_EXTENDED.inc()
        driver.outbox.audit(driver.record, "extended", {"endsAt": driver.view.ends_at})
        return driver.view

    async def events(
        self, principal: PrincipalId, id: SessionId, after: int | None = 0
    ) -> AsyncIterator[SessionEvent]:
        """Yield the session's events after number `after`, until `end`.

        None: the session as it stands instead of its past, then what comes.
        """
        if driver := self.owned(principal, id):
            source = publish.follow(self._store, id, driver.followers, after)
        else:
            final = _view_of(await self.stored(principal, id))
            source = publish.ended(self._store, final, after)
        async for event in source:
            yield event

    def _new_record(self, principal: PrincipalId, request: StartRequest) -> SessionRecord:
        memo: dict[str, Any] = {"widthPx": request.width_px, "heightPx": request.height_px}
        keep_s = self._settings.keep_s(request.keep_s, with_login=request.tool is not None)
        memo["keepS"] = keep_s
        memo["network"] = narrowed(self._settings.policy, request.network).to_memo()
        if request.matching_code:
            memo["matchingCode"] = request.matching_code
        ref = MachineRef(f"m-{secrets.token_hex(12)}")
        return SessionRecord(
            id=SessionId(secrets.token_hex(16)),
            owner=principal,
            created_at=self._clock(),
            tool=request.tool,
            recipient=request.recipient,
            label=request.label,
            answerer=request.answerer,
            machine_ref=ref,
            machine_token_hash=hashed(self._tokens.token(ref)),
            memo=memo,
        )


def _view_of(record: SessionRecord) -> Session:
    return session_from_json(record.view)


def _with_token(view: Session, token: str) -> Session:
    return dataclasses.replace(view, machine_token=token)
