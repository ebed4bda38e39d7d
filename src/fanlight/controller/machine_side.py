"""What a machine asks for that answers viewers itself. Its token says which one it is."""

from __future__ import annotations

from collections.abc import Sequence

from fanlight.session import negotiation
from fanlight.session.negotiation import Candidate
from fanlight.wire import ConnectionId, SessionId

from .registry import Registry


class MachineSide(Registry):
    """Offers to the machine, answers from it."""

    async def offer_for_machine(
        self, machine_token: str, id: SessionId, connection: ConnectionId | None, wait_s: float
    ) -> tuple[ConnectionId, str] | None:
        """Give a viewer's offer to the machine, within `wait_s`; None: there is none yet.

        Raises:
            NotAllowed: not this session's machine token, or the gateway answers there.
        """
        driver = self.of_machine(machine_token, id)
        driver.talk(negotiation.MachineReady())
        boxes = driver.signalling.boxes

        def look() -> tuple[ConnectionId, str] | None:
            ids = [connection] if connection is not None else list(reversed(boxes))
            for each in ids:
                box = boxes.get(each)
                if box is not None and box.offer is not None and box.refusal is None:
                    return each, box.offer
            return None

        return await driver.signalling.wait(look, wait_s)

    async def answer_from_machine(
        self, machine_token: str, id: SessionId, connection: ConnectionId | None, sdp: str
    ) -> None:
        """Take the machine's answer. Raises NotAllowed, ConnectionNotFound, IllegalEvent."""
        driver = self.of_machine(machine_token, id)
        driver.talk(negotiation.AnswerMade(driver.signalling.newest(connection), sdp))

    async def add_machine_candidate(
        self,
        machine_token: str,
        id: SessionId,
        connection: ConnectionId | None,
        candidate: Candidate,
    ) -> None:
        """Take a candidate of the machine's. Raises NotAllowed, ConnectionNotFound."""
        driver = self.of_machine(machine_token, id)
        which = driver.signalling.newest(connection)
        driver.talk(negotiation.MachineCandidateReceived(which, candidate))

    async def viewer_candidates(
        self,
        machine_token: str,
        id: SessionId,
        connection: ConnectionId | None,
        after: int,
        wait_s: float,
    ) -> Sequence[Candidate]:
        """Give the viewer's candidates to the machine, from number `after` on."""
        signalling = self.of_machine(machine_token, id).signalling
        box = signalling.boxes[signalling.newest(connection)]
        return await signalling.candidates(lambda: box.for_machine, after, wait_s)
