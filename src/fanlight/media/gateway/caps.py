"""How a viewer's stream is told to webrtcbin: as caps. Pure."""

from __future__ import annotations

from .offer import PLAYOUT_DELAY, TRANSPORT_CC, Offer
from .rtp import Stream


def stream_caps(offer: Offer, stream: Stream) -> str:
    """Give the caps of a viewer's packets, as its offer wants them."""
    chosen = offer.format
    fields = [
        "application/x-rtp",
        "media=(string)video",
        f"encoding-name=(string){chosen.encoding}",
        "clock-rate=(int)90000",
        f"payload=(int){chosen.payload_type}",
    ]
    for item in filter(None, chosen.parameters.split(";")):
        name, _, value = item.partition("=")
        fields.append(f'{name}=(string)"{value}"')
    fields += [f"rtcp-fb-{name.replace(' ', '-')}=(boolean)true" for name in chosen.feedback]
    if stream.playout_delay_id is not None:
        fields.append(f'extmap-{stream.playout_delay_id}=(string)"{PLAYOUT_DELAY}"')
    if stream.transport_cc_id is not None:
        fields.append(f'extmap-{stream.transport_cc_id}=(string)"{TRANSPORT_CC}"')
    return ",".join(fields)
