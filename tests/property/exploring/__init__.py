"""Every order in which things can happen to a session's viewers: not samples, all of them.

python -m tests.property.exploring --viewers 2 --lost 1 --doubled 1 --crashes 1 --restarts 1
"""

from .explorer import Explorer
from .walk import Explored, explore
from .worlds import Broken, Budget

__all__ = ["Broken", "Budget", "Explored", "Explorer", "explore"]
