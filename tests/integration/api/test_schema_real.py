"""Anything at all is sent to a real server with real machines: no 500, and nothing stays."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis.checks import not_a_server_error
from tests.integration.api.real import Real

from fanlight.testing.server import RunningServer

pytestmark = pytest.mark.timeout(120)

FEW = settings(
    max_examples=5, deadline=None, suppress_health_check=list(HealthCheck), database=None
)
LEFT_OUT = {("/api/signout", "post"), ("/api/auth/session/{id}/events", "get")}
"""Whoever is signed out gets no further, and a stream would not end."""
ENDS_IT = {("/api/auth/session/{id}", "delete")}
ANYTHING = schemathesis.GenerationMode.NEGATIVE
IN_TIME_S = 60


@pytest.fixture(scope="module")
def real() -> Iterator[Real]:
    settings_ = {"max_sessions_per_principal": 2, "install_tools": False}
    with RunningServer(settings_) as server, Real(server) as made:
        yield made


def test_no_answer_is_a_500_and_no_session_stays(real: Real) -> None:
    session = str(real.start()["sessionId"])
    document = schemathesis.openapi.from_url(f"{real.url}/openapi.json")
    found: list[Any] = [result.ok() for result in document.get_all_operations()]
    cookie = "; ".join(f"{name}={value}" for name, value in real.owner.cookies.items())
    headers = {"cookie": cookie, "origin": real.url}
    began = time.monotonic()
    for operation in found:
        which = (operation.path, operation.method.lower())
        if which in LEFT_OUT | ENDS_IT:
            continue

        @given(case=operation.as_strategy() | operation.as_strategy(generation_mode=ANYTHING))
        @FEW
        def answers(case: Any) -> None:
            if "id" in (case.path_parameters or {}) and operation.path.startswith("/api/"):  # noqa: B023
                case.path_parameters["id"] = session
            if "wait" in (case.query or {}):
                case.query["wait"] = 0
            case.call_and_validate(headers=headers, checks=[not_a_server_error], timeout=15)

        answers()
    assert time.monotonic() - began < IN_TIME_S
    assert real.owner.get(f"/api/auth/session/{session}").json()["status"] == "vm_created"
    for each in real.owner.get("/api/auth/sessions").json()["sessions"]:
        real.end(each["sessionId"])
    assert list((real.server.data / "run" / "m").iterdir()) == []
