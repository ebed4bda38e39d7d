"""Reading a viewer's offer (SDP, RFC 8866; JSEP, RFC 9429) and choosing what to answer.

Pure. GStreamer never sees what a viewer wrote: `read_offer` takes out what the gateway needs,
checked, and `Offer.canonical` says it again as a small offer of one video and at most one data
channel section. `answer.py` puts the other sections back, refused.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from fanlight.errors import OfferRejected

from .frames import Codec
from .networks import Candidate, parse_candidate

PLAYOUT_DELAY = "http://www.webrtc.org/experiments/rtp-hdrext/playout-delay"
TRANSPORT_CC = "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01"
MAX_SECTIONS = 16
MAX_LINE_CHARS = 4096
_TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`{|}~-]{1,64}")
_ICE_TEXT = re.compile(r"[A-Za-z0-9+/=_-]{4,256}")  # `=`, `_`, `-` are seen in the wild
_FINGERPRINT = re.compile(r"sha-(?:256|384|512) (?:[0-9A-Fa-f]{2}:){31,63}[0-9A-Fa-f]{2}")
_RTPMAP = re.compile(r"(\d{1,3}) ([A-Za-z0-9_.-]{1,32})/(\d{1,6})(?:/\d{1,2})?")
_FMTP = re.compile(r"(\d{1,3}) ([\x21-\x7e][\x20-\x7e]{0,511})")
_EXTMAP = re.compile(r"(\d{1,3})(?:/[a-z]+)? (\S{1,256})(?: .*)?")
_PROFILES = ("UDP/TLS/RTP/SAVPF", "TCP/TLS/RTP/SAVPF", "RTP/SAVPF")
_SETUP = {"actpass", "active", "passive"}


@dataclass(frozen=True, slots=True)
class Section:
    """One `m=` section: its line's words and its attributes in order."""

    kind: str
    port: int
    profile: str
    formats: tuple[str, ...]
    attributes: tuple[tuple[str, str], ...]

    def first(self, name: str) -> str | None:
        """The value of the first attribute of that name."""
        return next((value for key, value in self.attributes if key == name), None)

    def all(self, name: str) -> list[str]:
        """The values of every attribute of that name."""
        return [value for key, value in self.attributes if key == name]

    @property
    def is_rtp(self) -> bool:
        """Whether it can be accepted as RTP: its profile is known and it has a format."""
        is_media = self.kind in ("audio", "video") and self.profile in _PROFILES
        return is_media and bool(self.formats)

    @property
    def first_format(self) -> tuple[str, str]:
        """The first payload type and what it means ("" if the offer does not say)."""
        number = self.formats[0]
        found = (match for text in self.all("rtpmap") if (match := _RTPMAP.fullmatch(text)))
        meaning = next((match[0].split()[1] for match in found if match[1] == number), "")
        return number, meaning

    @property
    def mid(self) -> str | None:
        """The section's name, if it has a proper one."""
        mid = self.first("mid")
        return mid if mid is not None and _TOKEN.fullmatch(mid) else None


