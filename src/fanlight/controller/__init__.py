"""Drives sessions: runs the cores' commands, owns tasks and timers, re-adopts after a restart."""

from .controller import Controller
from .view import LoginView, ReasonView, Session, SessionEvent, StageView, StartRequest

__all__ = [
    "Controller",
    "LoginView",
    "ReasonView",
    "Session",
    "SessionEvent",
    "StageView",
    "StartRequest",
]
