"""What WHEP needs to read in SDP: an offer's ufrag and media ids, and trickled fragments.

Pure. The description itself is the answerer's to judge; here it is only looked at as far as
HTTP's own rules need it. RFC 8840 section 9 is the fragment's grammar.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from fanlight.errors import FragmentRejected, OfferRejected
from fanlight.session.negotiation import Candidate

MAX_LINES = 5_000
MAX_LINE_CHARACTERS = 16_384
MAX_FRAGMENT_LINES = 512
MAX_CANDIDATES = 64
MAX_CANDIDATE_CHARACTERS = 512

_LINE = re.compile(r"[a-z]=[^\x00-\x1f\x7f]*")
_ICE = re.compile(r"[A-Za-z0-9+/]+")
_CANDIDATE = re.compile(r"candidate:[A-Za-z0-9+/]{1,32} [0-9]{1,5} [A-Za-z]{1,8} [0-9]{1,10} \S+ ")


@dataclass(frozen=True, slots=True)
class OfferFacts:
    """What trickling needs to know of an offer."""

    ufrag: str
    mids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Fragment:
    """A trickled fragment: candidates for a generation named by its ufrag ("" when unsaid)."""

    ufrag: str
    pwd: str
    candidates: tuple[Candidate, ...]


def read_offer(sdp: str) -> OfferFacts:
    """Give the facts of an offer. Raises OfferRejected for what can be no offer."""
    lines = sdp.splitlines()
    if not sdp.startswith("v=0") or len(lines) > MAX_LINES:
        raise OfferRejected("this is not a session description")
    if any(len(line) > MAX_LINE_CHARACTERS or not _LINE.fullmatch(line) for line in lines if line):
        raise OfferRejected("a line of the description is malformed")
    if not any(line.startswith("m=") for line in lines):
        raise OfferRejected("the description has no media")
    ufrag = _value(lines, "a=ice-ufrag:")
    if not 4 <= len(ufrag) <= 256 or not _ICE.fullmatch(ufrag):
        raise OfferRejected("the description has no ICE credentials")
    mids = tuple(line[6:].strip() for line in lines if line.startswith("a=mid:"))
    return OfferFacts(ufrag, mids)


def read_fragment(text: str) -> Fragment:
    """Give what a fragment says. Raises FragmentRejected.

    Candidates that cannot be used are left out silently, as the draft wants it.
    """
    lines = [line for line in re.split(r"\r\n|\n|\r", text) if line]
    if not lines or len(lines) > MAX_FRAGMENT_LINES:
        raise FragmentRejected("the fragment is empty or too long")
    candidates: list[Candidate] = []
    mid, index = None, -1
    for line in lines:
        if not _LINE.fullmatch(line):
            raise FragmentRejected("a line of the fragment is malformed")
        if line.startswith("m="):
            mid, index = None, index + 1
        elif line.startswith("a=mid:"):
            mid = line[6:].strip()
        elif (text_ := _candidate(line)) is not None and len(candidates) < MAX_CANDIDATES:
            # Without a mid, the line's number among the m-lines says where it belongs.
            place = max(index, 0) if mid is None else None
            candidates.append(Candidate(text_, mid, place))
    ufrag, pwd = _value(lines, "a=ice-ufrag:"), _value(lines, "a=ice-pwd:")
    if not (ufrag or candidates):
        raise FragmentRejected("the fragment has neither credentials nor candidates")
    return Fragment(ufrag, pwd, tuple(candidates))


def _candidate(line: str) -> str | None:
    """The candidate of a line: empty for the end of them, None for none or an unusable one."""
    if line == "a=end-of-candidates":
        return ""
    text = line.removeprefix("a=")
    usable = len(text) <= MAX_CANDIDATE_CHARACTERS and _CANDIDATE.match(text)
    return text if usable else None


def _value(lines: list[str], name: str) -> str:
    return next((line[len(name) :].strip() for line in lines if line.startswith(name)), "")
