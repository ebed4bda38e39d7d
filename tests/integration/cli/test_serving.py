"""`fanlight serve` as an operator meets it."""

from __future__ import annotations

import httpx
import pytest

from fanlight.testing.server import RunningServer

pytestmark = pytest.mark.timeout(120)


def test_the_figures_of_the_controller_and_of_http_are_in_one_place() -> None:
    with RunningServer() as server:
        httpx.get(f"{server.url}/healthz").raise_for_status()
        figures = httpx.get(f"{server.url}/metrics").text

    assert "fanlight_sessions 0.0" in figures
    assert "fanlight_gateway_restarts_total" in figures
    assert 'fanlight_http_requests_total{method="GET",route="/healthz",status="200"}' in figures
