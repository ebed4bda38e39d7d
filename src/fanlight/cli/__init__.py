"""The command line, and where the rooms are put together. `fanlight --help` teaches it.

Each command imports what it needs when it runs, so that `fanlight --help` is quick. Commands say
what happened, whose fault it is and what to do; nobody is shown a traceback for an error that has
a name.
"""

from .app import main

__all__ = ["main"]
