"""The catalogue: one declarative file for each tool that can be signed in.

Everything Fanlight knows of a tool stands in its TOML file here; no code names one. Its locked
tree is installed from `locks/NAME`.
"""

from .catalogue import Catalogue, ListedFile, ListedTool
from .description import Install, Tool, read_tools

__all__ = ["Catalogue", "Install", "ListedFile", "ListedTool", "Tool", "read_tools"]
