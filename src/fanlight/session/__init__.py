"""The rules of a session, pure: events in, commands out. No I/O, clock, ids or randomness.

Three state machines, a module each, because their words overlap: say `lifecycle.Open()`,
`negotiation.OfferReceived(...)`, `login.OwnerConfirmed(...)`. Who drives them:

    commands = core.handle(event)      # or IllegalEvent, and nothing changed
    for command in commands: ...       # in this order
    SetTimer(after_s, event)           # hand `event` to the same core in so many seconds

Between the cores the driver carries what one says to another: `lifecycle.StartLogin` is
`login.Begin`; `login.EndSession(reason)` is `lifecycle.LoginFinished(reason)`; a published status
`ending` is `negotiation.Ended(reason)` and `login.SessionEnded(reason)`; `vm_created` is
`negotiation.MachineReady`; `negotiation.CountViewers(n)` is `lifecycle.ViewersCounted(n)`.
"""

from . import lifecycle, login, negotiation
from .lifecycle import Lifecycle, LifecycleSettings
from .login import Login, LoginSettings
from .negotiation import Negotiation, NegotiationSettings
from .rules import CancelTimer, Reason, SetTimer

__all__ = [
    "CancelTimer",
    "Lifecycle",
    "LifecycleSettings",
    "Login",
    "LoginSettings",
    "Negotiation",
    "NegotiationSettings",
    "Reason",
    "SetTimer",
    "lifecycle",
    "login",
    "negotiation",
]
