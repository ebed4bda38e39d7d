"""The only reader of environment, configuration file and defaults.

Parts receive their settings as an argument; nobody imports a global. A new setting is a field of
`ServeSettings` with a sentence below it: flag, variable, TOML key and page are derived.
"""

from .check import check, is_loopback
from .serve import ServeSettings, default_data
from .source import Setting, describe, load, settings

__all__ = [
    "ServeSettings",
    "Setting",
    "check",
    "default_data",
    "describe",
    "is_loopback",
    "load",
    "settings",
]
