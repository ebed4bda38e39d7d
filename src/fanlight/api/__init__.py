"""HTTP: routes, WHEP, events, tickets, problem details. Thin."""

from .app import create_app
from .controls import Controls
from .settings import ApiSettings, Rates

__all__ = ["ApiSettings", "Controls", "Rates", "create_app"]
