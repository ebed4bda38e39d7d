"""The Python client and `fanlight connect`."""

from .api import (
    BundleRefused,
    Event,
    FanlightClient,
    LoginNotDelivered,
    ProblemReceived,
    ServerUnreachable,
)
from .connect import connect, run

__all__ = [
    "BundleRefused",
    "Event",
    "FanlightClient",
    "LoginNotDelivered",
    "ProblemReceived",
    "ServerUnreachable",
    "connect",
    "run",
]
