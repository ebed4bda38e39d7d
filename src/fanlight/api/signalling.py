"""The offer/answer routes that existing front ends and machines use.

The viewer's side is a browser of the owner's or a ticket; the machine's side is that session's
machine token and nothing else. Which side asks for candidates is told by the token.
"""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.requests import Request

from fanlight import errors
from fanlight.session.negotiation import Candidate
from fanlight.wire import ConnectionId, SessionId

from .fragments import read_offer
from .ice import ice_servers
from .identity import Anyone, bearer
from .parts import Parts, SharedParts
from .problems import responses
from .schemas import (
    AnswerBody,
    CandidateAnswer,
    CandidateBody,
    CandidateList,
    DescriptionAnswer,
    IceServerList,
    OfferBody,
    Opened,
)
from .viewing import find_viewer, open_connection

router = APIRouter(tags=["signalling"])

BASE = "/api/webrtc/session/{id}"
Connection = Annotated[str | None, Query(alias="connectionId", max_length=128)]
Wait = Annotated[float, Query(ge=0, allow_inf_nan=False, description="Seconds, 60 at most")]
After = Annotated[int, Query(ge=0, le=1_000_000)]
REFUSED = responses(
    errors.NotSignedIn,
    errors.NotAllowed,
    errors.SessionNotFound,
    errors.ConnectionNotFound,
    errors.NothingYet,
    errors.SessionEnded,
    errors.IllegalEvent,
    errors.Expired,
    errors.OfferRejected,
)


def machine_token(request: Request) -> str:
    """Give the machine token of the request. Raises NotSignedIn; NotAllowed for another kind."""
    token = bearer(request)
    if token is None and not request.cookies:
        raise errors.NotSignedIn("this address is for the session's machine")
    if token is None or not token.startswith("flm_"):
        raise errors.NotAllowed("this address is for the session's machine, by its token")
    return token


@router.post(BASE + "/offer", status_code=201, responses=REFUSED)
async def send_offer(id: str, body: OfferBody, request: Request, parts: SharedParts) -> Opened:
    """Send a viewer's offer; the answer is fetched with `GET .../answer`."""
    session = SessionId(id)
    viewer = await find_viewer(request, session, parts)
    read_offer(body.sdp)
    return Opened(connection_id=await open_connection(viewer, session, body.sdp, parts))


@router.get(BASE + "/answer", response_model_exclude_none=True, responses=REFUSED)
async def fetch_answer(
    id: str,
    request: Request,
    parts: SharedParts,
    connection_id: Connection = None,
    wait: Wait = 0,
) -> DescriptionAnswer:
    """Fetch the answer; 404 while there is none, or held for `wait` seconds."""
    session = SessionId(id)
    viewer = await find_viewer(request, session, parts)
    connection = viewer.may_touch(_named(connection_id))
    sdp = await parts.controller.answer(viewer.principal, session, connection, _held(wait, parts))
    if sdp is None:
        raise errors.NothingYet("there is no answer yet")
    return DescriptionAnswer(type="answer", sdp=sdp, connection_id=connection)


@router.get(BASE + "/offer", response_model_exclude_none=True, responses=REFUSED)
async def fetch_offer(
    id: str,
    request: Request,
    parts: SharedParts,
    connection_id: Connection = None,
    wait: Wait = 0,
) -> DescriptionAnswer:
    """Fetch a viewer's offer, for a machine that answers itself."""
    found = await parts.controller.offer_for_machine(
        machine_token(request), SessionId(id), _named(connection_id), _held(wait, parts)
    )
    if found is None:
        raise errors.NothingYet("there is no offer yet")
    connection, sdp = found
    return DescriptionAnswer(type="offer", sdp=sdp, connection_id=connection)


@router.post(BASE + "/answer", status_code=204, responses=REFUSED)
async def send_answer(
    id: str,
    body: AnswerBody,
    request: Request,
    parts: SharedParts,
    connection_id: Connection = None,
) -> None:
    """Answer a viewer's offer: the session's own machine only, where it was declared at start."""
    await parts.controller.answer_from_machine(
        machine_token(request), SessionId(id), _named(connection_id), body.sdp
    )


@router.post(BASE + "/candidates", status_code=204, responses=REFUSED)
async def send_candidate(
    id: str,
    body: CandidateBody,
    request: Request,
    parts: SharedParts,
    connection_id: Connection = None,
) -> None:
    """Tell the other side a candidate."""
    session, connection = SessionId(id), _named(connection_id)
    candidate = Candidate(body.candidate, body.sdp_mid, body.sdp_m_line_index)
    if (token := _machine_side(request)) is not None:
        await parts.controller.add_machine_candidate(token, session, connection, candidate)
        return
    viewer = await find_viewer(request, session, parts)
    await parts.controller.add_viewer_candidate(
        viewer.principal, session, viewer.may_touch(connection), candidate
    )


@router.get(BASE + "/candidates", responses=REFUSED)
async def fetch_candidates(
    id: str,
    request: Request,
    parts: SharedParts,
    connection_id: Connection = None,
    after: After = 0,
    wait: Wait = 0,
) -> CandidateList:
    """Fetch the other side's candidates from number `after` on."""
    session, connection, held = SessionId(id), _named(connection_id), _held(wait, parts)
    if (token := _machine_side(request)) is not None:
        found = await parts.controller.viewer_candidates(token, session, connection, after, held)
    else:
        viewer = await find_viewer(request, session, parts)
        found = await parts.controller.machine_candidates(
            viewer.principal, session, viewer.may_touch(connection), after, held
        )
    candidates = [
        CandidateAnswer(
            candidate=each.candidate,
            sdp_mid=each.sdp_mid,
            sdp_m_line_index=each.sdp_m_line_index,
        )
        for each in found
    ]
    return CandidateList(candidates=candidates, next=after + len(candidates))


@router.get(
    "/api/webrtc/ice-servers",
    response_model_exclude_none=True,
    responses=responses(errors.NotSignedIn, errors.NotAllowed),
)
async def list_ice_servers(request: Request, asker: Anyone, parts: SharedParts) -> IceServerList:
    """Give the STUN and TURN servers, with credentials that run out."""
    host = request.headers["host"]
    servers = ice_servers(parts.settings, asker.principal, parts.clock(), host=host)
    return IceServerList(ice_servers=servers)


def _machine_side(request: Request) -> str | None:
    token = bearer(request)
    return token if token is not None and token.startswith("flm_") else None


def _named(connection: str | None) -> ConnectionId | None:
    return None if connection is None else ConnectionId(connection)


def _held(wait_s: float, parts: Parts) -> float:
    return min(wait_s, parts.settings.max_wait_s)
