"""The machine or its provider failed: the session ends."""

from __future__ import annotations

from .root import FanlightError


class MachineError(FanlightError):
    """The machine or its provider failed. The session ends with this reason."""

    code = "machine-error"
    title = "The machine failed"
    status = 502
    hint = "Start a new session. If it happens again, run `fanlight doctor`."


class MachineNotFound(MachineError):
    """The provider knows no such machine."""

    code = "machine-not-found"
    title = "No such machine"
    status = 404


class MachineRefused(MachineError):
    """The provider could not make a machine."""

    code = "machine-refused"
    title = "No machine could be made"


class BootTimedOut(MachineError):
    """The machine did not become ready in time."""

    code = "boot-timed-out"
    title = "The machine did not become ready in time"


class MachineDied(MachineError):
    """The machine is gone and nobody asked it to go."""

    code = "machine-died"
    title = "The machine died"

    def __init__(self, ref: str, status: int, console_tail: str) -> None:
        super().__init__(f"machine {ref} exited with status {status}")
        self.ref, self.status_code, self.console_tail = ref, status, console_tail


class LoginFailed(MachineError):
    """The tool could not be signed in."""

    code = "login-failed"
    title = "The tool could not be signed in"
    hint = "The tool's own last words are in the detail. Try again."
