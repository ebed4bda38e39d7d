"""What every test has: no blocking call of ours on an event loop, and hypothesis' profiles."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator

import pytest
import structlog
from blockbuster import BlockBuster, blockbuster_ctx
from hypothesis import HealthCheck, settings

settings.register_profile("dev", max_examples=100, stateful_step_count=40, deadline=None)
settings.register_profile(
    "ci", max_examples=300, stateful_step_count=50, deadline=None, derandomize=True, database=None
)
settings.register_profile(
    "night",
    max_examples=5000,
    stateful_step_count=80,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "dev"))


@pytest.fixture(autouse=True)
def no_blocking_calls() -> Iterator[BlockBuster]:
    """Fail a test in which our code blocks an event loop."""
    with blockbuster_ctx("fanlight") as blocker:
        yield blocker


@pytest.fixture(autouse=True)
def logs_as_they_were() -> Iterator[None]:
    """Undo what a test set up for logs: its captured streams are closed when it is over."""
    yield
    if structlog.is_configured():
        structlog.reset_defaults()
        logging.basicConfig(force=True)
