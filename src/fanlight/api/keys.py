"""API keys, the tools that there are, and the audit trail."""

from __future__ import annotations

import asyncio
from dataclasses import asdict

from fastapi import APIRouter

from fanlight.errors import NotAllowed, NotFound, NotSignedIn

from .identity import Anyone, Browser
from .parts import SharedParts
from .problems import responses
from .schemas import AuditLine, History, KeyAnswer, KeyList, NewKey, ToolAnswer

router = APIRouter()
REFUSED = responses(NotSignedIn, NotAllowed)


@router.get("/api/keys", tags=["keys"], response_model_exclude_none=False, responses=REFUSED)
async def list_keys(asker: Browser, parts: SharedParts) -> KeyList:
    """List the principal's API keys, without the keys themselves."""
    keys = await parts.store.keys(asker.principal)
    return KeyList(keys=[KeyAnswer.model_validate(key) for key in keys])


@router.post("/api/keys", tags=["keys"], status_code=201, responses=REFUSED)
async def make_key(body: NewKey, asker: Browser, parts: SharedParts) -> KeyAnswer:
    """Make an API key. It is shown this once."""
    now = parts.clock()
    key, plaintext = await parts.store.new_key(asker.principal, body.label, now)
    detail = {"key": key.id, "label": key.label}
    await parts.store.record(asker.principal, "key_made", now=now, detail=detail)
    answer = KeyAnswer.model_validate(key)
    return answer.model_copy(update={"key": plaintext})


@router.delete(
    "/api/keys/{id}",
    tags=["keys"],
    status_code=204,
    responses=responses(NotSignedIn, NotAllowed, NotFound),
)
async def delete_key(id: str, asker: Browser, parts: SharedParts) -> None:
    """Forget an API key: it is good for nothing from now on."""
    if not await parts.store.delete_key(asker.principal, id):
        raise NotFound("there is no such key")
    now = parts.clock()
    await parts.store.record(asker.principal, "key_deleted", now=now, detail={"key": id})


@router.get("/api/tools", tags=["tools"], responses=REFUSED)
async def list_tools(_asker: Anyone, parts: SharedParts) -> list[ToolAnswer]:
    """List the tools that can be signed in."""
    return [ToolAnswer(**asdict(tool)) for tool in await asyncio.to_thread(parts.tools)]


@router.get("/api/history", tags=["keys"], responses=REFUSED)
async def history(asker: Anyone, parts: SharedParts) -> History:
    """Give the principal's audit trail, newest first."""
    lines = await parts.store.history(asker.principal)
    return History(history=[AuditLine.model_validate(line) for line in lines])
