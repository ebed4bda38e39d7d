"""Sessions, keys, tickets and the audit trail, in SQLite."""

from .records import (
    ApiKey,
    AuditRecord,
    DeviceRequest,
    EventRecord,
    Principal,
    SessionRecord,
    SessionToken,
    Ticket,
    TicketUse,
)
from .store import OWNER, Store
from .tokens import USER_CODE_LETTERS, hashed, new_token

__all__ = [
    "OWNER",
    "USER_CODE_LETTERS",
    "ApiKey",
    "AuditRecord",
    "DeviceRequest",
    "EventRecord",
    "Principal",
    "SessionRecord",
    "SessionToken",
    "Store",
    "Ticket",
    "TicketUse",
    "hashed",
    "new_token",
]
