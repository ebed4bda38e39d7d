"""Completing webrtcbin's answer for the viewer. Pure.

webrtcbin answered the canonical offer (`offer.py`); the viewer's has perhaps more sections, in
another order. Every section of the viewer's offer gets its answer here, refused ones with port 0,
and the announced candidates are written in.
"""

from __future__ import annotations

from fanlight.errors import OfferRejected

from .networks import Address, Candidate
from .offer import Offer, Section

MAX_MESSAGE_BYTES = 65_536


def complete_answer(sdp: str, offer: Offer, candidates: tuple[Candidate, ...]) -> str:
    """Give the answer for the viewer, from webrtcbin's `sdp` and the announced candidates.

    Raises:
        OfferRejected: webrtcbin refused the video section.
    """
    head, parts = _split(sdp)
    answered = dict(zip(_answered(offer), parts, strict=False))
    if not answered or _is_refused(parts[0]):
        raise OfferRejected("no format of the offer's video section can be sent")
    kept = {index: _cleaned(part) for index, part in answered.items() if not _is_refused(part)}
    if offer.tagged_index not in kept and offer.sections[offer.tagged_index].is_rtp:
        # Chromium cannot take a bundle (of max-bundle) whose first section is refused.
        kept[offer.tagged_index] = _idle(offer, kept[offer.video_index])
    accepted = sorted(kept)
    group = " ".join(offer.mid(index) for index in accepted)
    lines = [line for line in head if not line.startswith("a=group:")]
    lines.append(f"a=group:BUNDLE {group}")
    for index, section in enumerate(offer.sections):
        if index not in kept:
            lines += _refused(section, offer.mid(index))
            continue
        lines += kept[index]
        if index == accepted[0]:
            lines += [f"a={candidate.line()}" for candidate in candidates]
            lines.append("a=end-of-candidates")
    return "\r\n".join(lines) + "\r\n"


def announced_candidates(
    found: list[Candidate], announced: tuple[Address, ...], gathered: tuple[Address, ...]
) -> tuple[Candidate, ...]:
    """Keep UDP host candidates of announced addresses.

    An announced address that the host does not have stands for a NAT in front of it: it is named
    instead of the first gathered one of its family, with the same ports.
    """
    mine = [c for c in found if c.transport == "udp" and c.kind == "host" and c.component == 1]
    kept = [c for c in mine if c.address in {str(address) for address in announced}]
    for address in announced:
        if address in gathered:
            continue
        inner = next(
            (str(g) for g in gathered if g.version == address.version and not g.is_loopback), ""
        )
        kept += [
            Candidate(1, "udp", c.priority, str(address), c.port, "host", f"nat{c.foundation}")
            for c in mine
            if c.address == inner
        ]
    return tuple(sorted(set(kept), key=lambda c: -c.priority))


def _is_refused(part: list[str]) -> bool:
    return part[0].split()[1] == "0"


def _idle(offer: Offer, video: list[str]) -> list[str]:
    """Accept a section that nothing is ever sent in, on the video's transport."""
    section = offer.sections[offer.tagged_index]
    shared = ("c=", "a=ice-ufrag:", "a=ice-pwd:", "a=fingerprint:", "a=setup:")
    number, encoding = section.first_format
    return [
        f"m={section.kind} 9 {section.profile} {number}",
        *(line for line in video if line.startswith(shared)),
        f"a=mid:{offer.mid(offer.tagged_index)}",
        "a=rtcp-mux",
        "a=inactive",
        *([f"a=rtpmap:{number} {encoding}"] if encoding else []),
    ]


def _answered(offer: Offer) -> list[int]:
    return [offer.video_index, *([] if offer.data_index is None else [offer.data_index])]


def _split(sdp: str) -> tuple[list[str], list[list[str]]]:
    head: list[str] = []
    parts: list[list[str]] = []
    for line in sdp.splitlines():
        if line.startswith("m="):
            parts.append([line])
        elif line:
            (parts[-1] if parts else head).append(line)
    return head, parts


def _cleaned(lines: list[str]) -> list[str]:
    dropped = ("a=candidate:", "a=end-of-candidates", "a=max-message-size:")
    kept = [line for line in lines if not line.startswith(dropped)]
    if kept[0].startswith("m=application"):
        kept.append(f"a=max-message-size:{MAX_MESSAGE_BYTES}")
    return kept


def _refused(section: Section, mid: str) -> list[str]:
    formats = " ".join(section.formats)
    return [
        f"m={section.kind} 0 {section.profile} {formats}",
        "c=IN IP4 0.0.0.0",
        f"a=mid:{mid}",
        "a=inactive",
    ]
