"""Tickets of pre-flights: they belong to no session, so that the store has no row for them.

In memory only: after a restart of the controller a page asks for a new one.
"""

from __future__ import annotations

from collections import OrderedDict

from fanlight.errors import Expired
from fanlight.store import hashed, new_token
from fanlight.wire import PrincipalId

LIFE_S = 60.0
MOST = 1_000
"""Kept at once; the oldest goes first."""


class Passes:
    """Permission to open one pre-flight socket once. Known by their hash, as every token is."""

    def __init__(self) -> None:
        self._good: OrderedDict[str, tuple[PrincipalId, float]] = OrderedDict()

    def new(self, who: PrincipalId, now: float) -> str:
        """Make one, good for 60 seconds."""
        token = new_token("flt_")
        self._good[hashed(token)] = (who, now + LIFE_S)
        while len(self._good) > MOST:
            self._good.popitem(last=False)
        return token

    def redeem(self, token: str, now: float) -> PrincipalId:
        """Use it up, and give whose it was. Raises Expired: used, too old, or none of these."""
        found = self._good.pop(hashed(token), None)
        if found is None or found[1] <= now:
            raise Expired("this ticket was used before, is too old, or is for something else")
        return found[0]
