"""Drives sessions: runs the cores' commands, owns tasks and timers, re-adopts after a restart."""

from .controller import Controller
from .network import NetworkRequest
from .opening import HostController, open_controller
from .settings import ControllerSettings
from .streaming import StreamPipe
from .tokens import MachineTokens
from .view import LoginView, ReasonView, Session, SessionEvent, StageView, StartRequest

__all__ = [
    "Controller",
    "ControllerSettings",
    "HostController",
    "LoginView",
    "MachineTokens",
    "NetworkRequest",
    "ReasonView",
    "Session",
    "SessionEvent",
    "StageView",
    "StartRequest",
    "StreamPipe",
    "open_controller",
]
