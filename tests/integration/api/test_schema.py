"""Anything at all is sent to every route of the OpenAPI document: no answer is a 500, and every
answer is as the document says.
"""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from fanlight.controller import StartRequest
from fanlight.store import OWNER

from .conftest import Served

pytestmark = pytest.mark.timeout(120)

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
QUICK = settings(
    max_examples=16, deadline=None, suppress_health_check=list(HealthCheck), database=None
)
EVENTS = "/api/auth/session/{id}/events"
WRONG = schemathesis.GenerationMode.NEGATIVE
SIGN_OUT = "/api/signout"


@pytest.fixture(scope="module")
def session_id(served: Served) -> str:
    """A session of the browser's."""
    desk = served.desk
    assert desk is not None
    return asyncio.run(desk.controller.start(OWNER, StartRequest())).session_id


@pytest.fixture(scope="module")
def operations(served: Served) -> list[Any]:
    document = schemathesis.openapi.from_url(f"{served.url}/openapi.json")
    found = [result.ok() for result in document.get_all_operations()]
    assert len(found) > 30
    return found


def try_all(operations: list[Any], headers: dict[str, str], session_id: str | None) -> None:
    """Send made-up requests to every operation; `session_id` in place of a made-up one."""
    for operation in operations:
        endless = operation.path == EVENTS and session_id is not None
        if endless or (operation.path == SIGN_OUT and headers):
            continue  # the stream would not end; whoever is signed out gets no further

        @given(case=operation.as_strategy() | operation.as_strategy(generation_mode=WRONG))
        @QUICK
        def answers(case: Any) -> None:
            if session_id is not None and "id" in (case.path_parameters or {}):
                case.path_parameters["id"] = session_id
            case.call_and_validate(headers=headers, checks=CHECKS, timeout=10)

        answers()


def test_somebody_signed_in_gets_documented_answers(operations: list[Any], served: Served) -> None:
    try_all(operations, served.browser, None)


def test_nobody_gets_documented_answers(operations: list[Any]) -> None:
    try_all(operations, {}, None)


def test_the_owner_of_a_session_gets_documented_answers(
    operations: list[Any], served: Served, session_id: str
) -> None:
    try_all(operations, served.browser, session_id)
