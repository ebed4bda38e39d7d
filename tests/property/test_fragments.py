"""SDP fragments of any shape: read as they were meant, or refused by name."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st

from fanlight.api.fragments import MAX_CANDIDATES, read_fragment, read_offer
from fanlight.errors import FragmentRejected, OfferRejected

ICE = st.text("abcXYZ019+/", min_size=4, max_size=32)
ADDRESS = st.ip_addresses().map(str) | st.uuids().map(lambda id_: f"{id_}.local")
CANDIDATES = st.builds(
    lambda foundation, priority, address, port: (
        f"candidate:{foundation} 1 udp {priority} {address} {port} typ host"
    ),
    st.text("abc019", min_size=1, max_size=8),
    st.integers(0, 2**32 - 1),
    ADDRESS,
    st.integers(1, 65535),
)
NOISE = st.sampled_from(["a=ice-options:trickle", "a=unknown:x", "a=candidate:broken", "m=x"])


@given(st.text(max_size=2000) | st.lists(NOISE | CANDIDATES.map("a=".__add__)).map("\r\n".join))
@example("a=candidate:" + "9" * 600)
@example("\r\n" * 3000)
def test_any_text_is_read_or_refused_by_name(text: str) -> None:
    try:
        fragment = read_fragment(text)
    except FragmentRejected:
        return
    assert len(fragment.candidates) <= MAX_CANDIDATES
    for candidate in fragment.candidates:
        assert len(candidate.candidate) <= 512
        assert not set(candidate.candidate) & set("\r\n\0")


@given(
    ufrag=ICE,
    media=st.dictionaries(
        st.text("abc0123", min_size=1, max_size=4),
        st.lists(CANDIDATES, max_size=8),
        min_size=1,
        max_size=3,
    ),
    newline=st.sampled_from(["\r\n", "\n"]),
)
def test_candidates_come_out_as_they_were_written(
    ufrag: str, media: dict[str, list[str]], newline: str
) -> None:
    lines = [f"a=ice-ufrag:{ufrag}", "a=ice-pwd:secret"]
    for mid, candidates in media.items():
        lines += ["m=video 9 UDP/TLS/RTP/SAVPF 0", f"a=mid:{mid}"]
        lines += [f"a={candidate}" for candidate in candidates]

    fragment = read_fragment(newline.join(lines))

    assert fragment.ufrag == ufrag
    assert [(one.sdp_mid, one.candidate) for one in fragment.candidates] == [
        (mid, candidate) for mid, candidates in media.items() for candidate in candidates
    ]


@given(st.text(max_size=2000) | st.text(max_size=500).map("v=0\r\nm=video\r\n".__add__))
def test_any_text_is_an_offer_or_refused_by_name(text: str) -> None:
    try:
        facts = read_offer(text)
    except OfferRejected:
        return
    assert facts.ufrag
