"""WHEP (draft-ietf-wish-whep): the door that our own viewer and other players use.

The answer holds every candidate of ours and never waits for a machine. Players differ: some send
no If-Match with a trickled fragment, some send `*`, some quote it. All of them mean trickle as
long as the ufrag is the present one; another ufrag is an ICE restart, which gets a 422.
"""

from __future__ import annotations

import secrets
from typing import Annotated

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response

from fanlight import errors
from fanlight.errors import FanlightError
from fanlight.wire import ConnectionId, SessionId

from .fragments import Fragment, OfferFacts, read_fragment, read_offer
from .ice import ice_servers, link_headers
from .parts import Parts, SharedParts
from .problems import responses
from .resources import Resource
from .viewing import Viewer, find_viewer, not_opened, open_connection

router = APIRouter(tags=["whep"])

ENDPOINT = "/api/webrtc/session/{id}/whep"
NAME = r"^[A-Za-z0-9_-]{1,128}$"
"""A connection's name, as far as its letters go."""
SDP = "application/sdp"
FRAGMENT = "application/trickle-ice-sdpfrag"
REFUSED = responses(
    errors.NotSignedIn,
    errors.NotAllowed,
    errors.SessionNotFound,
    errors.ConnectionNotFound,
    errors.SessionEnded,
    errors.Expired,
    errors.MediaTypeUnsupported,
    errors.OfferRejected,
)


def sends(media_type: str) -> dict[str, object]:
    """Describe a body of `media_type` for the OpenAPI document."""
    schema = {"schema": {"type": "string"}}
    return {"requestBody": {"required": True, "content": {media_type: schema}}}


@router.post(
    ENDPOINT,
    status_code=201,
    response_class=Response,
    openapi_extra=sends(SDP),
    responses=REFUSED | {201: {"description": "The answer", "content": {SDP: {}}}},
)
async def post(
    id: str,
    request: Request,
    parts: SharedParts,
    replaces: Annotated[str | None, Query(pattern=NAME)] = None,
) -> Response:
    """Send an offer, get the answer.

    `replaces`: the connection that this viewer had before. It stays one viewer, and keeps control.
    """
    session = SessionId(id)
    viewer = await find_viewer(request, session, parts)
    offer = await described(request, SDP)
    facts = read_offer(offer)
    before = None if replaces is None else ConnectionId(replaces)
    connection = await open_connection(viewer, session, offer, parts, before)
    try:
        answer = await _answer(viewer, session, connection, parts)
    except FanlightError:
        await not_opened(viewer, parts)
        raise
    response = _created(answer, session, connection, facts, parts)
    _add_links(request, response, viewer, parts)
    return response


async def _answer(
    viewer: Viewer, session: SessionId, connection: ConnectionId, parts: Parts
) -> str:
    answer = await parts.controller.answer(
        viewer.principal, session, connection, parts.settings.answer_wait_s
    )
    if answer is None:
        await parts.controller.close_connection(viewer.principal, session, connection)
        raise errors.GatewayUnavailable("there was no answer in time")
    return answer


def _created(
    answer: str,
    session: SessionId,
    connection: ConnectionId,
    facts: OfferFacts,
    parts: Parts,
) -> Response:
    resource = Resource(session, facts.ufrag, f'"{secrets.token_urlsafe(9)}"')
    parts.resources.add(connection, resource)
    headers = {
        "location": f"/api/webrtc/session/{session}/whep/{connection}",
        "etag": resource.etag,
        "accept-patch": FRAGMENT,
        "cache-control": "no-store",
    }
    return Response(answer, status_code=201, headers=headers, media_type=SDP)


@router.get(ENDPOINT, status_code=204, response_class=Response, responses=REFUSED)
async def get(id: str, request: Request, parts: SharedParts) -> Response:
    """Say that the endpoint is there: no content."""
    viewer = await _discovered(id, request, parts)
    response = Response(status_code=204, headers={"cache-control": "no-store"})
    _add_links(request, response, viewer, parts)
    return response