@dataclass(frozen=True, slots=True)
class Format:
    """The chosen payload type and what belongs to it."""

    payload_type: int
    encoding: str
    parameters: str = ""
    rtx_payload_type: int | None = None
    feedback: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Offer:
    """What of an offer is answered."""

    sections: tuple[Section, ...]
    video_index: int
    data_index: int | None
    ice_ufrag: str
    ice_pwd: str
    fingerprint: str
    setup: str
    format: Format
    playout_delay_id: int | None
    sctp_port: int
    tagged_index: int
    """The section that the offer's bundle hangs on (RFC 9143 section 7.2.1)."""
    candidates: tuple[Candidate, ...] = field(default=())
    candidates_refused: int = 0
    transport_cc_id: int | None = None
    """The number of the transport-wide sequence numbers, if their feedback is offered too."""

    def mid(self, index: int) -> str:
        """The name of a section; sections that have none get their number."""
        return self.sections[index].mid or str(index)

    def canonical(self) -> str:
        """The same offer in the gateway's own words, without candidates."""
        indices = [self.video_index, *([] if self.data_index is None else [self.data_index])]
        group = " ".join(self.mid(index) for index in indices)
        lines = ["v=0", "o=- 1 1 IN IP4 0.0.0.0", "s=-", "t=0 0", f"a=group:BUNDLE {group}"]
        lines += self._video_lines()
        if self.data_index is not None:
            lines += ["m=application 9 UDP/DTLS/SCTP webrtc-datachannel"]
            lines += self._transport_lines(self.mid(self.data_index))
            lines += [f"a=sctp-port:{self.sctp_port}", "a=max-message-size:262144"]
        return "\r\n".join(lines) + "\r\n"

    def _transport_lines(self, mid: str) -> list[str]:
        return [
            "c=IN IP4 0.0.0.0",
            f"a=ice-ufrag:{self.ice_ufrag}",
            f"a=ice-pwd:{self.ice_pwd}",
            f"a=fingerprint:{self.fingerprint}",
            f"a=setup:{self.setup}",
            f"a=mid:{mid}",
        ]

    def _video_lines(self) -> list[str]:
        chosen = self.format
        types = [chosen.payload_type]
        if chosen.rtx_payload_type is not None:
            types.append(chosen.rtx_payload_type)
        lines = [f"m=video 9 UDP/TLS/RTP/SAVPF {' '.join(map(str, types))}"]
        lines += self._transport_lines(self.mid(self.video_index))
        lines += ["a=recvonly", "a=rtcp-mux", "a=rtcp-rsize"]
        if self.playout_delay_id is not None:
            lines.append(f"a=extmap:{self.playout_delay_id} {PLAYOUT_DELAY}")
        if self.transport_cc_id is not None:
            lines.append(f"a=extmap:{self.transport_cc_id} {TRANSPORT_CC}")
        lines.append(f"a=rtpmap:{chosen.payload_type} {chosen.encoding}/90000")
        if chosen.parameters:
            lines.append(f"a=fmtp:{chosen.payload_type} {chosen.parameters}")
        lines += [f"a=rtcp-fb:{chosen.payload_type} {feedback}" for feedback in chosen.feedback]
        if chosen.rtx_payload_type is not None:
            lines.append(f"a=rtpmap:{chosen.rtx_payload_type} rtx/90000")
            lines.append(f"a=fmtp:{chosen.rtx_payload_type} apt={chosen.payload_type}")
        return lines


def read_offer(sdp: str, *, codec: Codec, max_bytes: int, max_candidates: int) -> Offer:
    """Take from an offer what is answered.

    Raises:
        OfferRejected: with a sentence that says what is missing or wrong.
    """
    if len(sdp.encode(errors="replace")) > max_bytes:
        raise OfferRejected(f"the offer is over {max_bytes} bytes long")
    session, sections = _split(sdp)
    video = _video_section(sections)
    data = next((i for i, part in enumerate(sections) if _is_data_channel(part)), None)

    def transport(name: str) -> str | None:
        return sections[video].first(name) or session.first(name) or sections[0].first(name)

    setup = transport("setup") or "actpass"
    if setup not in _SETUP:
        raise OfferRejected("a=setup is none of actpass, active, passive")
    port = sections[data].first("sctp-port") if data is not None else None
    candidates, refused = _candidates(sections, max_candidates)
    chosen = _choose(sections[video], codec)
    return Offer(
        sections=tuple(sections),
        video_index=video,
        data_index=data,
        ice_ufrag=_checked("ice-ufrag", transport("ice-ufrag"), _ICE_TEXT),
        ice_pwd=_checked("ice-pwd", transport("ice-pwd"), _ICE_TEXT),
        fingerprint=_checked("fingerprint", transport("fingerprint"), _FINGERPRINT),
        setup=setup,
        format=chosen,
        playout_delay_id=_extension_id(sections[video], PLAYOUT_DELAY),
        sctp_port=_port(port) or 5000,
        tagged_index=_tagged(session, sections, video),
        candidates=candidates,
        candidates_refused=refused,
        transport_cc_id=_extension_id(sections[video], TRANSPORT_CC)
        if "transport-cc" in chosen.feedback
        else None,
    )


