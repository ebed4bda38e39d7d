"""What the rules need to know of an offer, and no more: whether its viewer could say anything.

The description itself is the answerer's to judge.
"""

from __future__ import annotations

import re

_SECTION = re.compile(r"^(?=m=)", re.M)
_CHANNEL = re.compile(r"m=application (\d{1,5}) (?:UDP|TCP)/DTLS/SCTP\b")


def watches_only(sdp: str) -> bool:
    """Whether an offer has no data channel section: its viewer sees, and cannot control.

    A plain WHEP player offers none. A section with port 0 is none either, unless it is bundled
    (`a=bundle-only`, RFC 9143 section 6).
    """
    return not any(_is_channel(section) for section in _SECTION.split(sdp))


def _is_channel(section: str) -> bool:
    found = _CHANNEL.match(section)
    return found is not None and (int(found[1]) > 0 or "\na=bundle-only" in section)
