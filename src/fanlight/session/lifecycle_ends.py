"""Why a session ended, in a sentence, by the event that ended it."""

from __future__ import annotations

from .lifecycle_words import (
    AbsoluteTimedOut,
    BootTimedOut,
    EndRequested,
    Event,
    GuestFailed,
    IdleTimedOut,
    LinkTimedOut,
    LoginFinished,
    MachineDestroyed,
    MachineDied,
    MachineStartRefused,
    ToolFailed,
)
from .rules import Reason


def why(event: Event) -> Reason:
    """Give the reason for which an event ends a session."""
    match event:
        case EndRequested(reason) | LoginFinished(reason):
            return reason
        case MachineStartRefused(code, text) | GuestFailed(code, text) | ToolFailed(code, text):
            return Reason(code, text)
        case MachineDestroyed():
            return Reason("machine-died", "It was destroyed from outside.")
        case MachineDied(out_of_memory_mib=full_mib) if full_mib:
            return Reason("machine-out-of-memory", f"It used all of its memory ({full_mib} MiB).")
        case MachineDied(status):
            return Reason("machine-died", f"It ended by itself, with status {status}.")
        case BootTimedOut():
            return Reason("boot-timed-out", "Its desktop was not there when the time was up.")
        case IdleTimedOut():
            return Reason("idle", "Nobody looked at the session for too long.")
        case AbsoluteTimedOut():
            return Reason("session-timed-out", "The session lasted as long as it may.")
        case LinkTimedOut():
            return Reason("guest-lost", "Its link was lost and did not come back in time.")
        case _:
            return Reason("internal", f"{type(event).__name__} ended the session.")
