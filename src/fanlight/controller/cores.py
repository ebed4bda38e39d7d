"""The three state machines of one session, driven: their queue and their timers.

A core's commands are done at once and in order, those that follow from them after them.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable
from typing import Any

from fanlight import log
from fanlight.errors import CallerError, FanlightError
from fanlight.session import (
    Lifecycle,
    Login,
    Negotiation,
    SetTimer,
    lifecycle,
    login,
    negotiation,
)
from fanlight.store import SessionRecord

from .settings import ControllerSettings
from .timers import Timers

_log = log.get("controller")


class Cores(ABC):
    """Hands events to the cores by `life`, `talk` and `sign`; their commands to `do_...`."""

    def __init__(
        self,
        record: SessionRecord,
        settings: ControllerSettings,
        *,
        gateway_there: bool,
        can_pause: bool = False,
    ) -> None:
        answerer: negotiation.Answerer = "machine" if record.answerer == "machine" else "gateway"
        self.id = record.id
        kept_s = record.memo.get("keepS")
        self.lifecycle = Lifecycle(
            settings.lifecycle(
                with_login=record.tool is not None,
                keep_s=kept_s,
                # A machine that answers viewers itself must be there to be asked.
                can_pause=can_pause and answerer == "gateway",
            )
        )
        self.negotiation = Negotiation(
            answerer, settings.negotiation(answerer), gateway_there=gateway_there
        )
        self.login = Login(settings.login()) if record.tool else None
        self.timers = Timers()
        self._queue: deque[Callable[[], None]] = deque()
        self._is_running = False

    @abstractmethod
    def do_life(self, command: lifecycle.Command) -> None:
        """Carry out a command of the lifecycle."""

    @abstractmethod
    def do_talk(self, command: negotiation.Command) -> None:
        """Carry out a command of the negotiation."""

    @abstractmethod
    def do_sign(self, command: login.Command) -> None:
        """Carry out a command of the login."""

    @property
    def is_busy(self) -> bool:
        """Whether something is queued."""
        return bool(self._queue)

    def life(self, event: lifecycle.Event) -> None:
        """Drive the lifecycle. Raises IllegalEvent."""
        self._queue.extend(self._todo(self.do_life, self.lifecycle.handle(event)))
        self._run()

    def talk(self, event: negotiation.Event) -> None:
        """Drive the negotiation. Raises what `Negotiation.handle` raises."""
        self._queue.extend(self._todo(self.do_talk, self.negotiation.handle(event)))
        self._run()

    def sign(self, event: login.Event) -> None:
        """Drive the login. Raises what `Login.handle` raises."""
        if self.login is None:
            raise CallerError("this session signs nothing in")
        self._queue.extend(self._todo(self.do_sign, self.login.handle(event)))
        self._run()

    def late(self, feed: Callable[[Any], None], event: object) -> None:
        """Drive a core with what nobody waits for: what it refuses is logged, not raised."""
        try:
            feed(event)
        except FanlightError as error:
            _log.warning("an event came too late", session=self.id, error=str(error))

    @staticmethod
    def _todo(do: Callable[[Any], None], commands: list[Any]) -> list[Callable[[], None]]:
        return [lambda command=command: do(command) for command in commands]  # type: ignore[misc]

    def soon(self, feed: Callable[[Any], None], event: object) -> None:
        """Drive a core when what is being done now is done."""
        self._queue.append(lambda: self.late(feed, event))

    def work_off(self) -> None:
        """Do what is queued, unless that is being done."""
        self._run()

    def _run(self) -> None:
        if self._is_running:
            return
        self._is_running = True
        try:
            while self._queue:
                self._queue.popleft()()
        finally:
            self._is_running = False

    def afterwards(self, action: Callable[[], None]) -> None:
        """Do something when everything that is queued now is done."""
        self._queue.append(action)

    def set_timer(self, feed: Callable[[Any], None], command: SetTimer[Any]) -> None:
        """Drive a core later."""
        event = command.event
        self.timers.set(event, command.after_s, lambda: self.late(feed, event))
