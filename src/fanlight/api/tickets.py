"""Tickets: permission to open one thing once, where a header cannot be sent."""

from __future__ import annotations

from fastapi import APIRouter

from fanlight.errors import NotAllowed, NotSignedIn, SessionEnded, SessionNotFound
from fanlight.wire import SessionId

from .identity import Browser
from .parts import SharedParts
from .problems import responses
from .schemas import NewTicket, TicketAnswer

router = APIRouter(tags=["view"])


@router.post(
    "/api/tickets",
    status_code=201,
    responses=responses(NotSignedIn, NotAllowed, SessionNotFound, SessionEnded),
)
async def make_ticket(body: NewTicket, asker: Browser, parts: SharedParts) -> TicketAnswer:
    """Make a ticket for one's own session, or for a pre-flight: good for 60 seconds, once."""
    now = parts.clock()
    parts.limits.ticket.take(asker.principal, now)
    if body.use == "preflight":
        return TicketAnswer(ticket=parts.passes.new(asker.principal, now))
    session = SessionId(body.session)
    found = await parts.controller.session(asker.principal, session)
    if found.status == "ended":
        raise SessionEnded
    ticket = await parts.store.new_ticket(session, asker.principal, body.use, now)
    return TicketAnswer(ticket=ticket)