def _port(text: str | None) -> int | None:
    is_port = text is not None and re.fullmatch(r"[0-9]{1,5}", text) is not None
    return int(text) if text is not None and is_port and int(text) < 65536 else None


def _split(sdp: str) -> tuple[Section, list[Section]]:
    if not sdp.startswith("v=0"):
        raise OfferRejected("the offer is not SDP: it does not begin with v=0")
    heads: list[list[str]] = [["session", "0", "", ""]]
    bodies: list[list[tuple[str, str]]] = [[]]
    for line in sdp.splitlines():
        if len(line) > MAX_LINE_CHARS:
            raise OfferRejected(f"a line of the offer is over {MAX_LINE_CHARS} characters long")
        if line.startswith("m="):
            heads.append(line[2:].split())
            bodies.append([])
        elif line.startswith("a="):
            name, _, value = line[2:].partition(":")
            bodies[-1].append((name, value.strip()))
    if not 2 <= len(heads) <= MAX_SECTIONS + 1:
        raise OfferRejected(f"the offer has {len(heads) - 1} media sections; 1 to 16 are taken")
    parts = [_section(head, body) for head, body in zip(heads, bodies, strict=True)]
    return parts[0], parts[1:]


def _section(head: list[str], body: list[tuple[str, str]]) -> Section:
    if len(head) < 4 and head[0:1] != ["session"]:
        raise OfferRejected("a media line of the offer has too few words")
    kind, port, profile, *formats = head
    is_plain = all(_TOKEN.fullmatch(word) for word in (kind, *formats) if word)
    if not is_plain or _port(port) is None:
        raise OfferRejected("a media line of the offer is malformed")
    if not re.fullmatch(r"[A-Za-z0-9/]{0,32}", profile):
        raise OfferRejected("a media line of the offer names no known profile")
    return Section(kind, int(port), profile, tuple(formats), tuple(body))


def _video_section(sections: list[Section]) -> int:
    videos = [index for index, part in enumerate(sections) if part.kind == "video"]
    if not videos:
        raise OfferRejected("the offer has no video section")
    for index in videos:
        part = sections[index]
        is_open = part.port != 0 or part.first("bundle-only") is not None
        is_receiving = part.first("sendonly") is None and part.first("inactive") is None
        if is_open and is_receiving and part.profile in _PROFILES:
            return index
    if all(sections[index].profile not in _PROFILES for index in videos):
        raise OfferRejected("the video section's profile is not UDP/TLS/RTP/SAVPF")
    raise OfferRejected("no video section of the offer receives; offer recvonly")


def _tagged(session: Section, sections: list[Section], video: int) -> int:
    groups = [text.split()[1:] for text in session.all("group") if text.startswith("BUNDLE ")]
    mids = [part.mid for part in sections]
    for group in groups:
        if group and group[0] in mids and mids[video] in group:
            return mids.index(group[0])
    return video


def _is_data_channel(part: Section) -> bool:
    is_sctp = part.profile in ("UDP/DTLS/SCTP", "TCP/DTLS/SCTP")
    is_open = part.port != 0 or part.first("bundle-only") is not None
    return part.kind == "application" and is_sctp and is_open


def _checked(name: str, value: str | None, pattern: re.Pattern[str]) -> str:
    if value is None:
        raise OfferRejected(f"the offer has no a={name}")
    if not pattern.fullmatch(value):
        raise OfferRejected(f"the offer's a={name} is malformed")
    return value


def _candidates(sections: list[Section], max_candidates: int) -> tuple[tuple[Candidate, ...], int]:
    found: dict[Candidate, None] = {}
    refused = 0
    for part in sections:
        for text in part.all("candidate"):
            candidate = parse_candidate("candidate:" + text)
            if candidate is None or (len(found) >= max_candidates and candidate not in found):
                refused += 1
                continue
            found[candidate] = None
    return tuple(found), refused


