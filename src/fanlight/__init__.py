"""Fanlight: disposable desktops that sign command-line tools in."""

__version__ = "0.1.0"
