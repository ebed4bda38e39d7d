"""What one session tells: shown, stored, published, and passed from core to core."""

from __future__ import annotations

from abc import abstractmethod
from contextlib import AbstractContextManager
from typing import Any

from fanlight import log
from fanlight.session import Reason, lifecycle, login, negotiation
from fanlight.store import SessionRecord
from fanlight.wire import ConnectionId

from .around import Around
from .cores import Cores
from .outbox import Outbox
from .publish import Followers
from .reasons import inert
from .showing import Shown
from .view import Session, SessionEvent
from .viewers import Viewers

NOTICES_MAX = 50
"""Notices of one session; a guest can cause them."""

_log = log.get("controller")


class Telling(Cores):
    """Makes known what changed in a session."""

    around: Around
    shown: Shown
    followers: Followers
    outbox: Outbox
    viewers: Viewers
    is_end_told: bool
    """Whether negotiation and login know that the session ends."""
    _notices: int

    @property
    def record(self) -> SessionRecord:
        """The session's row, as it will be stored next."""
        return self.shown.record

    @property
    def is_over(self) -> bool:
        """Whether nothing of the session is left to be done."""
        return self.lifecycle.state is lifecycle.State.ENDED

    @property
    def age_s(self) -> float:
        """How long ago the session was asked for."""
        return max(0.0, self.around.clock() - self.record.created_at)

    @property
    def view(self) -> Session:
        """The session as its owner sees it."""
        return self.shown.view()

    @abstractmethod
    def _finish(self) -> None:
        """Leave nothing of a session that is over."""

    def life_changed(self, view: lifecycle.View) -> None:
        """Show and store how the session stands now, and tell the other cores."""
        now = self.around.clock()
        was = self.shown.status
        for stage, _ in view.stages:
            self.shown.story.reach_guest(stage, now)
        if view.has_tool:
            self.shown.story.installed(now)
        if view.status == "vm_created":
            self.shown.story.reach("ready", now)
        self.shown.life_changed(view, now)
        is_new = view.status == "vm_created" and was != "vm_created"
        if is_new and self.negotiation.answerer == "gateway":
            self.soon(self.talk, negotiation.MachineReady())
        if view.status in ("ending", "ended") and view.reason:
            self._tell_of_end(view.reason)
        self.publish()
        if view.status == "ended":
            self.afterwards(self._finish)

    def _tell_of_end(self, reason: Reason) -> None:
        if self.is_end_told:
            return
        self.is_end_told = True
        _log.info("session ends", session=self.id, code=reason.code)
        self.soon(self.talk, negotiation.Ended(reason))
        if self.login is not None:
            self.soon(self.sign, login.SessionEnded(reason))

    def login_changed(self, view: login.View) -> None:
        """Show and store how the login stands now."""
        before = self.shown.login_state
        assert self.login is not None
        self.shown.login_changed(view, self.login.state, self.around.clock())
        self.publish()
        if view.state != before and view.state in ("verified", "confirmed", "rejected"):
            self.outbox.audit(self.record, view.state, {"account": view.account or ""})

    def viewed_by_vnc(self) -> AbstractContextManager[None]:
        """Count one who looks by VNC for as long as the block lasts. Raises LimitReached."""
        return self.viewers.by_vnc(self.around.settings.max_viewers_per_session)

    def _viewers_are(self, count: int) -> None:
        """Tell everybody how many look, by whatever way."""
        if self.is_over:
            return
        self.shown.viewers = count
        self.publish("viewers", {"count": count})
        self.soon(self.life, lifecycle.ViewersCounted(count, self.age_s))
        self.work_off()

    def publish(self, kind: Any = "session", data: Any = None) -> None:
        """Keep the session as it is now, and tell everybody who follows it."""
        self.shown.save()
        self.outbox.event(self.record, kind, self.view.to_json() if data is None else data)

    def tell(self, kind: Any, data: Any) -> None:
        """Tell whoever follows now; it is not kept."""
        self.followers.tell(SessionEvent(None, kind, data))

    def notice(self, code: str, text: str, *, connection: ConnectionId | None = None) -> None:
        """Say something about the session that changes nothing in it."""
        self._notices += 1
        if self._notices > NOTICES_MAX or self.is_over:
            return
        data = {"text": inert(text, 300), "code": code}
        if connection is not None:
            data["connectionId"] = connection
        self.publish("notice", data)
