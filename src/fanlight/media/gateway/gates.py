"""What of one viewer's words counts: input, feedback, requests for lost packets."""

from __future__ import annotations

from dataclasses import dataclass, field

from .feedback import FeedbackGate
from .input import InputGate
from .limits import Limits
from .retransmissions import RetransmissionGate


@dataclass
class Gates:
    """The gates of one viewer; each refuses and counts what is too much."""

    limits: Limits
    input: InputGate = field(init=False)
    feedback: FeedbackGate = field(init=False)
    retransmissions: RetransmissionGate = field(init=False)

    def __post_init__(self) -> None:
        self.input = InputGate(self.limits)
        self.feedback = FeedbackGate(self.limits)
        self.retransmissions = RetransmissionGate()
