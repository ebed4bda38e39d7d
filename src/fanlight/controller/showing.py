"""What is shown and stored of one session: made from the cores' views, never read back by them."""

from __future__ import annotations

import dataclasses
from typing import Any, get_args

from fanlight.session import Login, Negotiation, Reason, lifecycle, login
from fanlight.session.lasting import Lasting
from fanlight.store import SessionRecord
from fanlight.wire import BootStage

from .network import Network
from .reasons import shown
from .recipients import fingerprint, matching_code
from .story import LOGIN_STEPS, RESTING_STEPS, Story
from .timeline import Timeline
from .view import LoginView, ReasonView, Session

_STAGES: tuple[BootStage, ...] = get_args(BootStage)


class Shown:
    """The row, the view and the memo of one session."""

    def __init__(self, record: SessionRecord) -> None:
        self.record = record
        self.story = Story(record.created_at)
        memo = record.memo
        self.story.recall(
            memo.get("stages", {}), memo.get("timeline", {}), memo.get("installing", "")
        )
        self.timeline = Timeline(memo.get("ways"))
        self.network = Network.recalled(memo.get("network", {}))
        self.status: lifecycle.Status = "requested"
        self.viewers = 0
        self.tail = ""
        """The last lines of what failed, inert."""
        self.hint = ""
        self.login_state = "requested"
        self.sealed_at = float(record.memo.get("sealedAt", 0.0))
        self.lasting: Lasting | None = None
        self.negotiation: Negotiation | None = None
        self._life: lifecycle.View | None = None
        self._guest_stages: dict[str, float] = dict(record.memo.get("guestStages", {}))
        self._reason: Reason | None = None
        self._shown_reason: ReasonView | None = None
        self._login: login.View | None = None
        self._memo_login: dict[str, Any] = dict(record.memo.get("login", {}))

    def life_changed(self, view: lifecycle.View, now: float) -> None:
        """Take the lifecycle's view."""
        self.status, self._life = view.status, view
        self._guest_stages = dict(view.stages)
        if view.reason is not None and self._shown_reason is None:
            reason = shown(view.reason, self.tail)
            self._shown_reason = (
                dataclasses.replace(reason, hint=self.hint) if self.hint else reason
            )
        if view.status == "ended" and self.record.ended_at is None:
            self.record = dataclasses.replace(self.record, ended_at=now)

    def login_changed(self, view: login.View, state: login.State, now: float) -> None:
        """Take the login's view."""
        self._login, self.login_state = view, view.state
        if state is login.State.SEALED and not self.sealed_at:
            self.sealed_at = now
        self._memo_login = {
            "state": state.value,
            "account": view.account,
            "urlHost": view.url_host,
            "userCode": view.user_code,
        }

    def recall_login(self, core: Login) -> None:
        """Set a login to what the memo says."""
        memo = self._memo_login
        if not memo:
            return
        core.state = login.State(memo["state"])
        core.account, core.url_host = memo["account"], memo["urlHost"]
        core.user_code = memo["userCode"]
        self._login, self.login_state = core.view, core.view.state

    def guest_stages(self) -> tuple[tuple[BootStage, float], ...]:
        """Give the stages that the guest told of before."""
        return tuple(
            (each, self._guest_stages[each]) for each in _STAGES if each in self._guest_stages
        )

    def save(self) -> None:
        """Put everything into the row."""
        reason, lasting = self._shown_reason, self.lasting
        self.record = dataclasses.replace(
            self.record,
            status=self.status,
            reason=dataclasses.asdict(reason) if reason else None,
            view=self.view().to_json(),
            memo={
                **self.record.memo,
                "stages": dict(self.story.stages),
                "timeline": dict(self.story.timeline),
                "ways": self.timeline.to_memo(),
                "installing": self.story.installing,
                "guestStages": self._guest_stages,
                "login": self._memo_login,
                "sealedAt": self.sealed_at,
                "network": self.network.to_memo(),
                "grantedS": lasting.granted_s if lasting else 0.0,
                "idleUntilS": lasting.idle_until_s if lasting else None,
                "owed": list(self.negotiation.owed) if self.negotiation else [],
                "viewersOf": self.negotiation.viewers_of if self.negotiation else {},
            },
        )

    def save_viewers(self) -> bool:
        """Put into the row what a later controller recalls of viewers; False: it is there."""
        core, memo = self.negotiation, self.record.memo
        if core is None:
            return False
        is_there = memo.get("owed", []) == core.owed
        if is_there and memo.get("viewersOf", {}) == core.viewers_of:
            return False
        self.save()
        return True

    def view(self) -> Session:
        """Give the session as its owner sees it."""
        record = self.record
        tool = f"&provider={record.tool}" if record.tool else ""
        return Session(
            session_id=record.id,
            provider=record.tool,
            status=self.status,
            step=self._step(),
            percent=self.story.percent,
            stages=self.story.view(),
            reason=self._shown_reason,
            login=self._login_view(),
            answerer="machine" if record.answerer == "machine" else "gateway",
            viewers=self.viewers,
            label=record.label,
            created_at=record.created_at,
            ended_at=record.ended_at,
            page=f"/dashboard/remote-cli/auth?session={record.id}{tool}",
            keep_s=self.lasting.settings.keep_s if self.lasting else 0.0,
            ends_at=self._ends_at(),
            ending=self._life.looming if self._life else None,
            pause=self._life.pause if self._life else None,
            timeline=self.timeline.view(self.story.timeline, self.story.shown_stages),
            network=self.network.view,
        )

    def _ends_at(self) -> float | None:
        ends_s = self._life.ends_s if self._life else None
        return None if ends_s is None else round(self.record.created_at + ends_s, 3)

    def _step(self) -> str:
        match self.status:
            case "ending":
                return "Ending"
            case "ended":
                return "Ended"
            case "vm_created" if self._life and self._life.pause:
                return RESTING_STEPS[self._life.pause]
            case "vm_created" if self.record.tool and not self.story.is_installing:
                return LOGIN_STEPS[self.login_state]
            case _:
                return self.story.step

    def _login_view(self) -> LoginView | None:
        record = self.record
        if record.tool is None or record.recipient is None:
            return None
        code = record.memo.get("matchingCode") or matching_code(record.recipient, record.id)
        now = self._login
        return LoginView(
            state=now.state if now else "requested",
            account=now.account if now else None,
            url_host=now.url_host if now else None,
            user_code=now.user_code if now else None,
            fingerprint=fingerprint(record.recipient),
            recipient=record.recipient,
            matching_code=str(code),
        )