@router.head(ENDPOINT, response_class=Response, responses=REFUSED)
async def head(id: str, request: Request, parts: SharedParts) -> Response:
    """Say that the endpoint is there."""
    viewer = await _discovered(id, request, parts)
    headers = {"content-type": SDP, "cache-control": "no-store"}
    response = Response(headers=headers)
    _add_links(request, response, viewer, parts)
    return response


@router.options(ENDPOINT, response_class=Response, responses=responses())
async def options(id: str, request: Request, parts: SharedParts) -> Response:
    """Say what is taken; whoever may view is told the ICE servers as well."""
    headers = {"allow": "GET, HEAD, OPTIONS, POST", "accept-post": SDP}
    response = Response(headers=headers)
    try:
        viewer = await _discovered(id, request, parts)
    except errors.CallerError:
        # A preflight carries no Authorization, so this must not need any.
        return response
    _add_links(request, response, viewer, parts)
    return response


@router.options(ENDPOINT + "/{connection}", response_class=Response, responses=responses())
async def resource_options(id: str, connection: str) -> Response:
    """Say what an open connection takes. It is the same for each, and tells of none."""
    return Response(headers={"allow": "DELETE, OPTIONS, PATCH", "accept-patch": FRAGMENT})


@router.patch(
    ENDPOINT + "/{connection}",
    status_code=204,
    response_class=Response,
    openapi_extra=sends(FRAGMENT),
    responses=REFUSED
    | responses(
        errors.FragmentRejected,
        errors.IceRestartUnsupported,
        errors.EtagStale,
        errors.IfMatchRequired,
    ),
)
async def patch(id: str, connection: str, request: Request, parts: SharedParts) -> Response:
    """Trickle candidates."""
    session, opened = SessionId(id), ConnectionId(connection)
    viewer = await find_viewer(request, session, parts)
    viewer.may_touch(opened)
    fragment = read_fragment(await described(request, FRAGMENT))
    resource = parts.resources.get(opened)
    if resource is not None:
        if resource.session != session:
            raise errors.ConnectionNotFound
        check_generation(
            fragment, resource, request.headers.get("if-match"), parts.settings.strict_whep
        )
    for candidate in fragment.candidates:
        await parts.controller.add_viewer_candidate(viewer.principal, session, opened, candidate)
    return Response(status_code=204)


@router.delete(ENDPOINT + "/{connection}", response_class=Response, responses=REFUSED)
async def delete(id: str, connection: str, request: Request, parts: SharedParts) -> Response:
    """Close the connection."""
    session, opened = SessionId(id), ConnectionId(connection)
    viewer = await find_viewer(request, session, parts)
    viewer.may_touch(opened)
    await parts.controller.close_connection(viewer.principal, session, opened)
    parts.resources.remove(opened)
    return Response(status_code=200)


def check_generation(
    fragment: Fragment, resource: Resource, if_match: str | None, strict: bool
) -> None:
    """Let a fragment of the present ICE generation pass.

    Raises EtagStale (412), IceRestartUnsupported (422) or, in strict mode, IfMatchRequired (428).
    """
    tags = [tag.strip() for tag in (if_match or "").split(",")]
    if if_match is None and strict:
        raise errors.IfMatchRequired
    if if_match is not None and not {"*", '"*"', resource.etag} & set(tags):
        raise errors.EtagStale
    if fragment.ufrag not in ("", resource.ufrag):
        raise errors.IceRestartUnsupported


async def _discovered(id_: str, request: Request, parts: Parts) -> Viewer:
    session = SessionId(id_)
    viewer = await find_viewer(request, session, parts)
    await parts.controller.session(viewer.principal, session)
    return viewer


async def described(request: Request, media_type: str) -> str:
    """Give the body as text. Raises MediaTypeUnsupported, MalformedBody."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != media_type:
        raise errors.MediaTypeUnsupported(f"this takes {media_type}")
    try:
        return (await request.body()).decode()
    except UnicodeDecodeError:
        raise errors.MalformedBody("the body is not UTF-8") from None


def _add_links(request: Request, response: Response, viewer: Viewer, parts: Parts) -> None:
    host = request.headers["host"]
    servers = ice_servers(parts.settings, viewer.principal, parts.clock(), host=host)
    for link in link_headers(servers):
        response.headers.append("link", link)
