"""The Python client and `fanlight connect`."""

from .api import (
    BundleRefused,
    Event,
    FanlightClient,
    LoginNotDelivered,
    ProblemReceived,
    ServerUnreachable,
)
from .connect import Connected, connect, run

__all__ = [
    "BundleRefused",
    "Connected",
    "Event",
    "FanlightClient",
    "LoginNotDelivered",
    "ProblemReceived",
    "ServerUnreachable",
    "connect",
    "run",
]