def _extension_id(part: Section, uri: str) -> int | None:
    """Give an extension's number; None: not offered, or its number is said twice, or too high.

    Numbers name one extension each (RFC 8285 section 5), up to 14 in the one-byte form.
    """
    maps = [match for text in part.all("extmap") if (match := _EXTMAP.fullmatch(text))]
    numbers = [int(match[1]) for match in maps]
    for number, match in zip(numbers, maps, strict=True):
        if match[2] == uri and 1 <= number <= 14 and numbers.count(number) == 1:
            return number
    return None


def _choose(part: Section, codec: Codec) -> Format:
    encodings = _encodings(part)
    parameters = {
        int(match[1]): match[2]
        for text in part.all("fmtp")
        if (match := _FMTP.fullmatch(text)) is not None
    }
    wanted = "VP8" if codec == "vp8" else "H264"
    types = [number for number, name in encodings.items() if name.upper() == wanted]
    if codec == "h264":
        types = _by_h264_fitness(types, parameters)
    if not types:
        raise OfferRejected(f"the offer has no {_WORDS[codec]}, which this session is sent in")
    chosen = types[0]
    return Format(
        payload_type=chosen,
        encoding=wanted,
        parameters=_h264_parameters(parameters.get(chosen, "")) if codec == "h264" else "",
        rtx_payload_type=_rtx(encodings, parameters, chosen),
        feedback=_feedback(part, chosen),
    )


_WORDS: dict[str, str] = {
    "vp8": "VP8",
    "h264": "H.264 with packetization-mode=1",
}


def _encodings(part: Section) -> dict[int, str]:
    found: dict[int, str] = {}
    for text in part.all("rtpmap"):
        match = _RTPMAP.fullmatch(text)
        if match is None or match[3] != "90000" or match[1] not in part.formats:
            continue
        number = int(match[1])
        if 35 <= number <= 63 or 96 <= number <= 127:
            found[number] = match[2]
    order = {text: place for place, text in enumerate(part.formats)}
    return dict(sorted(found.items(), key=lambda item: order[str(item[0])]))


def _h264_values(text: str) -> dict[str, str]:
    pairs = (item.strip().partition("=") for item in text.split(";"))
    return {name.lower(): value for name, _, value in pairs}


def _by_h264_fitness(types: list[int], parameters: dict[int, str]) -> list[int]:
    """Put constrained baseline first: it is what the machine encodes; mode 0 is left out."""

    def profile(number: int) -> str:
        return _h264_values(parameters.get(number, "")).get("profile-level-id", "42000a").lower()

    def rank(number: int) -> int:
        return next(
            (i for i, head in enumerate(("42e0", "42")) if profile(number).startswith(head)), 2
        )

    def is_usable(number: int) -> bool:
        values = _h264_values(parameters.get(number, ""))
        return values.get("packetization-mode") == "1" and _is_hex(profile(number))

    return sorted((number for number in types if is_usable(number)), key=rank)


def _is_hex(text: str) -> bool:
    return re.fullmatch(r"[0-9a-f]{6}", text) is not None


def _h264_parameters(text: str) -> str:
    profile = _h264_values(text).get("profile-level-id", "42000a").lower()
    return f"level-asymmetry-allowed=1;packetization-mode=1;profile-level-id={profile}"


def _rtx(encodings: dict[int, str], parameters: dict[int, str], chosen: int) -> int | None:
    for number, name in encodings.items():
        apt = re.match(r"apt=(\d{1,3})(?:;|$)", parameters.get(number, ""))
        if name.lower() == "rtx" and apt and int(apt[1]) == chosen:
            return number
    return None


def _feedback(part: Section, chosen: int) -> tuple[str, ...]:
    offered = part.all("rtcp-fb")
    known = ("nack", "nack pli", "ccm fir", "transport-cc")
    return tuple(name for name in known if f"{chosen} {name}" in offered or f"* {name}" in offered)
